#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scaffold/folder.hpp"

namespace bulkhead::scaffold {
namespace {

namespace fs = std::filesystem;

class ReadFolder : public testing::Test {
 protected:
  ReadFolder() {
    std::string pattern = (fs::temp_directory_path() / "bulkhead-folder-XXXXXX").string();
    top_ = ::mkdtemp(pattern.data());
  }
  ~ReadFolder() override { fs::remove_all(top_); }

  void write(const std::string& path, const std::string& text, bool executable = false) {
    fs::create_directories((top_ / "in" / path).parent_path());
    std::ofstream(top_ / "in" / path) << text;
    if (executable) fs::permissions(top_ / "in" / path, fs::perms::owner_exec, fs::perm_options::add);
  }

  Folder read(const FolderBounds& bounds = {}) {
    auto folder = read_folder((top_ / "in").string(), bounds);
    EXPECT_TRUE(folder);
    return folder ? *folder : Folder{};
  }

  fs::path top_;
};

TEST_F(ReadFolder, texts_programs_and_what_only_has_a_name) {
  write("web/app.py", "listen");
  write("web/picture.png", "x");
  write("server",
        std::string("\x7f"
                    "ELF\x02\x01",
                    6),
        true);
  write("run.sh", "#!/bin/sh\n", true);
  write("binary.py", std::string("a\0b", 3));
  Folder folder = read();
  EXPECT_EQ(folder.name, "in");
  EXPECT_EQ(folder.text("web/app.py"), "listen");
  EXPECT_TRUE(folder.find("web/picture.png"));
  EXPECT_FALSE(folder.find("web/picture.png")->is_read);
  EXPECT_TRUE(folder.find("server")->is_program);
  EXPECT_TRUE(folder.find("run.sh")->is_executable);
  EXPECT_FALSE(folder.find("binary.py")->is_read);
  EXPECT_TRUE(folder.directories.contains("web"));
}

TEST_F(ReadFolder, what_tools_made_is_known_and_not_looked_into) {
  write("node_modules/x/index.js", "listen");
  write(".venv/bin/python", "x");
  write("env/pyvenv.cfg", "x");
  write("env/lib/a.py", "listen");
  write("target/release/shop",
        "\x7f"
        "ELF",
        true);
  write("target/release/notes.py", "listen");
  Folder folder = read();
  EXPECT_TRUE(folder.has("node_modules"));
  EXPECT_FALSE(folder.has("node_modules/x"));
  EXPECT_FALSE(folder.has(".venv/bin/python"));
  EXPECT_FALSE(folder.has("env/lib/a.py"));
  EXPECT_TRUE(folder.find("target/release/shop")->is_program);
  EXPECT_EQ(folder.text("target/release/notes.py"), "");
}

TEST_F(ReadFolder, a_link_is_followed_to_a_file_inside_alone) {
  write("real.py", "inside");
  std::ofstream(top_ / "secret.py") << "outside";
  fs::create_directory(top_ / "elsewhere");
  std::ofstream(top_ / "elsewhere/a.py") << "outside";
  fs::create_symlink("real.py", top_ / "in/link.py");
  fs::create_symlink("../secret.py", top_ / "in/out.py");
  fs::create_symlink("../elsewhere", top_ / "in/dir");
  fs::create_symlink(".", top_ / "in/loop");
  Folder folder = read();
  EXPECT_EQ(folder.text("link.py"), "inside");
  EXPECT_FALSE(folder.has("out.py"));
  EXPECT_FALSE(folder.has("dir"));
  EXPECT_FALSE(folder.has("loop"));
}

TEST_F(ReadFolder, a_pipe_does_not_hold_it_up) {
  write("a.py", "x");
  ASSERT_EQ(::mkfifo((top_ / "in/pipe.py").c_str(), 0600), 0);
  EXPECT_FALSE(read().has("pipe.py"));
}

TEST_F(ReadFolder, bounds_hold_and_are_told) {
  for (int i = 0; i < 20; ++i) write("f" + std::to_string(i) + ".py", std::string(100, 'x'));
  write("a/b/c/d.py", "deep");
  Folder shallow = read({.depth = 2});
  EXPECT_FALSE(shallow.has("a/b/c/d.py"));
  EXPECT_THAT(shallow.not_seen, testing::Contains("what lies deeper than 2 folders"));
  Folder few = read({.entries = 5});
  EXPECT_LE(few.files.size(), 5U);
  EXPECT_THAT(few.not_seen, testing::Contains("more than 5 files"));
  EXPECT_FALSE(read({.file_bytes = 10}).find("f1.py")->is_read);
}

TEST_F(ReadFolder, a_folder_that_is_not_there_is_said) {
  auto missing = read_folder((top_ / "nothing").string());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, testing::HasSubstr("nothing: No such file"));
}

}  // namespace
}  // namespace bulkhead::scaffold
