#include "control/doctor.hpp"

#include <gtest/gtest.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

using State = Finding::State;

// A Debian 12 host with everything, seen by an ordinary user.
HostFacts able() {
  HostFacts facts;
  facts.user = "ann";
  facts.max_user_namespaces = "96365";
  facts.userns_clone = "1";
  facts.seccomp_actions = "kill_process kill_thread trap errno user_notif trace log allow";
  facts.first_free_port = "80";
  facts.own_uids = facts.subordinate_ids = facts.id_helpers = true;
  facts.nft = "/usr/sbin/nft";
  facts.landlock = 3;
  facts.open_files = 524288;
  facts.clock_synchronized = true;
  facts.now = 1'800'000'000;
  facts.disks = {{"/home/ann/.local/state/bulkhead", "/home/ann", true, 20ULL << 30U, 1'000'000}};
  return facts;
}

// The findings that are not good: "number what: state".
std::vector<std::string> problems(const HostFacts& facts) {
  std::vector<std::string> all;
  for (const Finding& each : judge(facts))
    if (each.state != State::good)
      all.push_back(fmt::format("{} {}: {}", each.number, each.what, to_string(each.state)));
  return all;
}

std::string fix_of(const HostFacts& facts, int number) {
  return judge(facts).at(static_cast<std::size_t>(number) - 1).fix;
}

using Strings = std::vector<std::string>;

TEST(Doctor, FindsNothingAtAHostThatHasEverything) {
  EXPECT_EQ(problems(able()), Strings{});
  for (const Finding& each : judge(able())) EXPECT_EQ(each.fix, "");
}

TEST(Doctor, WhatIsNotGoodHasAFixAndAFact) {
  HostFacts nothing;
  nothing.user = "ann";
  nothing.sealing = NotEnforced{"sealing", "why", "how"};
  nothing.cgroups = {{"memory limit", "no group", "get one"}};
  nothing.linger = "sudo loginctl enable-linger ann";
  nothing.disks = {{"/x/y", "/x", false, 0, 0}};
  nothing.leftovers = {{"shop", true}};
  EXPECT_FALSE(can_run(judge(nothing)));
  for (const Finding& each : judge(nothing)) {
    EXPECT_NE(each.found, "");
    EXPECT_EQ(each.fix.empty(), each.state == State::good) << each.what;
  }
}

TEST(Doctor, UserNamespacesThatAreForbiddenToOrdinaryUsersAreNoMatterForRoot) {
  HostFacts facts = able();
  facts.userns_clone = "0";
  EXPECT_EQ(problems(facts), Strings{"2 user namespaces: missing"});
  facts.root = true;
  EXPECT_EQ(problems(facts), Strings{});
  facts.max_user_namespaces = "0";
  EXPECT_EQ(problems(facts), Strings{"2 user namespaces: missing"});
}

TEST(Doctor, AppArmorsRestrictionIsMendedByThePackagesProfile) {
  HostFacts facts = able();
  facts.apparmor_userns = "1";
  facts.apparmor_label = "bulkhead (unconfined)";
  EXPECT_EQ(problems(facts), Strings{}) << "with the profile a compartment could be built";
  facts.apparmor_label = "unconfined";
  facts.sealing = NotEnforced{"sealing", "mount: Permission denied", "how"};
  EXPECT_EQ(problems(facts), (Strings{"1 compartments: missing", "3 AppArmor: missing", "4 packet filter: unknown"}));
  EXPECT_NE(fix_of(facts, 3).find("apparmor_restrict_unprivileged_userns=0"), std::string::npos);
  facts.apparmor_profile_installed = true;
  EXPECT_EQ(fix_of(facts, 3), "sudo apparmor_parser -r /etc/apparmor.d/bulkhead, and run /usr/bin/bulkhead");
}

TEST(Doctor, APacketFilterThatFailsIsToldFromOneThatIsNotInstalled) {
  HostFacts facts = able();
  facts.sealing =
      NotEnforced{"sealing", "this kernel can't filter as needed (packet filter: …)", "sudo modprobe -a nf_tables"};
  EXPECT_EQ(problems(facts), (Strings{"1 compartments: missing", "4 packet filter: missing"}));
  EXPECT_EQ(fix_of(facts, 4), "sudo modprobe -a nf_tables");
  facts.nft.clear();
  EXPECT_EQ(fix_of(facts, 4), "sudo apt install nftables");
}

TEST(Doctor, IdsOfServicesNeedRangesAndHelpersAndTheFixNamesWhatLacks) {
  HostFacts facts = able();
  facts.own_uids = facts.subordinate_ids = false;
  EXPECT_EQ(problems(facts), Strings{"7 ids of services: limited"});
  EXPECT_EQ(fix_of(facts, 7), "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann");
  facts.subordinate_ids = true;
  facts.id_helpers = false;
  EXPECT_EQ(fix_of(facts, 7), "sudo apt install uidmap");
}

TEST(Doctor, ADiskMayBeTightFullOrNotOurs) {
  HostFacts facts = able();
  Disk& disk = facts.disks.front();
  disk.free_bytes = 500ULL << 20U;
  EXPECT_EQ(problems(facts), Strings{"10 disk: limited"});
  disk.free_bytes = 10ULL << 20U;
  EXPECT_EQ(problems(facts), Strings{"10 disk: missing"});
  disk.free_bytes = 20ULL << 30U;
  disk.free_files = 0;
  EXPECT_EQ(problems(facts), Strings{"10 disk: missing"});
  disk.free_files = UINT64_MAX;  // btrfs counts none
  EXPECT_EQ(problems(facts), Strings{});
  disk.writable = false;
  EXPECT_EQ(problems(facts), Strings{"10 disk: missing"});
}

TEST(Doctor, AClockThatNobodyKeepsIsLessBadThanOneThatWasNeverSet) {
  HostFacts facts = able();
  facts.clock_synchronized = false;
  EXPECT_EQ(problems(facts), Strings{"11 clock: limited"});
  facts.now = 1000;
  EXPECT_EQ(problems(facts), Strings{"11 clock: missing"});
}

TEST(Doctor, LowPortsAreForRootOrWhereTheHostAllowsThem) {
  HostFacts facts = able();
  facts.first_free_port = "1024";
  EXPECT_EQ(problems(facts), Strings{"13 ports below 1024: limited"});
  facts.may_bind_low_ports = true;
  EXPECT_EQ(problems(facts), Strings{});
}

TEST(Doctor, AnApplicationThatIsMerelyKeptIsNoFault) {
  HostFacts facts = able();
  facts.leftovers = {{"shop", false}};
  EXPECT_EQ(problems(facts), Strings{});
  EXPECT_NE(judge(facts).back().found.find("shop"), std::string::npos);
  facts.leftovers = {{"shop", true}};
  EXPECT_EQ(problems(facts), Strings{"14 leftovers: limited"});
}

TEST(Doctor, EveryNumberHasItsSection) {
  const auto text = read_file(BULKHEAD_SOURCE_DIR "/docs/doctor.md");
  ASSERT_TRUE(text);
  const auto findings = judge(able());
  for (const Finding& each : findings)
    EXPECT_NE(text->find(fmt::format("\n## {} {}\n", each.number, each.what)), std::string::npos) << each.what;
  EXPECT_EQ(text->find(fmt::format("\n## {} ", findings.size() + 1)), std::string::npos);
  EXPECT_EQ(document_of(findings.at(1)), "docs/doctor.md#2-user-namespaces");
  EXPECT_EQ(document_of(findings.at(12)), "docs/doctor.md#13-ports-below-1024");
}

TEST(Doctor, LookingLeavesNothing) {
  const auto before = read_file("/proc/self/mounts");
  const HostFacts facts = look_at_host();
  EXPECT_NE(facts.user, "");
  EXPECT_EQ(facts.disks.size(), 2U);
  EXPECT_GT(facts.open_files, 0U);
  EXPECT_EQ(*read_file("/proc/self/mounts"), *before);
}

}  // namespace
}  // namespace bulkhead::control
