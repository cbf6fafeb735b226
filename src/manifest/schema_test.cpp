#include <array>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace bulkhead::manifest {
namespace {

// The schema judges the same manifests as the parser: tests/schema/check.py says how.
TEST(Schema, AgreesWithTheParserOnEveryManifestOfTheCorpus) {
  std::string command = "python3 " BULKHEAD_SOURCE_DIR "/tests/schema/check.py 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 4096> buffer;
  while (std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), count);
  int status = pclose(pipe);
  ASSERT_TRUE(WIFEXITED(status)) << output;
  if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127) GTEST_SKIP() << output;
  EXPECT_EQ(WEXITSTATUS(status), 0) << output;
}

}  // namespace
}  // namespace bulkhead::manifest
