#include "base/release.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

struct Both {
  std::string text;
  std::vector<int> numbers;
};

TEST(Release, GivesTheMemoryBack) {
  std::string text(100'000, 'x');
  release(text);
  EXPECT_TRUE(text.empty());
  EXPECT_LT(text.capacity(), 100U);

  std::vector<int> numbers(1000);
  release(numbers);
  EXPECT_EQ(numbers.capacity(), 0U);
  numbers.push_back(1);
  EXPECT_EQ(numbers.size(), 1U);

  Both both{std::string(100'000, 'x'), std::vector<int>(1000)};
  release(both);
  EXPECT_LT(both.text.capacity(), 100U);
  EXPECT_EQ(both.numbers.capacity(), 0U);
}

}  // namespace
}  // namespace bulkhead
