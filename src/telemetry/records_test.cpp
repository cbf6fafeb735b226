#include "telemetry/records.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/fd.hpp"

namespace bulkhead::telemetry {
namespace {

class RecordsTest : public testing::Test {
 protected:
  RecordsTest() {
    std::string pattern = testing::TempDir() + "records-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/edges.jsonl";
  }
  ~RecordsTest() override { std::filesystem::remove_all(directory_); }

  std::string content(const std::string& suffix = "") const {
    const auto text = read_file(path_ + suffix);
    return text ? *text : "";
  }
  Records::Options options() const { return {.path = path_}; }

  std::string directory_;
  std::string path_;
};

TEST_F(RecordsTest, LinesAreWrittenInOrderAndOnlyForTheOwner) {
  const auto records = Records::open(options());
  ASSERT_TRUE(records.has_value());
  (*records)->append("{\"a\":1}");
  (*records)->append("{\"a\":2}");
  (*records)->flush();
  EXPECT_EQ(content(), "{\"a\":1}\n{\"a\":2}\n");
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(RecordsTest, SecretsAreHiddenInWhatIsWritten) {
  const auto records = Records::open(options());
  ASSERT_TRUE(records.has_value());
  Redactor secrets;
  secrets.add("key", "k-0123456789");
  (*records)->hide(std::make_shared<const SecretMarks>(SecretMarks::Key{}, secrets));
  (*records)->append(R"({"path":"/hooks/k-0123456789"})");
  (*records)->flush();
  EXPECT_EQ(content(), "{\"path\":\"/hooks/[secret key]\"}\n");
  (*records)->hide(nullptr);
  (*records)->append(R"({"path":"/hooks/k-0123456789"})");
  (*records)->flush();
  EXPECT_TRUE(content().ends_with("/hooks/k-0123456789\"}\n"));
}

TEST_F(RecordsTest, WhatWasAppendedIsThereAfterTheEnd) {
  {
    (*Records::open(options()))->append("{\"last\":true}");
  }
  EXPECT_EQ(content(), "{\"last\":true}\n");
}

TEST_F(RecordsTest, ALineIsWrittenSoonThoughNobodyAsksForIt) {
  const auto records = *Records::open(options());
  for (const std::string expected : {"1\n", "1\n2\n"}) {
    records->append(expected.substr(expected.size() - 2, 1));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (content() != expected && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_EQ(content(), expected);
  }
}

TEST_F(RecordsTest, AFullFileIsRotatedAndTheOldestGoes) {
  auto small = options();
  small.file_bytes = 20;
  small.old_files = 2;
  const auto records = *Records::open(small);
  for (int i = 0; i < 5; ++i) {
    records->append(fmt::format("{{\"line\":\"number {}\"}}", i));
    records->flush();
  }
  EXPECT_EQ(content(), "{\"type\":\"file\",\"before\":4}\n{\"line\":\"number 4\"}\n");
  EXPECT_EQ(content(".1"), "{\"type\":\"file\",\"before\":3}\n{\"line\":\"number 3\"}\n");
  EXPECT_EQ(content(".2"), "{\"type\":\"file\",\"before\":2}\n{\"line\":\"number 2\"}\n");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".3"));
}

TEST_F(RecordsTest, TheCountOfLinesGoesOnInAnotherProcess) {
  auto small = options();
  small.file_bytes = 50;
  for (int i = 0; i < 6; ++i) (*Records::open(small))->append(fmt::format("{{\"line\":\"number {}\"}}", i));
  EXPECT_EQ(content(), "{\"type\":\"file\",\"before\":5}\n{\"line\":\"number 5\"}\n");
  EXPECT_EQ(content(".1"), "{\"type\":\"file\",\"before\":3}\n{\"line\":\"number 3\"}\n{\"line\":\"number 4\"}\n");
}

TEST_F(RecordsTest, WhatDoesNotFitIsDroppedAndTheFileSaysSo) {
  auto small = options();
  small.buffer_bytes = 100;
  const auto records = *Records::open(small);
  records->append(std::string(200, 'x'));
  EXPECT_EQ(records->dropped(), 1U);
  records->append("{}");
  records->flush();
  EXPECT_EQ(content(), "{}\n{\"type\":\"dropped\",\"lines\":1}\n");
}

TEST_F(RecordsTest, AFullDiskIsCounted) {
  const auto records = Records::open({.path = "/dev/full"});
  ASSERT_TRUE(records.has_value());
  (*records)->append("{}");
  (*records)->append("{}");
  (*records)->flush();
  EXPECT_EQ((*records)->dropped(), 2U);
}

// A limit on the size of files stands for the full disk: it refuses the rest of a write in the same way.
TEST_F(RecordsTest, WhatAFullDiskRefusedIsWrittenOnceThereIsRoom) {
  ::signal(SIGXFSZ, SIG_IGN);  // NOLINT(cert-err33-c)
  const auto records = *Records::open(options());
  records->append(R"({"n":1})");
  records->flush();
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit full = before;
  full.rlim_cur = content().size() + 3;
  ::setrlimit(RLIMIT_FSIZE, &full);
  records->append(R"({"n":2})");
  while (content().size() < full.rlim_cur) std::this_thread::yield();
  records->append(R"({"n":3})");
  ::setrlimit(RLIMIT_FSIZE, &before);
  const std::string all = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";
  while (content().size() < all.size()) std::this_thread::yield();
  EXPECT_EQ(content(), all);
  EXPECT_EQ(records->dropped(), 0U);
}

TEST_F(RecordsTest, WhatAFullDiskRefusesTooLongIsBounded) {
  ::signal(SIGXFSZ, SIG_IGN);  // NOLINT(cert-err33-c)
  auto small = options();
  small.buffer_bytes = 1000;
  const auto records = *Records::open(small);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit full = before;
  full.rlim_cur = 3;
  ::setrlimit(RLIMIT_FSIZE, &full);
  // What the other thread holds just now is not counted yet, so it may be some more than fit.
  std::uint64_t lines = 0;
  while (records->dropped() < 75 && lines < 100'000) {
    records->append(R"({"n":0})");
    ++lines;
  }
  EXPECT_GE(records->dropped(), 75U);
  records->flush();
  EXPECT_EQ(records->dropped(), lines);
  ::setrlimit(RLIMIT_FSIZE, &before);
  records->append("{}");
  records->flush();
  EXPECT_EQ(content(), fmt::format("{{\"n\n{{}}\n{{\"type\":\"dropped\",\"lines\":{}}}\n", lines));
}

TEST_F(RecordsTest, HalfALineOfAKilledProcessDoesNotSpoilTheNext) {
  std::ofstream(path_) << "{\"half\":";
  {
    (*Records::open(options()))->append("{}");
  }
  EXPECT_EQ(content(), "{\"half\":\n{}\n");
}

TEST_F(RecordsTest, ADirectoryThatIsMissingIsAFault) {
  EXPECT_FALSE(Records::open({.path = directory_ + "/none/x"}).has_value());
}

TEST(Lines, ASpanIsOneJsonObjectWithoutTheQuery) {
  Span span;
  span.hop = "inner";
  const std::string edge = edge_members("checkout", "payments", 8080);
  span.edge = edge;
  span.method = "POST";
  span.path = "/charges?card=4111";
  span.status = 201;
  const std::string line(to_line(span));
  EXPECT_EQ(line.find("4111"), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["type"], "span");
  EXPECT_EQ(json["path"], "/charges");
  EXPECT_EQ(json["caller"], "checkout");
  EXPECT_EQ(json["callee"], "payments");
  EXPECT_EQ(json["port"], 8080);
  EXPECT_EQ(json["status"], 201);
  for (const char* member : {"detail", "rule", "no_retry", "queued_us", "injected_us"})
    EXPECT_FALSE(json.contains(member)) << member << " is for what needs explaining";
}

TEST(Lines, WhatNeedsExplainingIsBounded) {
  Span span;
  const std::string detail(5'000, 'x');
  span.detail = detail;
  span.queued = std::chrono::microseconds(999);
  const auto json = nlohmann::json::parse(to_line(span));
  EXPECT_EQ(json["detail"].get<std::string>().size(), 400U);
  EXPECT_FALSE(json.contains("queued_us")) << "less than a millisecond is no waiting";
}

TEST(Lines, TextOfAnyLengthIsWholeAndALongLineFindsRoom) {
  for (const std::size_t size : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 40, 900, 70'000}) {
    std::string path = "/";
    for (std::size_t i = 1; i < size; ++i) path.push_back(static_cast<char>('a' + i % 26));
    path.resize(size);
    Span span;
    span.path = path;
    span.fell_back = "\"";
    const auto json = nlohmann::json::parse(to_line(span));
    EXPECT_EQ(json.value("path", ""), path);
    EXPECT_EQ(json["fell_back"], "\"");
  }
}

TEST(Lines, HostileTextStaysInsideItsString) {
  UndeclaredDial dial;
  dial.caller = "a\"},{\n\\";
  dial.target = "\xff\xc0\xaf\xed\xa0\x80\xf5 \xc3\xa9";
  const std::string line(to_line(dial));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["caller"], "a\"},{\n\\");
  EXPECT_TRUE(json["target"].get<std::string>().ends_with(" \xc3\xa9"));
}

TEST(Lines, ADenialNamesWhoWhatAndWhy) {
  Denied denied;
  denied.subject = "catalog";
  denied.object = "payments";
  denied.owner = "team money";
  denied.action = "POST /charges?x=1";
  denied.verdict = "denied";
  denied.rule = "deny.no-charges";
  denied.rule_at = "bulkhead.yaml:12:5";
  denied.trace_id = "0af7651916cd43dd8448eb211c80319c";
  denied.user = "ann";
  const auto json = nlohmann::json::parse(to_line(denied));
  EXPECT_EQ(json["action"], "POST /charges");
  EXPECT_EQ(json["subject"], "catalog");
  EXPECT_EQ(json["object"], "payments");
  EXPECT_EQ(json["owner"], "team money");
  EXPECT_EQ(json["verdict"], "denied");
  EXPECT_EQ(json["rule"], "deny.no-charges");
  EXPECT_EQ(json["rule_at"], "bulkhead.yaml:12:5");
  EXPECT_EQ(json["trace"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(json["user"], "ann");
  EXPECT_FALSE(json.contains("repeated"));
  denied.repeated = 12;
  EXPECT_EQ(nlohmann::json::parse(to_line(denied))["repeated"], 12);
}

}  // namespace
}  // namespace bulkhead::telemetry
