#include "base/build_id.hpp"

#include <gmock/gmock.h>

namespace bulkhead {
namespace {

TEST(BuildId, IsWhatTheLinkerWroteAndTheSameEachTime) {
  EXPECT_THAT(build_id(), testing::MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(build_id(), build_id());
}

}  // namespace
}  // namespace bulkhead
