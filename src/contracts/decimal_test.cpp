#include "contracts/decimal.hpp"

#include <gtest/gtest.h>

namespace bulkhead::contracts {
namespace {

TEST(Decimal, ComparesExactlyWhateverTheSpelling) {
  const char* ascending[] = {"-1e400", "-2.5", "-2.49", "-0.001", "0",     "1e-400",           "0.1",
                             "0.11",   "1",    "1.5",   "10",     "10.01", "9007199254740992", "9007199254740993",
                             "1e400"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      EXPECT_EQ(Decimal(ascending[i]) <=> Decimal(ascending[j]), i <=> j) << ascending[i] << " and " << ascending[j];
    }
  }
  const std::pair<const char*, const char*> same[] = {{"1", "1.0"},    {"100", "1e2"},    {"0", "-0.0e5"},
                                                      {"0.5", "5e-1"}, {"120", "0.12e3"}, {"0.00012", "1.2e-4"},
                                                      {"1.20", "1.2"}, {"-30", "-3E+1"}};
  for (const auto& [a, b] : same) {
    EXPECT_EQ(Decimal(a), Decimal(b)) << a << " and " << b;
    EXPECT_EQ(Decimal(a).hash(), Decimal(b).hash()) << a << " and " << b;
  }
}

TEST(Decimal, KnowsWholeNumbers) {
  for (const char* text : {"0", "1.0", "1e3", "1.5e1", "-20", "12345678901234567890"})
    EXPECT_TRUE(Decimal(text).is_integer()) << text;
  for (const char* text : {"0.5", "1.5", "15e-1", "1e-9"}) EXPECT_FALSE(Decimal(text).is_integer()) << text;
}

TEST(Decimal, DividesExactly) {
  const auto multiple = [](const char* value, const char* step) {
    return Decimal(value).is_multiple_of(Decimal(step));
  };
  EXPECT_TRUE(multiple("0.3", "0.1"));
  EXPECT_TRUE(multiple("4.35", "0.01"));
  EXPECT_TRUE(multiple("0.0075", "0.0001"));
  EXPECT_TRUE(multiple("1e308", "0.5"));
  EXPECT_TRUE(multiple("-9", "3"));
  EXPECT_TRUE(multiple("0", "7"));
  EXPECT_TRUE(multiple("12345678901234567890123", "3"));
  EXPECT_FALSE(multiple("4.355", "0.01"));
  EXPECT_FALSE(multiple("10", "3"));
  EXPECT_FALSE(multiple("0.00751", "0.0001"));
  EXPECT_FALSE(multiple("12345678901234567890124", "3"));
}

}  // namespace
}  // namespace bulkhead::contracts
