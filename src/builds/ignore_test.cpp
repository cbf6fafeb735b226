#include "builds/ignore.hpp"

#include <gtest/gtest.h>

namespace bulkhead::builds {
namespace {

TEST(Ignore, LetsTheLastRuleThatMatchesDecide) {
  Ignore ignore;
  ignore.add("/app", "*.log\n!keep.log\n");
  ignore.add("/app/sub", "/keep.log\n");
  EXPECT_EQ(ignore.leaves_out("/app/a.log", false), true);
  EXPECT_EQ(ignore.leaves_out("/app/keep.log", false), false);
  EXPECT_EQ(ignore.leaves_out("/app/sub/keep.log", false), true);
  EXPECT_EQ(ignore.leaves_out("/app/sub/deep/keep.log", false), false);
}

TEST(Ignore, ConcernsWhatIsBelowItsDirectory) {
  Ignore ignore;
  ignore.add("/app", "*");
  EXPECT_EQ(ignore.leaves_out("/app", true), std::nullopt);
  EXPECT_EQ(ignore.leaves_out("/apple/a", false), std::nullopt);
  EXPECT_EQ(ignore.leaves_out("/app/a", false), true);
}

TEST(Ignore, KnowsWhatNobodysProgramIsMadeOf) {
  Ignore ignore;
  ignore.add_usual("/app");
  for (const std::string_view directory : {".git", "node_modules", "web/node_modules", "a/__pycache__", ".venv"})
    EXPECT_EQ(ignore.leaves_out("/app/" + std::string(directory), true), true) << directory;
  for (const std::string_view file : {"app.py~", ".app.py.swp", ".#app.py", "#app.py#", "4913", "x/a.pyc"})
    EXPECT_EQ(ignore.leaves_out("/app/" + std::string(file), false), true) << file;
  for (const std::string_view file : {"app.py", "main.go", ".env", "target/app.jar", "dist/main.js", "Makefile"})
    EXPECT_EQ(ignore.leaves_out("/app/" + std::string(file), false), std::nullopt) << file;
}

}  // namespace
}  // namespace bulkhead::builds
