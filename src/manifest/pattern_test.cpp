#include "manifest/pattern.hpp"

#include <gtest/gtest.h>

namespace bulkhead::manifest {
namespace {

struct PathCase {
  std::string_view pattern;
  std::string_view path;
  bool matches;
};

class PathMatching : public testing::TestWithParam<PathCase> {};

TEST_P(PathMatching, FollowsTheGrammar) {
  auto pattern = PathPattern::parse(GetParam().pattern);
  ASSERT_TRUE(pattern) << pattern.error().message;
  EXPECT_EQ(pattern->matches(GetParam().path), GetParam().matches) << GetParam().pattern << " on " << GetParam().path;
}

INSTANTIATE_TEST_SUITE_P(
    Table, PathMatching,
    testing::Values(PathCase{"/items", "/items", true}, PathCase{"/items", "/items/", false},
                    PathCase{"/items", "/item", false}, PathCase{"/items", "/items/1", false},
                    PathCase{"/items/", "/items/", true}, PathCase{"/items/", "/items", false},
                    PathCase{"/items/*", "/items", false}, PathCase{"/items/*", "/items/", true},
                    PathCase{"/items/*", "/items/1", true}, PathCase{"/items/*", "/items/1/2/3", true},
                    PathCase{"/items/*", "/items/1/", true}, PathCase{"/items/*", "/itemsx/1", false},
                    PathCase{"/items/*/price", "/items/1/price", true},
                    PathCase{"/items/*/price", "/items//price", false},
                    PathCase{"/items/*/price", "/items/1/2/price", false},
                    PathCase{"/items/*/price", "/items/1/price/", false}, PathCase{"/*/x/*", "/a/x/b/c", true},
                    PathCase{"/*/x/*", "/a/y/b", false}, PathCase{"/*", "/", true}, PathCase{"/*", "/a/b", true},
                    PathCase{"/", "/", true}, PathCase{"/", "/a", false}, PathCase{"/Items", "/items", false},
                    PathCase{"/a%20b", "/a%20b", true}, PathCase{"/a%20b", "/a b", false},
                    // ambiguous paths match nothing, whatever the pattern
                    PathCase{"/*", "//", false}, PathCase{"/*", "/a//b", false}, PathCase{"/*", "/a/../b", false},
                    PathCase{"/*", "/.", false}, PathCase{"/*", "/a/.", false},
                    PathCase{"/items/*", "/items/..", false}, PathCase{"/*", "/%2e%2e/a", false},
                    PathCase{"/*", "/a%2Fb", false}, PathCase{"/*", "/a%5cb", false}, PathCase{"/*", "/a%00", false},
                    PathCase{"/*", "/a\\b", false}, PathCase{"/*", "/a;b", false}, PathCase{"/*", "/a#b", false},
                    PathCase{"/*", "/a?b", false}, PathCase{"/*", "/a\tb", false}, PathCase{"/*", "/a%", false},
                    PathCase{"/*", "/a%zz", false}, PathCase{"/*", "", false}, PathCase{"/*", "*", false},
                    PathCase{"/*", "http://x/a", false}, PathCase{"/*", std::string_view("/a\0b", 4), false}));

TEST(PathPattern, RefusesWhatIsAmbiguousOrHalfAWildcard) {
  for (std::string_view text :
       {"", "items", "/a*", "/*a", "/a/**", "/a//b", "/a/..", "/a?x", "/a b", "/a;b", "/a#b", "/%2e"}) {
    EXPECT_FALSE(PathPattern::parse(text)) << text;
  }
  EXPECT_FALSE(PathPattern::parse("/" + std::string(2000, 'a')));
}

TEST(PathPattern, KnowsItsParts) {
  EXPECT_EQ(PathPattern::parse("/a/*/b")->literal_prefix(), "/a/");
  EXPECT_TRUE(PathPattern::parse("/a/*/b")->has_inner_wildcard());
  EXPECT_FALSE(PathPattern::parse("/a/*")->has_inner_wildcard());
  EXPECT_TRUE(PathPattern().matches_everything());
}

TEST(Permission, CoversMethodsAndPaths) {
  auto permission = parse_permission("GET|POST /items/*", Protocol::http);
  ASSERT_TRUE(permission);
  EXPECT_TRUE(permission->covers("GET", "/items/1"));
  EXPECT_TRUE(permission->covers("POST", "/items/1"));
  EXPECT_FALSE(permission->covers("PUT", "/items/1"));
  EXPECT_FALSE(permission->covers("get", "/items/1"));
  EXPECT_FALSE(permission->covers("GET", "/items"));
  EXPECT_TRUE(parse_permission("* /x", Protocol::http)->covers("BREW", "/x"));
  EXPECT_TRUE(parse_permission("/x", Protocol::http)->covers("GET", "/x"));
}

TEST(Permission, OfGrpcNamesServiceAndMethod) {
  auto one = parse_permission("shop.Cart/Get", Protocol::grpc);
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->covers("POST", "/shop.Cart/Get"));
  EXPECT_FALSE(one->covers("POST", "/shop.Cart/GetAll"));
  EXPECT_FALSE(one->covers("POST", "/Cart/Get"));
  auto all = parse_permission("Cart/*", Protocol::grpc);
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->covers("POST", "/Cart/Get"));
  EXPECT_FALSE(all->covers("POST", "/shop.Cart/Get"));
  for (std::string_view text : {"GET /x", "Cart", "/Cart/Get", "a..b/Get", ".a/Get", "*/Get", "a/b/c", "a/Get*"}) {
    EXPECT_FALSE(parse_permission(text, Protocol::grpc)) << text;
  }
}

TEST(Permission, IsRefusedWhereItMeansNothing) {
  for (std::string_view text :
       {"", "GET", "get /x", "GET x", "GET|GET /x", "GET| /x", "|GET /x", "GET,POST /x", "GET  "}) {
    EXPECT_FALSE(parse_permission(text, Protocol::http)) << text;
  }
  EXPECT_FALSE(parse_permission("GET /x", Protocol::tcp));
}

}  // namespace
}  // namespace bulkhead::manifest
