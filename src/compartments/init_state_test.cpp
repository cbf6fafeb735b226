#include "compartments/init_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::compartments {
namespace {

TEST(InitState, ComesBackAsItWas) {
  const InitState state{.spec = 4,
                        .keeper = 5,
                        .service = 17,
                        .cgroup_procs = {6, 7},
                        .desks = {8, -1},
                        .secrets = 9,
                        .secrets_version = 3};
  const auto read = parse_init_state(to_json(state));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(*read, state);
  EXPECT_THAT(state.descriptors(), testing::UnorderedElementsAre(4, 5, 6, 7, 8, 9));
}

TEST(InitState, IsRefusedWhereItIsAnother) {
  std::string text = to_json(InitState{});
  EXPECT_FALSE(parse_init_state(text.replace(text.find("protocol"), 8, "protocols")).has_value());
  for (const char* broken : {"", "[]", "{}", R"({"protocol":1})"}) EXPECT_FALSE(parse_init_state(broken).has_value());
}

}  // namespace
}  // namespace bulkhead::compartments
