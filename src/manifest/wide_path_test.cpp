#include "manifest/wide_path.hpp"

#include <gtest/gtest.h>

namespace bulkhead::manifest {
namespace {

struct WideCase {
  std::string_view pattern;
  std::string_view path;
  bool denied;
};

class WidePaths : public testing::TestWithParam<WideCase> {};

TEST_P(WidePaths, AreComparedAsAnyProgramMayReadThem) {
  const auto& [text, path, denied] = GetParam();
  const auto pattern = PathPattern::parse(text);
  ASSERT_TRUE(pattern);
  const auto wide_pattern = widen_pattern(*pattern);
  ASSERT_TRUE(wide_pattern) << wide_pattern.error().message;
  std::string wide;
  const bool clear = widen_path(path, wide);
  EXPECT_EQ(!clear || matches_wide(*wide_pattern, wide), denied) << text << " on " << path << " (" << wide << ')';
}

INSTANTIATE_TEST_SUITE_P(
    Table, WidePaths,
    testing::Values(WideCase{"/admin/*", "/admin/x", true}, WideCase{"/admin/*", "/ADMIN/x", true},
                    WideCase{"/Admin/*", "/admin/x", true}, WideCase{"/admin/*", "/%61dmin/x", true},
                    WideCase{"/admin/*", "/%41dmin/x", true}, WideCase{"/admin/*", "/%2561dmin/x", true},
                    WideCase{"/admin/*", "/%252561dmin/x", true}, WideCase{"/admin/*", "/admin", false},
                    WideCase{"/admin/*", "/admins/x", false}, WideCase{"/admin/*", "/", false},
                    WideCase{"/admin", "/admin/", true}, WideCase{"/admin/", "/admin", true},
                    WideCase{"/admin", "/admin/x", false}, WideCase{"/a/*/c", "/a/b/C/", true},
                    WideCase{"/a/*/c", "/a/b/d", false}, WideCase{"/caf%C3%A9/*", "/%63af%c3%a9/x", true},
                    WideCase{"/caf%c3%a9/*", "/cafe/x", false}, WideCase{"/*", "/x", true},
                    // what is ambiguous may be any
                    WideCase{"/admin/*", "/x//y", true}, WideCase{"/admin/*", "/x/../admin/y", true},
                    WideCase{"/admin/*", "/x%2fy", true}, WideCase{"/admin/*", "/x%252fy", true},
                    WideCase{"/admin/*", "/x%25252e%25252e/y", true}, WideCase{"/admin/*", "/x;y", true},
                    WideCase{"/admin/*", "x", true}, WideCase{"/admin/*", "", true},
                    // and what is not, is not
                    WideCase{"/admin/*", "/100%25", false}, WideCase{"/admin/*", "/a%20b", false},
                    WideCase{"/admin/*", "/caf%C3%A9", false}, WideCase{"/admin/*", "/x%25zz", false}));

TEST(WidePaths, PatternsThatHideAWildcardOrAreNoneAreRefused) {
  for (const char* text : {"/a/%2a", "/a%20b"}) {
    const auto pattern = PathPattern::parse(text);
    ASSERT_TRUE(pattern) << text;
    EXPECT_FALSE(widen_pattern(*pattern)) << text;
  }
}

}  // namespace
}  // namespace bulkhead::manifest
