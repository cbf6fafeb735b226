#include "http/target.hpp"

#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

TEST(Target, SplitsPathAndQueryAsTheyStand) {
  const Result<Target> target = check_target("/items/42?q=a%2Fb?c");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/items/42");
  EXPECT_EQ(target->query, "q=a%2Fb?c");
}

TEST(Target, TakesPathsThatHaveOneReading) {
  for (const char* path : {"/", "/a", "/a/", "/a.b/..c/c..", "/.well-known/x", "/%C3%A9", "/a%20b", "/a:b@c!$&'()*+,=~",
                           "/...", "/%2e%2e%2e"}) {
    EXPECT_TRUE(check_target(path)) << path;
  }
}

TEST(Target, RefusesPathsThatTwoProgramsCouldReadDifferently) {
  for (const char* path : {"",       "a",      "*",         "//",     "/a//b",     "/./a",   "/a/..",  "/../a",
                           "/a/.",   "/%2e/a", "/%2E%2e/a", "/.%2e",  "/a/%2e.",   "/a%2fb", "/a%2Fb", "/a%5cb",
                           "/a%5Cb", "/a%00",  "/a%0d",     "/a%7f",  "/a%",       "/a%2",   "/a%zz",  "/a;b",
                           "/a#b",   "/a\\b",  "/a b",      "/a\x01", "/\xc3\xa9", "/a?b#c", "/a?b c"}) {
    EXPECT_FALSE(check_target(path)) << path;
  }
}

}  // namespace
}  // namespace bulkhead::http
