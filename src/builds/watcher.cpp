#include "builds/watcher.hpp"

#include <array>
#include <filesystem>

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::builds {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

// A file that was just made holds nothing yet: it is told when it is closed. One that was linked there is whole.
bool comes_again(const inotify_event& event, const std::string& path) {
  if ((event.mask & IN_CREATE) == 0 || (event.mask & IN_ISDIR) != 0) return false;
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
}

}  // namespace

Result<Watcher> Watcher::open() {
  Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return os_fail("watch files");
  return Watcher(std::move(inotify));
}

Result<> Watcher::watch(const std::string& directory, bool whole) {
  const auto known = known_.find(directory);
  if (known != known_.end() && (!whole || directories_[known->second].whole)) return {};
  const int number = ::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents);
  if (number < 0 && errno == ENOSPC)
    return fail(Cause::exhausted,
                "no more than {} directories can be watched here: leave some out by a .gitignore, or raise the limit "
                "with sysctl fs.inotify.max_user_watches=524288",
                known_.size());
  if (number < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return {};
  if (number < 0) return os_fail("watch " + directory);
  Directory& entry = directories_[number];
  entry.path = directory;
  entry.whole = entry.whole || whole;
  known_[directory] = number;
  return {};
}

Result<> Watcher::watch_file(const std::string& path) {
  const std::filesystem::path whole(path);
  if (auto watched = watch(whole.parent_path().string(), false); !watched) return watched;
  if (const auto known = known_.find(whole.parent_path().string()); known != known_.end())
    directories_[known->second].names.insert(whole.filename().string());
  return {};
}

bool Watcher::is_readable(Millis patience) const {
  pollfd waiting{inotify_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(patience.count())) > 0;
}

Watcher::Seen Watcher::wait(Millis patience) {
  Seen seen;
  if (!is_readable(patience)) return seen;
  seen.since = Clock::now();
  read_events(seen);
  while (seen.any() && Clock::now() - seen.since < kLongest && is_readable(kQuiet)) read_events(seen);
  return seen;
}

void Watcher::read_events(Seen& seen) {
  alignas(inotify_event) std::array<char, 64U << 10U> buffer;
  const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
  for (ssize_t at = 0; at < got;) {
    const auto& event = *reinterpret_cast<const inotify_event*>(buffer.data() + at);
    at += static_cast<ssize_t>(sizeof event + event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0) seen.lost = true;
    const auto found = directories_.find(event.wd);
    if (found == directories_.end()) continue;
    Directory& directory = found->second;
    if ((event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
      // What comes to be under its name is another one.
      seen.paths.insert(directory.path);
      known_.erase(directory.path);
      if ((event.mask & IN_IGNORED) != 0)
        directories_.erase(found);
      else
        ::inotify_rm_watch(inotify_.get(), event.wd);
      continue;
    }
    const std::string name = event.len > 0 ? event.name : "";
    if (name.empty() || (!directory.whole && !directory.names.contains(name))) continue;
    const std::string path = (directory.path == "/" ? "" : directory.path) + "/" + name;
    if (!comes_again(event, path)) seen.paths.insert(path);
  }
}

}  // namespace bulkhead::builds
