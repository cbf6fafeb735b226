#include "compartments/keeper_state.hpp"

#include <gmock/gmock.h>

namespace bulkhead::compartments {
namespace {

KeeperState example() {
  KeeperState state;
  state.spec.instance = "web-1";
  state.spec.log.path = "/logs/web-1";
  state.spec.sidecar.argv = {"/usr/bin/bulkhead", "sidecar"};
  state.spec.listeners = {{"listen:0", 9}};
  state.init = 5;
  state.init_pid = 100;
  state.service_pid = 102;
  state.sidecar = 6;
  state.sidecar_pid = 101;
  state.sockets = {{"door4", 7}, {"inner", 8}};
  state.output[0] = {10, "half a li\xFF"};
  state.output[3] = {11, ""};
  state.writes_to_second = true;
  state.not_enforced = {{"limits", "no cgroup", "delegate one"}};
  return state;
}

TEST(KeeperState, IsReadBackAsItWasWritten) {
  const auto read = parse_keeper_state(to_json(example()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(*read == example());
}

TEST(KeeperState, NamesEachDescriptorOnce) {
  EXPECT_THAT(example().descriptors(), testing::UnorderedElementsAre(5, 6, 7, 8, 9, 10, 11));
}

TEST(KeeperState, OfAnotherProtocolOrBrokenIsRefused) {
  std::string other = to_json(example());
  other.replace(other.find("\"protocol\":2"), 12, "\"protocol\":0");
  for (const std::string& text : {other, std::string(), std::string("{}"), std::string("[]")})
    EXPECT_FALSE(parse_keeper_state(text)) << text;
}

}  // namespace
}  // namespace bulkhead::compartments
