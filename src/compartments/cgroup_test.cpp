#include "compartments/cgroup.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/xattr.h>

namespace bulkhead::compartments {
namespace {

namespace fs = std::filesystem;

// A cgroup file system made of ordinary files: good for what is looked for and written where, not for what the kernel
// does with it (tests/hostile does that).
class CgroupTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(directory.data()), nullptr); }
  void TearDown() override { fs::remove_all(directory); }
  void write(const std::string& path, std::string_view text) {
    fs::create_directories(fs::path(directory + "/" + path).parent_path());
    ASSERT_TRUE(write_file_atomically(directory + "/" + path, text));
  }
  std::string read(const std::string& path) { return *read_file(directory + "/" + path); }
  CgroupHost detect() { return detect_cgroups(directory + "/cgroup", directory + "/proc", directory + "/systemd"); }
  void write_unified(const std::string& group) {
    write("proc/cgroup", "0::/" + group + "\n");
    write("cgroup/cgroup.controllers", "cpu memory pids");
    write("cgroup/" + group + "/cgroup.controllers", "cpu memory pids");
    write("cgroup/" + group + "/cgroup.procs", "");
    write("cgroup/" + group + "/cgroup.type", "domain");
    write("cgroup/" + group + "/cgroup.subtree_control", "");
  }
  bool divided(const std::string& group) { return fs::exists(directory + "/cgroup/" + group + "/platform"); }
  std::string directory = testing::TempDir() + "bulkhead-cgroup-XXXXXX";
};

TEST_F(CgroupTest, WhatIsNotThereIsSaidWithItsRemedy) {
  write("proc/cgroup", "0::/\n");
  const auto host = detect();
  EXPECT_TRUE(host.bases.empty());
  ASSERT_EQ(host.missing.size(), 3U);
  const auto missing = not_enforced(host, {.memory_bytes = 1, .pids = 2});
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_EQ(missing[0].what, "memory limit");
  EXPECT_FALSE(missing[0].fix.empty());
}

TEST_F(CgroupTest, TheUnifiedTreeIsEnabledForChildrenAfterItsProcessesLeft) {
  write_unified("user/scope");
  detect();
  EXPECT_TRUE(divided("user/scope"));
  EXPECT_THAT(read("cgroup/user/scope/cgroup.subtree_control"), testing::HasSubstr("+pids"));
}

TEST_F(CgroupTest, ForeseeingMovesNobodyAndEnablesNothing) {
  write_unified("user/scope");
  const auto host = foresee_cgroups(directory + "/cgroup", directory + "/proc", directory + "/systemd");
  ASSERT_EQ(host.bases.size(), 1U);
  EXPECT_EQ(host.bases[0].controllers.size(), 3U);
  EXPECT_TRUE(host.missing.empty());
  EXPECT_FALSE(divided("user/scope"));
  EXPECT_EQ(read("cgroup/user/scope/cgroup.subtree_control"), "");
}

TEST_F(CgroupTest, UnderSystemdALoginSessionIsNotDividedThoughItCouldBe) {
  write("systemd/there", "");
  write_unified("user.slice/session-3.scope");
  EXPECT_EQ(detect().missing.size(), 3U);
  EXPECT_FALSE(divided("user.slice/session-3.scope"));
  EXPECT_EQ(read("cgroup/user.slice/session-3.scope/cgroup.subtree_control"), "");
}

TEST_F(CgroupTest, UnderSystemdTheScopeThatWasAskedForIsDivided) {
  write("systemd/there", "");
  write_unified("app.slice/bulkhead-shop-1.scope");
  detect();
  EXPECT_TRUE(divided("app.slice/bulkhead-shop-1.scope"));
}

TEST_F(CgroupTest, UnderSystemdAUnitThatIsMarkedAsDelegatedIsDivided) {
  write("systemd/there", "");
  write_unified("system.slice/shop.service");
  const std::string group = directory + "/cgroup/system.slice/shop.service";
  if (setxattr(group.c_str(), "user.delegate", "1", 1, 0) != 0) GTEST_SKIP() << "no user attributes in " << directory;
  detect();
  EXPECT_TRUE(divided("system.slice/shop.service"));
}

TEST_F(CgroupTest, APlanNamesEachInstancesDirectoryBeforeItIsMade) {
  CgroupHost host;
  host.bases = {{"/sys/fs/cgroup/x", 2, {CgroupController::memory}}};
  const auto plan = plan_cgroups(host, "shop/catalog/0");
  ASSERT_EQ(plan.size(), 1U);
  EXPECT_EQ(plan[0].path, "/sys/fs/cgroup/x/bulkhead-shop-catalog-0");
}

TEST_F(CgroupTest, LimitsAreWrittenInTheWordsOfEachVersion) {
  const std::string two = directory + "/two";
  const std::string one = directory + "/one";
  for (const char* file :
       {"two/memory.max", "two/cpu.max", "two/pids.max", "two/cgroup.procs", "one/cgroup.procs",
        "one/memory.limit_in_bytes", "one/cpu.cfs_period_us", "one/cpu.cfs_quota_us", "one/pids.max"}) {
    write(file, "");
  }
  const std::vector all = {CgroupController::memory, CgroupController::cpu, CgroupController::pids};
  const auto made = make_cgroups({{two, 2, all}, {one, 1, all}}, {128U << 20U, 500, 64});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->procs.size(), 2U);
  EXPECT_EQ(read("two/memory.max"), "134217728");
  EXPECT_EQ(read("two/cpu.max"), "50000 100000");
  EXPECT_EQ(read("two/pids.max"), "64");
  EXPECT_EQ(read("one/memory.limit_in_bytes"), "134217728");
  EXPECT_EQ(read("one/cpu.cfs_quota_us"), "50000");
}

TEST_F(CgroupTest, OomKillsAreCountedInBothVersions) {
  write("two/memory.events", "low 0\noom 3\noom_kill 2\n");
  write("one/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  EXPECT_EQ(oom_kills({{directory + "/two", 2, {CgroupController::memory}}}), 2U);
  EXPECT_EQ(oom_kills({{directory + "/one", 1, {CgroupController::memory}}}), 1U);
  EXPECT_EQ(oom_kills({{directory + "/one", 1, {CgroupController::pids}}}), 0U);
}

TEST_F(CgroupTest, RemovingWhatIsGoneIsFine) { EXPECT_TRUE(remove_cgroups({{directory + "/none", 2, {}}})); }

}  // namespace
}  // namespace bulkhead::compartments
