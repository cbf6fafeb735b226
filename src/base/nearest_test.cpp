#include "base/nearest.hpp"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(Nearest, FindsMisspellingsAndNothingElse) {
  std::vector<std::string> names{"catalog", "payments", "db"};
  EXPECT_EQ(nearest("catlog", names), "catalog");
  EXPECT_EQ(nearest("payment", names), "payments");
  EXPECT_EQ(nearest("Catalog", names), "catalog");
  EXPECT_EQ(nearest("bd", names), "db");
  EXPECT_EQ(nearest("inventory", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(10'000, 'x'), names), "");
}

}  // namespace
}  // namespace bulkhead
