#include "control/secrets.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/vault.hpp"
#include "manifest/parse.hpp"

namespace bulkhead::control {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kText = R"(app: vault
secrets:
  db: {file: db.txt}
  token: {environment: TOKEN}
  certs: {directory: ./certs}
services:
  web:
    command: [./web]
    secrets:
      - {source: db, signal: HUP}
      - {source: token, target: api, env: API_TOKEN}
      - {source: certs, mode: 0440}
)";

class SecretsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "secrets-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "certs");
    write("db.txt", "hunter2hunter2\n");
    write("certs/key.pem", "key");
    write("certs/cert.pem", "cert");
    application_ = *manifest::parse(kText).application;
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& path, std::string_view content) {
    std::ofstream(root_ / path) << content;
    fs::permissions(root_ / path, fs::perms::owner_read | fs::perms::owner_write);
  }
  SecretReader reader() const {
    auto reader = SecretReader::open((root_ / "key").string());
    EXPECT_TRUE(reader);
    return *reader;
  }
  SecretContents read(const Variables& variables = {{"TOKEN", "tok-en"}}, const SecretContents& before = {}) const {
    return reader().read(application_, root_.string(), variables, before);
  }
  const manifest::Service& web() const { return application_.services.front(); }
  std::vector<std::string> problems(const SecretContents& contents) const {
    return secret_problems(application_.granted_secrets(), root_.string(), contents);
  }
  fs::path root_;
  manifest::Application application_;
};

TEST_F(SecretsTest, AreFilesAndVariablesAsTheServiceAsksForThem) {
  const auto contents = read();
  EXPECT_THAT(problems(contents), ElementsAre());
  const auto files = secret_files(web(), root_.string(), contents);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(*files, (std::vector<compartments::SecretFile>{{"db", "db", "hunter2hunter2\n", 0400, SIGHUP},
                                                           {"token", "api", "tok-en", 0400, 0},
                                                           {"certs", "certs/cert.pem", "cert", 0440, 0},
                                                           {"certs", "certs/key.pem", "key", 0440, 0}}));
  const auto variables = secret_variables(web(), root_.string(), contents);
  ASSERT_TRUE(variables);
  EXPECT_EQ(*variables, (std::map<std::string, std::string>{{"API_TOKEN", "tok-en"}}));
}

TEST_F(SecretsTest, WhatCanNotBeReadStaysWhatItWas) {
  const auto before = read();
  fs::remove(root_ / "db.txt");
  const auto after = read({}, before);
  EXPECT_THAT(problems(after), ElementsAre(HasSubstr("bulkhead.yaml:3:3: secret 'db': "),
                                           HasSubstr("secret 'token': the variable TOKEN is not set")));
  EXPECT_EQ(changed_secrets(web(), root_.string(), before, after), std::set<std::string>());
  EXPECT_TRUE(secret_files(web(), root_.string(), after));
  EXPECT_FALSE(secret_files(web(), root_.string(), read({})));
}

TEST_F(SecretsTest, WhatIsThereAndCanNotBeReadIsTriedAgain) {
  const std::string key = content_key(application_.secrets.front(), root_.string());
  const auto before = read();
  write("db.txt", "");
  EXPECT_EQ(read({}, before).at(key).fingerprint, "");
  fs::remove(root_ / "db.txt");
  EXPECT_EQ(read({}, before).at(key).fingerprint, kNoFile);
  EXPECT_NE(before.at(key).fingerprint, "");
}

TEST_F(SecretsTest, WhatMustBeTextIsText) {
  write("certs/\xff", "key");
  EXPECT_THAT(problems(read()), ElementsAre(HasSubstr("certs has a file whose name is no text")));
  for (const char* value : {"\xff",
                            "a\x1b"
                            "b"}) {
    const auto variables = secret_variables(web(), root_.string(), read({{"TOKEN", value}}));
    EXPECT_FALSE(variables);
  }
}

TEST_F(SecretsTest, AChangeIsToldByTheNameInside) {
  const auto before = read();
  write("certs/key.pem", "another key");
  const auto after = read({{"TOKEN", "another"}}, before);
  EXPECT_EQ(changed_secrets(web(), root_.string(), before, after), (std::set<std::string>{"api", "certs"}));
}

TEST_F(SecretsTest, NoMessageHasAContentInIt) {
  write("db.txt", "");
  write("certs/.hidden", "hunter2hunter2");
  for (const std::string& problem : problems(read({}))) EXPECT_EQ(problem.find("hunter2"), std::string::npos);
  const auto contents = read({{"TOKEN", std::string("hunter2\0hunter2", 15)}});
  const auto variables = secret_variables(web(), root_.string(), contents);
  ASSERT_FALSE(variables);
  EXPECT_EQ(variables.error().message, "secret 'token' is no text, which a variable must be: remove 'env'");
}

TEST_F(SecretsTest, ADigestIsOfThisApplicationsKey) {
  const std::vector<SecretFile> files{{"", "hunter2"}};
  const std::string digest = reader().digest_of(files);
  EXPECT_EQ(digest.size(), 64U);
  EXPECT_EQ(reader().digest_of(files), digest);  // the same key, read again
  EXPECT_NE(reader().digest_of({{"h", "unter2"}}), digest);
  struct stat status{};
  ASSERT_EQ(::stat((root_ / "key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  fs::remove(root_ / "key");
  EXPECT_NE(reader().digest_of(files), digest);
}

TEST_F(SecretsTest, AFingerprintTellsARewrittenFile) {
  const manifest::Secret& db = application_.secrets[0];
  const manifest::Secret& certs = application_.secrets[2];
  const auto print = [&](const manifest::Secret& secret) { return fingerprint_of(secret, root_.string()); };
  const std::string file = print(db);
  const std::string directory = print(certs);
  EXPECT_EQ(print(db), file);
  write("db.txt", "x");
  EXPECT_NE(print(db), file);
  write("certs/more", "x");
  EXPECT_NE(print(certs), directory);
  fs::remove(root_ / "db.txt");
  EXPECT_EQ(print(db), "none");
  EXPECT_EQ(print(application_.secrets[1]), "");
}

TEST_F(SecretsTest, ADirectoryHoldsFilesAlone) {
  fs::create_directories(root_ / "certs/..2026");
  EXPECT_THAT(problems(read()), ElementsAre());
  fs::create_directories(root_ / "certs/old");
  EXPECT_THAT(problems(read()), ElementsAre(HasSubstr("certs/old is no file")));
}

TEST_F(SecretsTest, CheckFindsWhatIsMissingAndWhatOthersMayRead) {
  fs::permissions(root_ / "certs/key.pem", fs::perms::owner_read | fs::perms::group_read);
  fs::remove(root_ / "db.txt");
  const auto findings = secret_findings(application_, root_.string(), [](const std::string&) { return std::nullopt; });
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].code, "secret-file");
  EXPECT_EQ(findings[0].severity, manifest::Severity::error);
  EXPECT_EQ(findings[1].code, "secret-variable");
  EXPECT_EQ(findings[2].code, "secret-mode");
  EXPECT_THAT(findings[2].message, HasSubstr("(mode 0440)"));
  EXPECT_EQ(findings[2].severity, manifest::Severity::warning);
}

TEST_F(SecretsTest, AreRedactedInAnyPartOfAMessage) {
  application_.services.push_back({.name = "postgres"});
  write("certs/key.pem", "postgres");
  const auto contents = read({{"TOKEN", "correct horse"}});
  const auto redactor = redactor_of(application_, root_.string(), {&contents});
  const nlohmann::json message = {
      {"argv", {"psql", "hunter2hunter2"}}, {"deep", {{"x", "a correct horse"}}}, {"service", "postgres"}, {"n", 1}};
  EXPECT_EQ(redacted(*redactor, message), (nlohmann::json{{"argv", {"psql", "[secret db]"}},
                                                          {"deep", {{"x", "a [secret token]"}}},
                                                          {"service", "postgres"},
                                                          {"n", 1}}));
}

TEST_F(SecretsTest, EachServiceHasMarksOfItsOwnAlone) {
  application_.services.push_back({.name = "idle"});
  const auto contents = read({{"TOKEN", "correct horse"}});
  const auto marks = reader().marks_of(application_, root_.string(), {&contents});
  ASSERT_EQ(marks.size(), 1U);
  EXPECT_THAT(marks.at("web"), testing::Not(HasSubstr("horse")));
  const auto found = telemetry::SecretMarks::from_texts(std::span(&marks.at("web"), 1));
  ASSERT_TRUE(found);
  std::string text = "a correct%20horse, hunter2hunter2";
  found->hide(text);
  EXPECT_EQ(text, "a [secret token]*, [secret db]***");
  EXPECT_EQ(reader().marks_of(application_, root_.string(), {&contents}), marks);
}

TEST(Vault, GivesBackWhatItWasGivenAndNothingElse) {
  auto vault = Vault::open();
  ASSERT_TRUE(vault);
  EXPECT_EQ(*vault->read(), Variables());
  ASSERT_TRUE(vault->write({{"A", std::string(1000, 'x')}, {"B", "y"}}));
  ASSERT_TRUE(vault->write({{"B", "y"}}));
  EXPECT_EQ(*vault->read(), (Variables{{"B", "y"}}));
}

TEST(Vault, IsWhatTheNextProcessFinds) {
  const Fd was(::fcntl(Vault::kNumber, F_DUPFD_CLOEXEC, 100));
  ::close(Vault::kNumber);
  auto vault = Vault::open();
  ASSERT_TRUE(vault);
  EXPECT_NE(vault->descriptor(), Vault::kNumber);
  ASSERT_TRUE(vault->write({{"B", "y"}}));
  ASSERT_TRUE(vault->stay_across_exec());
  EXPECT_EQ(::fcntl(Vault::kNumber, F_GETFD) & FD_CLOEXEC, 0);
  const auto next = Vault::open();
  ASSERT_TRUE(next);
  EXPECT_EQ(*next->read(), (Variables{{"B", "y"}}));
  EXPECT_EQ(::fcntl(Vault::kNumber, F_GETFD), -1);
  if (was) ::dup2(was.get(), Vault::kNumber);
}

}  // namespace
}  // namespace bulkhead::control
