#include "compartments/host_check.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "base/fd.hpp"

namespace bulkhead::compartments {
namespace {

TEST(HostCheckTest, AHostThatCannotSealSaysWhatIsMissingAndHowToGetIt) {
  const HostReport report = check_host();
  for (const auto& problem : report.fatal) {
    EXPECT_FALSE(problem.reason.empty());
    EXPECT_FALSE(problem.fix.empty());
    std::printf("this host: %s: %s (%s)\n", problem.what.c_str(), problem.reason.c_str(), problem.fix.c_str());
  }
}

// What the check makes goes with it: its mounts are in a namespace that ends.
TEST(HostCheckTest, NothingOfTheCheckStays) {
  const auto before = read_file("/proc/self/mounts");
  check_host();
  EXPECT_EQ(*read_file("/proc/self/mounts"), *before);
}

}  // namespace
}  // namespace bulkhead::compartments
