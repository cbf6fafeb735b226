#include "cli/progress.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {
namespace {

using nlohmann::json;

class ProgressTest : public testing::Test {
 protected:
  // What it says of one instance in that state.
  std::string hear(json instance) {
    instance["id"] = "web-1";
    testing::internal::CaptureStdout();
    progress_.hear({{"services", {{{"name", "web"}, {"instances", {std::move(instance)}}}}}});
    return testing::internal::GetCapturedStdout();
  }

  Progress progress_{Clock::now()};
};

TEST_F(ProgressTest, SaysEachStateOnce) {
  EXPECT_EQ(hear({{"state", "starting"}}), "");
  EXPECT_NE(hear({{"state", "ready"}}).find("ready after"), std::string::npos);
  EXPECT_EQ(hear({{"state", "ready"}}), "");
}

TEST_F(ProgressTest, SaysAtOnceWhyAConfigurationIsRefused) {
  const json refused = {{"state", "unready"}, {"rejected", "its trust bundle: no certificate"}};
  const std::string told = hear(refused);
  EXPECT_NE(told.find("web-1"), std::string::npos) << told;
  EXPECT_NE(told.find("refused its configuration: its trust bundle: no certificate"), std::string::npos) << told;
  EXPECT_EQ(hear(refused), "");
  EXPECT_NE(hear({{"state", "ready"}, {"rejected", "another reason"}}).find("another reason"), std::string::npos);
}

TEST_F(ProgressTest, GivesUpOnWhatDoesNotStart) {
  EXPECT_NE(hear({{"state", "backoff"}, {"reason", "ended with 1"}, {"restarts", 3}}).find("ended with 1"),
            std::string::npos);
  EXPECT_EQ(progress_.given_up(), "");
  EXPECT_EQ(hear({{"state", "backoff"}, {"reason", "ended with 1"}, {"restarts", 4}}), "");
  EXPECT_EQ(progress_.given_up(), "web-1 does not start: ended with 1");
}

}  // namespace
}  // namespace bulkhead::cli
