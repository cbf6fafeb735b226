#include "control/kept_files.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.hpp"
#include "control/launch.hpp"
#include "control/tree_copy.hpp"

namespace bulkhead::control {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kUnfinished = ".new";
constexpr int kPrefix = 8;     // digits that all copies of one directory begin with
constexpr int kNiceness = 10;  // what is started has the processor first

// The newest of those of the same directory that are there, of whichever process.
std::string newest_like(const std::string& directory, std::string_view prefix) {
  std::string newest;
  std::int64_t when = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    struct stat info{};
    if (!name.starts_with(prefix) || name.ends_with(kUnfinished) || ::lstat(entry.path().c_str(), &info) != 0) continue;
    const std::int64_t made = info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec;
    if (made <= when) continue;
    when = made;
    newest = entry.path().string();
  }
  return newest;
}

}  // namespace

// The thread's own, one job after the other.
struct KeptFiles::Source {
  TreeFiles files;   // that went into `last`
  std::string last;  // path
};

KeptFiles::KeptFiles(net::Loop& loop, std::string directory)
    : directory_(std::move(directory)), gate_(loop), worker_(loop) {}

KeptFiles::~KeptFiles() { ending_ = true; }

std::string KeptFiles::id_of(const manifest::Service& service, const std::string& directory) {
  if (service.sources.empty() || service.dir.empty()) return "";
  const std::string from = absolute_path(directory, service.dir);
  return fmt::format("{:.{}}-{}", hash_of(from), kPrefix, hash_of(from + "\n" + service.sources));
}

std::string KeptFiles::path(const std::string& id) const {
  std::string path = directory_ + "/" + id;
  std::error_code error;
  return !id.empty() && fs::is_directory(path, error) ? path : "";
}

std::string KeptFiles::problem(const std::string& id) const {
  const auto known = problems_.find(id);
  return known == problems_.end() ? "" : known->second;
}

void KeptFiles::keep(const std::string& id, const std::string& from, std::vector<std::string> apart) {
  if (id.empty() || !path(id).empty() || !begun_.insert(id).second) return;
  gate_.spawn(copy(id, from, std::move(apart)));
}

net::Task<> KeptFiles::copy(std::string id, std::string from, std::vector<std::string> apart) {
  std::shared_ptr<Source>& known = sources_[from];
  if (!known) known = std::make_shared<Source>();
  TreeCopy tree{.from = from, .to = directory_ + "/" + id + std::string(kUnfinished), .as_of = file_time_now()};
  tree.apart = std::move(apart);
  const auto copied = co_await worker_.ask([this, id, source = known, tree = std::move(tree)]() mutable -> Result<> {
    ::setpriority(PRIO_PROCESS, 0, kNiceness);  // of this thread
    std::error_code error;
    fs::remove_all(tree.to, error);
    if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) return os_fail("make " + directory_);
    if (source->last.empty() || !fs::exists(source->last, error)) {
      source->files.clear();
      source->last = newest_like(directory_, id.substr(0, kPrefix));
    }
    tree.before = source->last;
    if (auto made = copy_tree(tree, source->files, ending_); !made) return made;
    const std::string path = directory_ + "/" + id;
    if (::rename(tree.to.c_str(), path.c_str()) != 0) return os_fail("rename " + tree.to);
    source->last = path;
    return {};
  });
  begun_.erase(id);
  problems_.erase(id);
  if (copied && *copied) co_return;
  problems_[id] = copied ? copied->error().message : "too many wait for it";
  log_line("the files of {} are not kept: {}", from, problems_[id]);
}

void KeptFiles::keep_only(std::set<std::string> ids) {
  std::erase_if(problems_, [&](const auto& entry) { return !ids.contains(entry.first); });
  wanted_ = std::move(ids);
  if (removing_) return;
  removing_ = true;
  gate_.spawn(remove_others());
}

net::Task<> KeptFiles::remove_others() {
  const auto done = co_await worker_.ask([this, wanted = wanted_] {
    std::vector<fs::path> others;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory_, error))
      if (!wanted.contains(entry.path().filename().string())) others.push_back(entry.path());
    for (const fs::path& each : others)
      if (!ending_) fs::remove_all(each, error);
    return true;
  });
  static_cast<void>(done);
  removing_ = false;
}

}  // namespace bulkhead::control
