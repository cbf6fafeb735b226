#include "collect/infer_paths.hpp"

#include <gtest/gtest.h>

namespace bulkhead::collect {
namespace {

std::string pattern(std::string_view path) {
  PathPatterns patterns;
  return patterns.name(patterns.number("GET", path));
}

TEST(PathPatterns, WriteIdsAsStars) {
  EXPECT_EQ(pattern("/orders/17"), "GET /orders/*");
  EXPECT_EQ(pattern("/orders/17/items?page=2"), "GET /orders/*/items");
  EXPECT_EQ(pattern("/users/3f2504e0-4f89-11d3-9a0c-0305e82c3301"), "GET /users/*");
  EXPECT_EQ(pattern("/blobs/9f86d081884c7d65"), "GET /blobs/*");
  EXPECT_EQ(pattern("/days/2024-05-17"), "GET /days/*");
  EXPECT_EQ(pattern("/mail/ann@shop.example"), "GET /mail/*");
  EXPECT_EQ(pattern("/s/dQw4w9WgXcQ"), "GET /s/*");
}

TEST(PathPatterns, KeepWords) {
  EXPECT_EQ(pattern("/api/v1/checkout"), "GET /api/v1/checkout");
  EXPECT_EQ(pattern("/shop.Inventory/Reserve"), "GET /shop.Inventory/Reserve");
  EXPECT_EQ(pattern("/oauth2/token"), "GET /oauth2/token");
  EXPECT_EQ(pattern("/"), "GET /");
  EXPECT_EQ(pattern(""), "GET ");
  EXPECT_EQ(pattern("/facade/beef"), "GET /facade/beef");
}

TEST(PathPatterns, ManyWordsAtOnePlaceAreIds) {
  PathPatterns patterns({.words = 4});
  for (std::string name : {"ann", "bob", "cid", "dan"}) patterns.number("GET", "/users/" + name + "/cart");
  EXPECT_EQ(patterns.name(patterns.number("GET", "/users/eve/cart")), "GET /users/*/cart");
  EXPECT_EQ(patterns.name(patterns.number("GET", "/users/ann/cart")), "GET /users/*/cart");
  EXPECT_EQ(patterns.name(patterns.number("GET", "/orders")), "GET /orders");
}

TEST(PathPatterns, TellKindsApartAndKeepTheirNumbers) {
  PathPatterns patterns;
  std::uint32_t get = patterns.number("GET", "/orders/1");
  std::uint32_t post = patterns.number("POST", "/orders/1");
  EXPECT_NE(get, post);
  EXPECT_EQ(patterns.number("GET", "/orders/2"), get);
}

TEST(PathPatterns, AreBoundedWhateverIsAskedFor) {
  PathPatterns patterns({.patterns = 16});
  std::string deep = "/";
  for (int i = 0; i < 500; ++i) {
    deep += std::string(1, static_cast<char>('a' + i % 26)) + "x/";
    EXPECT_LT(patterns.number("K" + std::to_string(i), deep), 16U);
  }
  EXPECT_LE(patterns.size(), 16U);
  EXPECT_EQ(patterns.name(patterns.number("NEW", "/new")), "other");
}

TEST(WithoutIds, WritesAStarForEach) {
  EXPECT_EQ(without_ids("/orders/17/lines/3f2a9c1e7d?all=1"), "/orders/*/lines/*");
  EXPECT_EQ(without_ids("/v1/orders/"), "/v1/orders/");
  EXPECT_EQ(without_ids(""), "");
}

}  // namespace
}  // namespace bulkhead::collect
