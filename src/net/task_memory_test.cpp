#include "net/task_memory.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::net {
namespace {

// What is kept shows in release builds and with the thread sanitizer; with the others each piece is one of its own.
class TaskMemory : public testing::Test {
 protected:
  void SetUp() override {
    detail::release_task_memory();
    detail::give_task_memory(detail::take_task_memory(64), 64);
    keeps_ = detail::kept_task_memory() > 0;
    detail::release_task_memory();
  }
  bool keeps_ = false;
};

TEST_F(TaskMemory, WhatWasGivenBackServesTheNextOfItsSize) {
  char* first = make_short_buffer(4096).get();
  const std::size_t kept = detail::kept_task_memory();
  if (!keeps_) GTEST_SKIP() << "nothing is kept with this sanitizer";
  EXPECT_EQ(kept, 4096U);
  const ShortBuffer smaller = make_short_buffer(4000);
  EXPECT_NE(smaller.get(), first) << "another size";
  const ShortBuffer same = make_short_buffer(4090);
  EXPECT_EQ(same.get(), first) << "of the same 64 bytes";
  EXPECT_EQ(detail::kept_task_memory(), 0U);
}

TEST_F(TaskMemory, IsAllThere) {
  for (const std::size_t size : {1U, 63U, 64U, 65U, 8'500U, 16'384U, 16'385U, 65'536U}) {
    for (int round = 0; round < 3; ++round) {
      ShortBuffer buffer = make_short_buffer(size);
      std::memset(buffer.get(), 'x', size);
      buffer = make_short_buffer(size + 1);
      std::memset(buffer.get(), 'y', size + 1);
    }
  }
}

TEST_F(TaskMemory, KeepsNoMoreThanItsBound) {
  std::vector<ShortBuffer> burst;
  for (int i = 0; i < 1000; ++i) burst.push_back(make_short_buffer(16'384));
  burst.clear();
  EXPECT_LE(detail::kept_task_memory(), 2U << 20U);
  if (keeps_) EXPECT_GT(detail::kept_task_memory(), 0U);
  detail::release_task_memory();
  EXPECT_EQ(detail::kept_task_memory(), 0U);
}

}  // namespace
}  // namespace bulkhead::net
