#include "control/audit.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

using nlohmann::json;

class Audit : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/bulkhead-audit-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string path() const { return directory_ + "/audit.jsonl"; }

 private:
  std::string directory_;
};

json entry(int number, const std::string& service = "db") {
  json result = audit_entry({1000, 7, "ann", Role::operate}, "scale", service, "team", {{"count", number}}, "done");
  result["time"] = "2026-01-31T00:00:00." + std::to_string(100 + number) + "Z";
  return result;
}

TEST_F(Audit, TellsWhoDidWhatToWhatAndHowItEnded) {
  json told = entry(1);
  EXPECT_EQ(told.dump(),
            R"({"details":{"count":1},"outcome":"done","owner":"team","pid":7,"role":"operator","service":"db",)"
            R"("time":"2026-01-31T00:00:00.101Z","uid":1000,"user":"ann","verb":"scale"})");
}

TEST_F(Audit, KeepsTheNewestWithinItsBoundsInOrder) {
  AuditLog log(path(), {.bytes = 2000, .files = 4});
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(log.append(entry(i)));
  EXPECT_LE(std::filesystem::file_size(path()), 2000U);
  EXPECT_FALSE(std::filesystem::exists(path() + ".4"));
  const auto found = read_audit(path(), {});
  ASSERT_GT(found.size(), 20U);
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_EQ(found[i]["details"]["count"], 200 - static_cast<int>(found.size()) + static_cast<int>(i));
}

TEST_F(Audit, FindsByServiceAndTime) {
  AuditLog log(path(), {});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(log.append(entry(i, i % 2 == 0 ? "db" : "web")));
  EXPECT_EQ(read_audit(path(), {.since = {}, .service = "web"}).size(), 5U);
  EXPECT_EQ(read_audit(path(), {.since = "2026-01-31T00:00:00.107Z", .service = {}}).size(), 3U);
}

TEST_F(Audit, GoesOnBehindALineThatWasCut) {
  AuditLog log(path(), {});
  ASSERT_TRUE(log.append(entry(1)));
  std::ofstream(path(), std::ios::app) << R"({"time":"2026)";
  ASSERT_TRUE(log.append(entry(2)));
  EXPECT_EQ(read_audit(path(), {}).size(), 2U);
}

TEST_F(Audit, SaysThatItCouldNotWrite) {
  EXPECT_EQ(AuditLog("/dev/full", {}).append(entry(1)).error().os_error, ENOSPC);
  EXPECT_FALSE(AuditLog(path() + "/no/such/place", {}).append(entry(1)));
}

TEST_F(Audit, DetailsHoldArgumentsAndNoText) {
  const json details = audit_details(
      {{"verb", "apply"}, {"desired", {{"file", "a.yaml"}, {"text", "abc"}, {"variables", {{"S", "x"}}}}}});
  EXPECT_EQ(details["manifest"], "a.yaml");
  EXPECT_EQ(details["text"], "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(details.size(), 2U);
  EXPECT_EQ(audit_details({{"verb", "exec"}, {"argv", {"ls", "-l"}}, {"environment", {{"A", "b"}}}}).dump(),
            R"({"argv":["ls","-l"]})");
}

TEST(Repeated, RefusalsGetALineAMinuteWithTheirCount) {
  Repeats repeats;
  const Peer ann{1000, 1, "ann", Role::viewer};
  const Peer ben{1001, 1, "ben", Role::viewer};
  int before = -1;
  EXPECT_TRUE(repeats.is_news(ann, "scale", "db", 100, before));
  EXPECT_EQ(before, 0);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(repeats.is_news(ann, "scale", "db", 110, before));
  EXPECT_TRUE(repeats.is_news(ben, "scale", "db", 110, before));
  EXPECT_TRUE(repeats.is_news(ann, "scale", "web", 110, before));
  EXPECT_TRUE(repeats.is_news(ann, "scale", "db", 160, before));
  EXPECT_EQ(before, 5);
}

}  // namespace
}  // namespace bulkhead::control
