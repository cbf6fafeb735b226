#include "compartments/secret_files.hpp"

#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

namespace fs = std::filesystem;

SecretFile file(const std::string& path, const std::string& content, unsigned signal = 0) {
  return {path.substr(0, path.find('/')), path, content, 0400, signal};
}

// A directory in the place of the compartment's.
class SecretFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may give files to others";
    std::string name = (fs::temp_directory_path() / "secrets-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    files_ = SecretFiles(Fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  }
  void TearDown() override {
    if (!root_.empty()) fs::remove_all(root_);
  }
  std::string content(const std::string& path) const {
    const auto text = read_file((root_ / path).string());
    return text ? *text : "(" + text.error().message + ")";
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root_)) names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
  fs::path root_;
  SecretFiles files_;
};

TEST_F(SecretFilesTest, AreTheServicesOwnAndForNobodyElse) {
  ASSERT_TRUE(files_.replace({file("db", "one"), file("certs/key.pem", "two")}));
  EXPECT_EQ(content("db"), "one");
  EXPECT_EQ(content("certs/key.pem"), "two");
  struct stat status{};
  ASSERT_EQ(::stat((root_ / "db").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kServiceId);
  EXPECT_EQ(status.st_mode & 07777U, 0400U);
}

TEST_F(SecretFilesTest, ChangeAllAtOnceAndLeaveNothingOfTheFormerOnes) {
  ASSERT_TRUE(files_.replace({file("db", "one"), file("certs/old.pem", "old"), file("gone", "x")}));
  const int before = ::open((root_ / "db").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_TRUE(files_.replace({file("db", "two"), file("certs/new.pem", "new")}));
  EXPECT_EQ(content("db"), "two");
  EXPECT_EQ(content("certs/new.pem"), "new");
  EXPECT_THAT(names(), testing::ElementsAre("..2", "..data", "certs", "db"));
  EXPECT_FALSE(fs::exists(root_ / "certs/old.pem"));
  char text[8] = {};
  EXPECT_EQ(::read(before, text, sizeof text), 3);  // whoever has it open reads what it was
  EXPECT_STREQ(text, "one");
  ::close(before);
}

TEST_F(SecretFilesTest, StayAsTheyWereWhereTheNewOnesCanNotBe) {
  ASSERT_TRUE(files_.replace({file("db", "one")}));
  const auto failed = files_.replace({file("db", "two"), file("db/below", "three")});
  ASSERT_FALSE(failed);
  EXPECT_EQ(content("db"), "one");
  EXPECT_THAT(names(), testing::ElementsAre("..1", "..data", "db"));
  ASSERT_TRUE(files_.replace({file("db", "four")}));
  EXPECT_EQ(content("db"), "four");
}

TEST(SecretFiles, CanNotBeReplacedWhereThereAreNone) { EXPECT_FALSE(SecretFiles().replace({file("db", "one")})); }

TEST(SecretFiles, ASignalIsOfTheSecretsThatChanged) {
  const auto bit = [](int number) { return 1U << static_cast<unsigned>(number); };
  const std::vector<SecretFile> before{file("db", "one", SIGHUP), file("certs/a", "a", SIGUSR1),
                                       file("certs/b", "b", SIGUSR1), file("quiet", "x")};
  EXPECT_EQ(signals_of_change(before, before), 0U);
  auto after = before;
  after[0].content = "two";
  EXPECT_EQ(signals_of_change(before, after), bit(SIGHUP));
  after[3].content = "y";
  EXPECT_EQ(signals_of_change(before, after), bit(SIGHUP));
  after.erase(after.begin() + 2);
  EXPECT_EQ(signals_of_change(before, after), bit(SIGHUP) | bit(SIGUSR1));
  after = before;
  after[0].signal = SIGUSR2;
  EXPECT_EQ(signals_of_change(before, after), 0U);
}

TEST(SecretFiles, AreWhatTheyWereAfterTheWayToInit) {
  const std::vector<SecretFile> files{file("db", std::string("\0\xff", 2), SIGHUP), file("certs/a", "a")};
  const auto memory = pack_secrets(files);
  ASSERT_TRUE(memory);
  const auto read = unpack_secrets(*memory);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, files);
}

}  // namespace
}  // namespace bulkhead::compartments
