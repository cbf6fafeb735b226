#include <algorithm>
#include <array>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/utf8.hpp"
#include "scaffold/folder.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace fs = std::filesystem;

namespace {

// Made by tools: known to be there, not looked into.
constexpr std::array<std::string_view, 15> kSkipped{"node_modules",  ".git",        ".hg",    ".svn",      "venv",
                                                    ".venv",         "__pycache__", ".tox",   ".packages", ".idea",
                                                    "site-packages", ".next",       ".cache", ".gradle",   "vendor"};
// Built: names count, texts do not.
constexpr std::array<std::string_view, 5> kBuilt{"target", "dist", "build", "out", "obj"};
constexpr std::size_t kBuiltDepth = 3;

constexpr std::array<std::string_view, 32> kTexts{
    ".py",   ".js",   ".mjs", ".cjs", ".ts",   ".tsx",        ".jsx", ".go", ".rs",  ".rb",  ".php",
    ".java", ".kt",   ".c",   ".cc",  ".cpp",  ".cs",         ".ex",  ".sh", ".ini", ".cfg", ".toml",
    ".json", ".yaml", ".yml", ".env", ".conf", ".properties", ".txt", ".ru", ".sql", ".mod"};
constexpr std::array<std::string_view, 6> kTextNames{"Procfile", "Dockerfile", "Containerfile",
                                                     "Gemfile",  "Makefile",   ".env"};

bool is_text_name(std::string_view name) {
  bool named = is_one_of(name, kTextNames) || name.starts_with("Dockerfile") || name.starts_with(".env");
  return named || std::ranges::any_of(kTexts, [&](std::string_view end) { return name.ends_with(end); });
}

class Reader {
 public:
  Reader(fs::path top, const FolderBounds& bounds, Folder& folder)
      : top_(std::move(top)), bounds_(bounds), folder_(folder) {}

  void run() { enter("", 0, false); }

 private:
  void enter(const std::string& directory, std::size_t depth, bool built) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator it(top_ / directory, fs::directory_options::skip_permission_denied, error), end;
         !error && it != end; it.increment(error)) {
      if (++entries_ > bounds_.entries) return cut("more than {} files", bounds_.entries);
      entries.push_back(*it);
    }
    std::ranges::sort(entries, {}, [](const fs::directory_entry& entry) { return entry.path().native(); });
    for (const fs::directory_entry& entry : entries) take(entry, directory, depth, built);
  }

  void take(const fs::directory_entry& entry, const std::string& directory, std::size_t depth, bool built) {
    std::error_code error;
    std::string name = entry.path().filename().string();
    std::string path = join_path(directory, name);
    if (first_bad_byte(path) != std::string_view::npos || contains(path, "\n")) return;
    fs::file_status status = entry.symlink_status(error);
    if (error) return;
    if (fs::is_directory(status)) return take_directory(path, name, depth, built);
    if (fs::is_symlink(status)) {
      if (!leads_inside(entry.path())) return;
      status = entry.status(error);
    }
    if (!error && fs::is_regular_file(status)) take_file(path, name, built);
  }

  void take_directory(const std::string& path, const std::string& name, std::size_t depth, bool built) {
    folder_.directories.insert(path);
    std::error_code error;
    if (is_one_of(name, kSkipped) || fs::exists(top_ / path / "pyvenv.cfg", error)) return;
    bool into_built = built || is_one_of(name, kBuilt);
    if (into_built && depth >= kBuiltDepth) return;
    if (depth + 1 > bounds_.depth) return cut("what lies deeper than {} folders", bounds_.depth);
    enter(path, depth + 1, into_built);
  }

  bool leads_inside(const fs::path& link) const {
    std::error_code error;
    fs::path target = fs::canonical(link, error);
    if (error) return false;
    auto [end, unused] = std::ranges::mismatch(top_, target);
    return end == top_.end();
  }

  void take_file(const std::string& path, const std::string& name, bool built) {
    File file;
    Fd opened(::open((top_ / path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status{};
    if (!opened || ::fstat(opened.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      folder_.files.insert_or_assign(path, file);
      return;
    }
    file.is_executable = (status.st_mode & S_IXUSR) != 0;
    if (file.is_executable) file.is_program = begins_as_elf(opened.get());
    bool wanted = !built && !file.is_program && (is_text_name(name) || file.is_executable);
    if (wanted) read(opened.get(), static_cast<std::size_t>(status.st_size), file);
    folder_.files.insert_or_assign(path, std::move(file));
  }

  static bool begins_as_elf(int fd) {
    std::array<char, 4> head{};
    return ::pread(fd, head.data(), head.size(), 0) == 4 && std::string_view(head.data(), 4) ==
                                                                "\x7f"
                                                                "ELF";
  }

  void read(int fd, std::size_t size, File& file) {
    if (size > bounds_.file_bytes) return;
    if (bytes_ + size > bounds_.all_bytes) return cut("texts beyond {} MiB", bounds_.all_bytes >> 20U);
    std::string text(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      ssize_t got = ::pread(fd, text.data() + have, size - have, static_cast<off_t>(have));
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    bytes_ += have;
    if (first_bad_byte(text) != std::string_view::npos) return;
    file.text = std::move(text);
    file.is_read = true;
  }

  void cut(fmt::format_string<std::size_t&> what, std::size_t bound) {
    std::string text = fmt::format(what, bound);
    if (!is_one_of(text, folder_.not_seen)) folder_.not_seen.push_back(std::move(text));
  }

  fs::path top_;
  const FolderBounds& bounds_;
  Folder& folder_;
  std::size_t entries_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

Result<Folder> read_folder(const std::string& path, const FolderBounds& bounds) {
  std::error_code error;
  fs::path top = fs::canonical(path.empty() ? "." : path, error);
  if (error) return os_fail("open " + path, error.value());
  if (!fs::is_directory(top, error)) return fail(Cause::invalid, "{} is no folder", path);
  Folder folder;
  folder.name = top.filename().string();
  Reader(top, bounds, folder).run();
  return folder;
}

Host this_host() {
  return {[](std::string_view path) {
    std::error_code error;
    return fs::exists(fs::path(path), error);
  }};
}

}  // namespace bulkhead::scaffold
