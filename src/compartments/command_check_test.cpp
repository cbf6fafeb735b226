#include "compartments/command_check.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.hpp"

namespace bulkhead::compartments {
namespace {

using testing::HasSubstr;

class CommandCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    chmod(directory.c_str(), 0755);
    compartment.ids = {IdMapping::direct, 1'900'000'001, 1'900'000'001};
    compartment.directory = directory;
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  void write(const std::string& name, std::string_view content, unsigned mode) {
    std::filesystem::create_directories(std::filesystem::path(directory + "/" + name).parent_path());
    ASSERT_TRUE(write_file_atomically(directory + "/" + name, content, mode));
    chmod((directory + "/" + name).c_str(), mode);
  }
  CommandProblem problem(std::vector<std::string> command, const std::string& path = "") {
    compartment.command = std::move(command);
    const auto problems = check_command(compartment, path);
    return problems.empty() ? CommandProblem{} : problems.front();
  }
  std::string directory = "/tmp/bulkhead-command-XXXXXX";
  Compartment compartment;
};

TEST_F(CommandCheckTest, WhatTheSystemHasIsFound) {
  EXPECT_EQ(problem({"sh", "-c", "true"}).message, "");
  EXPECT_EQ(problem({"/bin/sh"}).message, "");
  EXPECT_EQ(problem({"/usr/bin/env"}).message, "");
}

TEST_F(CommandCheckTest, AProgramOfTheServicesOwnIsFoundRelativeToItsDirectory) {
  write("run", "#!/bin/sh\n", 0755);
  EXPECT_EQ(problem({"./run"}).message, "");
  write("bin/run", "#!/usr/bin/env sh\n", 0755);
  EXPECT_EQ(problem({"bin/run"}).message, "");
}

TEST_F(CommandCheckTest, AProgramOutsideIsRefusedWithTheMountThatAddsIt) {
  write("home/.pyenv/shims/python9", "x", 0755);
  compartment.directory.clear();
  const auto found = problem({"python9"}, "/nowhere:" + directory + "/home/.pyenv/shims");
  EXPECT_EQ(found.message,
            "command python9 (" + directory + "/home/.pyenv/shims/python9) is not visible inside the compartment");
  EXPECT_THAT(found.fix, HasSubstr("mounts: [\"" + directory + "/home/.pyenv:" + directory + "/home/.pyenv:ro\"]"));
  compartment.mounts = {{directory + "/home/.pyenv", directory + "/home/.pyenv"}};
  EXPECT_EQ(problem({directory + "/home/.pyenv/shims/python9"}).message, "");
}

TEST_F(CommandCheckTest, AnInterpreterOutsideIsRefusedToo) {
  write("app.py", "#!/opt/none/python\n", 0755);
  EXPECT_EQ(problem({"./app.py"}).message, "interpreter /opt/none/python is not found in the compartment");
  write("app2.py", "#!/usr/bin/env no-such-python\n", 0755);
  EXPECT_THAT(problem({"./app2.py"}).message, HasSubstr("interpreter no-such-python is not found in PATH"));
}

TEST_F(CommandCheckTest, ALinkThatLeavesTheRootIsNotFollowedOutside) {
  write("outside/tool", "x", 0755);
  std::filesystem::create_directories(directory + "/app");
  std::filesystem::create_symlink(directory + "/outside/tool", directory + "/app/tool");
  compartment.directory = directory + "/app";
  EXPECT_THAT(problem({"./tool"}).message, HasSubstr("is not found in the compartment"));
}

TEST_F(CommandCheckTest, WhatTheServicesUidCannotReadIsNamedWithTheChmodThatHelps) {
  write("bin/run", "#!/bin/sh\n", 0700);
  EXPECT_EQ(problem({"bin/run"}).fix, "chmod o+rx " + directory + "/bin/run");
  chmod((directory + "/bin/run").c_str(), 0755);
  chmod((directory + "/bin").c_str(), 0700);
  EXPECT_EQ(problem({"bin/run"}).fix, "chmod o+x " + directory + "/bin");
  chmod((directory + "/bin").c_str(), 0755);
  chmod(directory.c_str(), 0700);
  EXPECT_EQ(problem({"bin/run"}).fix, "chmod o+rx " + directory);
}

TEST_F(CommandCheckTest, ADirectoryThatIsNotThereIsNamed) {
  compartment.directory = directory + "/none";
  EXPECT_THAT(problem({"sh"}).message, HasSubstr("is not a directory"));
}

}  // namespace
}  // namespace bulkhead::compartments
