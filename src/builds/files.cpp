#include "builds/files.hpp"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/fd.hpp"

namespace bulkhead::builds {

namespace fs = std::filesystem;

namespace {

constexpr const char* kGitIgnore = ".gitignore";
constexpr std::size_t kLargestIgnore = 1U << 20U;
constexpr std::int64_t kJustNow = 50'000'000;  // ns; a file's times are no finer than the kernel's tick

std::string hex_of(XXH128_hash_t hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

bool looks_the_same(const struct stat& left, const struct stat& right) {
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino && left.st_size == right.st_size &&
         left.st_mode == right.st_mode && nanoseconds(left.st_mtim) == nanoseconds(right.st_mtim) &&
         nanoseconds(left.st_ctim) == nanoseconds(right.st_ctim);
}

// What a file holds now; nothing is remembered of one that may change once more without looking otherwise.
bool is_settled(const struct stat& info) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now) - nanoseconds(info.st_ctim) > kJustNow;
}

std::string content_hash(const std::string& path, bool executable) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  XXH3_128bits_update(state.get(), executable ? "x" : "-", 1);
  std::vector<char> buffer(256U << 10U);
  for (;;) {
    const ssize_t got = file ? ::read(file.get(), buffer.data(), buffer.size()) : 0;
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    XXH3_128bits_update(state.get(), buffer.data(), static_cast<std::size_t>(got));
  }
  return hex_of(XXH3_128bits_digest(state.get()));
}

// From the top of the repository that `directory` is in down to it; without a repository that directory alone.
std::vector<std::string> directories_with_rules(const std::string& directory) {
  std::vector<std::string> all;
  std::error_code error;
  for (fs::path at = directory;; at = at.parent_path()) {
    all.insert(all.begin(), at.string());
    if (fs::exists(at / ".git", error)) return all;
    if (at == at.root_path()) return {directory};
  }
}

void add_rules_of(Ignore& ignore, const std::string& directory) {
  if (const auto lines = read_file(directory + "/" + kGitIgnore, kLargestIgnore)) ignore.add(directory, *lines);
}

// "crates/*/src" is the directory "crates" and the pattern "/*/src"; "*.go" is a pattern alone.
struct Input {
  std::string root;
  std::optional<Pattern> pattern;  // none: `root` itself, a file or a directory with all below it
};
Input input_of(const std::string& dir, const std::string& text) {
  if (!is_wild(text)) return {placed(dir, text), std::nullopt};
  const std::size_t slash =
      text.find('/') == std::string::npos ? std::string::npos : text.rfind('/', text.find_first_of("*?[\\"));
  if (text.find('/') == std::string::npos) return {dir, Pattern::parse(text)};
  if (slash == std::string::npos) return {dir, Pattern::parse("/" + text)};
  return {placed(dir, text.substr(0, slash + 1)), Pattern::parse(text.substr(slash))};
}

}  // namespace

std::string hash_of(std::string_view text) { return hex_of(XXH3_128bits(text.data(), text.size())); }

std::string hash_of(const Files& files) {
  std::string text;
  for (const auto& [path, hash] : files) text += fmt::format("{} {}\n", path, hash);
  return hash_of(text);
}

std::string placed(const std::string& directory, const std::string& path) {
  std::string joined = (fs::path(directory) / path).lexically_normal().string();
  while (joined.size() > 1 && joined.ends_with('/')) joined.pop_back();
  return joined;
}

// One reading: what is left out, what is wanted below `root`, and what was found.
struct FileReader::Walk {
  Ignore ignore;  // the usual rules and those of the repository
  Ignore own;     // the manifest's word
  std::string root;
  std::optional<Pattern> pattern;
  std::vector<std::string> apart;
  Files found;
};

Result<Files> FileReader::read(const Scope& scope) {
  Walk walk;
  walk.apart = scope.apart;
  walk.own.add(scope.dir, fmt::format("{}", fmt::join(scope.ignore, "\n")));
  std::vector<Input> inputs;
  for (const std::string& text : scope.inputs) inputs.push_back(input_of(scope.dir, text));
  if (inputs.empty()) inputs.push_back({scope.below.empty() ? scope.dir : scope.below, std::nullopt});
  for (Input& input : inputs) {
    walk.ignore = Ignore();
    walk.ignore.add_usual("/");
    std::error_code error;
    const bool is_directory = fs::is_directory(input.root, error);
    const std::string parent = fs::path(input.root).parent_path().string();
    for (const std::string& each : directories_with_rules(is_directory ? input.root : parent))
      if (each != input.root) add_rules_of(walk.ignore, each);
    walk.root = input.root;
    walk.pattern = std::move(input.pattern);
    if (!is_directory && entering_) entering_(parent);
    auto taken = is_directory ? this->walk(walk, input.root, !walk.pattern) : take(walk, input.root, !walk.pattern);
    if (!taken) return fail(std::move(taken.error()));
  }
  return std::move(walk.found);
}

Result<> FileReader::walk(Walk& walk, const std::string& directory, bool wanted) {
  if (entering_) entering_(directory);
  add_rules_of(walk.ignore, directory);
  const std::unique_ptr<DIR, decltype(&::closedir)> listing(::opendir(directory.c_str()), &::closedir);
  if (!listing) return {};  // it is gone, or not for this user
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (auto taken = take(walk, (directory == "/" ? "" : directory) + "/" + std::string(name), wanted); !taken)
      return taken;
  }
  return {};
}

Result<> FileReader::take(Walk& walk, const std::string& path, bool wanted) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return {};
  const bool is_directory = S_ISDIR(info.st_mode);
  for (const auto* apart : {&apart_, &walk.apart})
    if (std::ranges::find(*apart, path) != apart->end()) return {};
  const bool is_root = path == walk.root;  // that one was asked for by its name
  const auto own = walk.own.leaves_out(path, is_directory);
  if (!is_root && own.value_or(walk.ignore.leaves_out(path, is_directory).value_or(false))) return {};
  if (!wanted && walk.pattern && !is_root) wanted = walk.pattern->matches(relative_to(walk.root, path), is_directory);
  if (is_directory) return this->walk(walk, path, wanted);
  if (!wanted || (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode))) return {};
  if (walk.found.size() >= kMostFiles)
    return fail(Cause::exhausted,
                "more than {} files count below {}; name those that do as 'inputs' of the build, or leave others out "
                "by 'ignore' or a .gitignore",
                kMostFiles, walk.root);
  walk.found[path] = hash_of(path, info);
  return {};
}

std::string FileReader::hash_of(const std::string& path, const struct stat& info) {
  struct stat target = info;
  std::string link;
  if (S_ISLNK(info.st_mode)) {
    std::error_code error;
    link = fs::read_symlink(path, error).string();
    if (::stat(path.c_str(), &target) != 0 || !S_ISREG(target.st_mode)) return builds::hash_of("link to " + link);
  }
  const auto known = known_.find(path);
  if (known != known_.end() && looks_the_same(known->second.info, target)) return known->second.hash;
  std::string hash = content_hash(path, (target.st_mode & 0111U) != 0);
  if (!link.empty()) hash = builds::hash_of(link + hash);
  if (is_settled(target))
    known_[path] = {target, hash};
  else
    known_.erase(path);
  return hash;
}

std::string FileReader::read_one(const std::string& path) {
  struct stat info{};
  std::error_code error;
  if (!fs::is_regular_file(path, error) || ::lstat(path.c_str(), &info) != 0) return "";
  return hash_of(path, info);
}

}  // namespace bulkhead::builds
