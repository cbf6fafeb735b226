#include "compartments/usage.hpp"

#include <filesystem>
#include <fstream>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

class UsageTest : public testing::Test {
 protected:
  ~UsageTest() override { std::filesystem::remove_all(place_); }
  void write(const std::string& path, std::string_view text) {
    const std::string whole = place_ + "/" + path;
    std::filesystem::create_directories(std::filesystem::path(whole).parent_path());
    std::ofstream(whole) << text;
  }
  std::string process(std::string_view name, int ticks, int children, int pages) {
    // pid (comm) state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime …
    return fmt::format("7 ({}) S 1 1 1 0 -1 0 0 0 0 0 {} 0 {} 0 20 0 1 0 100 1000 {} 99\n", name, ticks, children,
                       pages);
  }
  std::string place_ = fmt::format("{}/usage-{}", testing::TempDir(), ::getpid());
  const std::uint64_t tick_ = 1'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const std::uint64_t page_ = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
};

TEST_F(UsageTest, OfTheSecondVersionsGroup) {
  write("g/cpu.stat", "usage_usec 1234\nuser_usec 1000\n");
  write("g/memory.current", "5000000\n");
  write("g/memory.stat", "anon 1\ninactive_file 1000000\n");
  write("g/pids.current", "12\n");
  EXPECT_EQ(usage_of({{place_ + "/g", 2, {}}}, 0, place_), (Usage{1234, 4'000'000, 12}));
}

TEST_F(UsageTest, OfTheFirstVersionsGroups) {
  write("memory/memory.usage_in_bytes", "5000000\n");
  write("memory/memory.stat", "inactive_file 7\ntotal_inactive_file 9000000\n");
  write("cpu/cpuacct.usage", "1234000\n");
  write("pids/pids.current", "3\n");
  EXPECT_EQ(usage_of({{place_ + "/memory", 1, {}}, {place_ + "/cpu", 1, {}}, {place_ + "/pids", 1, {}}}, 0, place_),
            (Usage{1234, 0, 3}));
}

TEST_F(UsageTest, WithoutGroupsOfTheProcessesThemselves) {
  write("7/stat", process("a (strange) name", 10, 5, 100));
  write("7/task/7/children", "8 9 ");
  write("8/stat", process("b", 20, 0, 50));
  write("8/task/8/children", "");
  EXPECT_EQ(usage_of({}, 7, place_), (Usage{35 * tick_, 150 * page_, 2}));
  EXPECT_EQ(usage_of({}, 70, place_), Usage());
  EXPECT_EQ(usage_of({}, 0, place_), Usage());
}

TEST_F(UsageTest, WhatAGroupDoesNotTellTheProcessesDo) {
  write("g/pids.current", "4\n");
  write("7/stat", process("a", 10, 0, 1));
  EXPECT_EQ(usage_of({{place_ + "/g", 2, {}}}, 7, place_), (Usage{10 * tick_, page_, 4}));
}

TEST_F(UsageTest, OfThisProcess) {
  const Usage usage = usage_of({}, ::getpid());
  EXPECT_GT(usage.memory_bytes.value_or(0), 100'000U);
  EXPECT_GE(usage.pids.value_or(0), 1U);
}

}  // namespace
}  // namespace bulkhead::compartments
