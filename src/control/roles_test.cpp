#include "control/roles.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

manifest::Operators operators() {
  manifest::Operators result;
  result.viewer = {{"4001", {}}};
  result.operate = {{"4002", {}}};
  result.admin = {{"4003", {}}};
  return result;
}

TEST(Roles, TheHighestOfAllGroupsCounts) {
  const Roles roles(operators());
  const uid_t stranger = ::geteuid() + 1;
  const auto role = [&](std::vector<gid_t> groups) { return roles.role_of(stranger, groups); };
  EXPECT_EQ(role({}), Role::none);
  EXPECT_EQ(role({1, 2, 3}), Role::none);
  EXPECT_EQ(role({4001}), Role::viewer);
  EXPECT_EQ(role({4002, 4001}), Role::operate);
  EXPECT_EQ(role({4001, 4003}), Role::admin);
  EXPECT_EQ(Roles().role_of(stranger, std::vector<gid_t>{4003}), Role::none);
  EXPECT_EQ(Roles().role_of(::geteuid(), {}), Role::launcher);
  EXPECT_EQ(Roles().role_of(0, {}), Role::launcher);
}

TEST(Roles, AGroupThatTheHostDoesNotKnowHasNoneAndIsNamed) {
  manifest::Operators written;
  written.viewer = {{"no-such-group-here", {"b.yaml", 3, 5}}};
  const Roles roles(written);
  EXPECT_TRUE(roles.groups().empty());
  ASSERT_EQ(roles.unknown().size(), 1U);
  EXPECT_EQ(roles.unknown().front(), "b.yaml:3:5: no group is called 'no-such-group-here' on this host");
}

TEST(Roles, AVerbThatIsNotInTheTableIsRefusedToEverybody) {
  EXPECT_EQ(refusal_of({0, 1, "root", Role::admin}, "become"), "unknown verb 'become'");
  EXPECT_EQ(refusal_of({0, 1, "root", Role::admin}, ""), "unknown verb ''");
}

TEST(Roles, ARefusalSaysWhatIsNeededWhatIsThereAndWhere) {
  const std::string text = refusal_of({1000, 1, "ann", Role::viewer}, "exec");
  EXPECT_TRUE(text.starts_with("'exec' takes the role operator, and ann has the role viewer; 'operators'")) << text;
  EXPECT_TRUE(refusal_of({1000, 1, "", Role::none}, "status")
                  .starts_with("'status' takes the role viewer, and uid 1000 has none"));
  EXPECT_EQ(refusal_of({1000, 1, "ann", Role::operate}, "exec"), "");
  EXPECT_EQ(refusal_of({1000, 1, "ann", Role::admin}, "exec"), "");
  EXPECT_EQ(refusal_of({1000, 1, "ann", Role::launcher}, "upgrade"), "");
  EXPECT_EQ(refusal_of({1000, 1, "ann", Role::admin}, "upgrade"),
            "'upgrade' is for the user who started the application and for root, not for ann");
}

TEST(Roles, ThePeerIsWhoTheKernelSays) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Fd one(ends[0]);
  const Fd other(ends[1]);
  const auto peer = peer_of(one.get(), Roles());
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->role, Role::launcher);
}

}  // namespace
}  // namespace bulkhead::control
