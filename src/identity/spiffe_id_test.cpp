#include "identity/spiffe_id.hpp"

#include <unordered_set>

#include <gtest/gtest.h>

namespace bulkhead::identity {
namespace {

TEST(SpiffeIdTest, PartsOfAServiceAreRead) {
  const auto id = SpiffeId::parse("spiffe://prod.example/shop/cart");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->trust_domain(), "prod.example");
  EXPECT_EQ(id->path(), "/shop/cart");
  EXPECT_EQ(id->app(), "shop");
  EXPECT_EQ(id->service(), "cart");
  EXPECT_EQ(*id, *SpiffeId::make("prod.example", "shop", "cart"));
  EXPECT_EQ((std::unordered_set<SpiffeId>{*id, *SpiffeId::make("prod.example", "shop", "cart")}.size()), 1U);
}

TEST(SpiffeIdTest, OtherPathsHaveNoAppAndService) {
  for (const auto* text : {"spiffe://example", "spiffe://example/one", "spiffe://example/a/b/c"}) {
    const auto id = SpiffeId::parse(text);
    ASSERT_TRUE(id) << text;
    EXPECT_EQ(id->app(), "");
    EXPECT_EQ(id->service(), "");
    EXPECT_EQ(id->text(), text);
  }
  EXPECT_EQ(SpiffeId().trust_domain(), "");
  EXPECT_EQ(SpiffeId().path(), "");
}

TEST(SpiffeIdTest, DifferentIdsAreDifferent) {
  const auto id = *SpiffeId::parse("spiffe://example/shop/cart");
  for (const auto* text : {"spiffe://example/shop/Cart", "spiffe://example/shop/cart2", "spiffe://example/shop",
                           "spiffe://example.com/shop/cart", "spiffe://exampl/e/shop/cart"}) {
    EXPECT_NE(id, *SpiffeId::parse(text)) << text;
  }
}

TEST(SpiffeIdTest, WhatIsNotExactlyASpiffeIdIsRefused) {
  const std::string cases[] = {
      "",
      "spiffe:",
      "spiffe://",
      "spiffe:///shop/cart",
      "SPIFFE://example/a/b",
      "Spiffe://example/a/b",
      "https://example/a/b",
      "spiffe:/example/a/b",
      " spiffe://example/a/b",
      "spiffe://example/a/b ",
      "spiffe://Example/a/b",
      "spiffe://example:80/a/b",
      "spiffe://user@example/a/b",
      "spiffe://user:x@example/a/b",
      "spiffe://example/a/b?x=1",
      "spiffe://example?x",
      "spiffe://example/a/b#c",
      "spiffe://example/a%2Fb",
      "spiffe://ex%61mple/a/b",
      "spiffe://example/",
      "spiffe://example//b",
      "spiffe://example/a/",
      "spiffe://example/a//b",
      "spiffe://example/./b",
      "spiffe://example/a/..",
      "spiffe://example/../b",
      "spiffe://example/*/b",
      "spiffe://*/a/b",
      "spiffe://example/a b/c",
      "spiffe://example/a\\b",
      "spiffe://example/a/b\n",
      "spiffe://example/\xC3\xA4/b",
      "spiffe://[::1]/a/b",
      std::string("spiffe://example/a/b\0", 21),
      std::string("spiffe://example/a\0/b", 21),
      "spiffe://" + std::string(256, 'a') + "/a/b",
      "spiffe://example/" + std::string(2048, 'a'),
  };
  for (const std::string& text : cases) EXPECT_FALSE(SpiffeId::parse(text)) << text;
}

TEST(SpiffeIdTest, TheLimitsThemselvesAreAllowed) {
  EXPECT_TRUE(SpiffeId::parse("spiffe://" + std::string(255, 'a') + "/a/b"));
  const std::string prefix = "spiffe://example/";
  EXPECT_TRUE(SpiffeId::parse(prefix + std::string(kMaxSpiffeId - prefix.size(), 'a')));
  EXPECT_TRUE(SpiffeId::parse("spiffe://a-b_c.1/A.b-c_D/..."));
}

TEST(SpiffeIdTest, PartsThatWouldMeanAnotherIdAreRefused) {
  EXPECT_FALSE(SpiffeId::make("example", "a/b", "c"));
  EXPECT_FALSE(SpiffeId::make("example", "a", "b/c"));
  EXPECT_FALSE(SpiffeId::make("example/a", "b", "c"));
  EXPECT_FALSE(SpiffeId::make("example", "", "c"));
  EXPECT_FALSE(SpiffeId::make("example", "..", "c"));
  EXPECT_FALSE(SpiffeId::make("", "a", "b"));
}

TEST(SpiffeIdTest, AFaultShowsNoControlBytes) {
  const auto id = SpiffeId::parse("spiffe://example/\x1b[31m/b");
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::identity
