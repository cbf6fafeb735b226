#include "control/tree_copy.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/fd.hpp"

namespace bulkhead::control {

namespace {

constexpr std::size_t kPiece = 256U << 10U;
constexpr std::uint64_t kLookAtDisk = 16ULL << 20U;  // bytes copied between two looks at how much is free
constexpr std::uint64_t kStaysFree = 1ULL << 30U;    // or a tenth of the disk, if that is less
constexpr unsigned kPermissions = 0777;

std::int64_t nanoseconds(const std::timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

class Copier {
 public:
  Copier(const TreeCopy& copy, const TreeFiles& known, const std::atomic<bool>& stopped)
      : copy_(copy), known_(known), stopped_(stopped), as_of_ns_(nanoseconds(copy.as_of)) {}

  Result<> directory(const std::string& below);
  TreeFiles take_files() { return std::move(files_); }

 private:
  Result<> entry(int parent, const std::string& name, const std::string& below);
  Result<> file(int parent, const std::string& name, const std::string& below, const struct stat& info);
  Result<> link(int parent, const std::string& name, const std::string& below, const struct stat& info);
  Result<> content(const Fd& from, const Fd& to, const std::string& below);
  bool same_as_before(int from, const std::string& below, const struct stat& info) const;
  Result<> check_room(std::uint64_t more);
  Result<> unchanged(const struct stat& info, const std::string& below) const;
  bool is_apart(const std::string& below) const {
    return std::ranges::find(copy_.apart, copy_.from + below) != copy_.apart.end();
  }
  std::uint64_t key_of(const std::string& below, const struct stat& info) const {
    return XXH3_64bits_withSeed(below.data(), below.size(), info.st_dev);
  }
  std::string source(const std::string& below) const { return copy_.from + below; }
  std::string target(const std::string& below) const { return copy_.to + below; }

  const TreeCopy& copy_;
  const TreeFiles& known_;
  const std::atomic<bool>& stopped_;
  const std::int64_t as_of_ns_;
  TreeFiles files_;
  std::uint64_t count_ = 0, bytes_ = 0, looked_at_ = 0;
  std::vector<char> buffer_ = std::vector<char>(2 * kPiece);
};

// A file that is replaced has a new inode, whose ctime is when it was put there.
Result<> Copier::unchanged(const struct stat& info, const std::string& below) const {
  if (nanoseconds(info.st_ctim) <= as_of_ns_) return {};
  return fail(Cause::conflict, "{} changed while it was copied", source(below));
}

Result<> Copier::check_room(std::uint64_t more) {
  bytes_ += more;
  if (bytes_ > copy_.most_bytes)
    return fail(Cause::exhausted, "{} holds more than {} MiB", copy_.from, copy_.most_bytes >> 20U);
  if (looked_at_ != 0 && bytes_ - looked_at_ < kLookAtDisk) return {};
  looked_at_ = std::max<std::uint64_t>(bytes_, 1);
  struct statvfs disk{};
  if (::statvfs(copy_.to.c_str(), &disk) != 0) return os_fail("look at the disk of " + copy_.to);
  const std::uint64_t whole = disk.f_blocks * disk.f_frsize, free = disk.f_bavail * disk.f_frsize;
  if (free >= more + std::min(kStaysFree, whole / 10)) return {};
  return fail(Cause::exhausted, "only {} MiB are free on the disk of {}", free >> 20U, copy_.to);
}

Result<> Copier::directory(const std::string& below) {
  const Fd from(::open(source(below).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | (below.empty() ? 0 : O_NOFOLLOW)));
  if (!from) return os_fail("open " + source(below));
  if (::mkdir(target(below).c_str(), 0700) != 0) return os_fail("make " + target(below));
  const std::string name = below.substr(below.rfind('/') + 1);
  if (!is_apart(below) && name != ".git") {
    const std::unique_ptr<DIR, decltype(&::closedir)> listing(::fdopendir(::dup(from.get())), &::closedir);
    if (!listing) return os_fail("read " + source(below));
    while (const dirent* each = ::readdir(listing.get())) {
      const std::string_view entry_name = each->d_name;
      if (entry_name == "." || entry_name == "..") continue;
      if (auto taken = entry(from.get(), each->d_name, below + "/" + each->d_name); !taken) return taken;
    }
  }
  struct stat info{};
  if (::fstat(from.get(), &info) != 0) return os_fail("look at " + source(below));
  if (!is_apart(below) && name != ".git")
    if (auto same = unchanged(info, below); !same) return same;
  if (::geteuid() == 0 && ::lchown(target(below).c_str(), info.st_uid, info.st_gid) != 0)
    return os_fail("give away " + target(below));
  // Whatever the original lets its owner do: it has to be removed again.
  if (::chmod(target(below).c_str(), (info.st_mode & kPermissions) | 0700U) != 0)
    return os_fail("change " + target(below));
  return {};
}

Result<> Copier::entry(int parent, const std::string& name, const std::string& below) {
  if (stopped_) return fail(Cause::closed, "it was stopped");
  struct stat info{};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return os_fail("look at " + source(below));
  if (S_ISDIR(info.st_mode)) return directory(below);
  if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) return {};
  if (++count_ > copy_.most_files)
    return fail(Cause::exhausted, "{} holds more than {} files", copy_.from, copy_.most_files);
  return S_ISLNK(info.st_mode) ? link(parent, name, below, info) : file(parent, name, below, info);
}

Result<> Copier::link(int parent, const std::string& name, const std::string& below, const struct stat& info) {
  std::array<char, 4096> leads{};  // PATH_MAX
  const ssize_t size = ::readlinkat(parent, name.c_str(), leads.data(), leads.size() - 1);
  if (size < 0) return os_fail("read " + source(below));
  if (auto same = unchanged(info, below); !same) return same;
  if (::symlink(leads.data(), target(below).c_str()) != 0) return os_fail("make " + target(below));
  if (::geteuid() == 0 && ::lchown(target(below).c_str(), info.st_uid, info.st_gid) != 0)
    return os_fail("give away " + target(below));
  return {};
}

Result<> Copier::file(int parent, const std::string& name, const std::string& below, const struct stat& seen) {
  const bool empty = is_apart(below);
  if (const auto known = known_.find(key_of(below, seen));
      !empty && !copy_.before.empty() && known != known_.end() && known->second.inode == seen.st_ino &&
      known->second.changed_ns == nanoseconds(seen.st_ctim) &&
      ::link((copy_.before + below).c_str(), target(below).c_str()) == 0) {
    files_.emplace(known->first, known->second);
    return {};
  }
  const Fd from(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!from) return os_fail("open " + source(below));
  struct stat info{};
  if (::fstat(from.get(), &info) != 0) return os_fail("look at " + source(below));
  if (empty || !same_as_before(from.get(), below, info) ||
      ::link((copy_.before + below).c_str(), target(below).c_str()) != 0) {
    const Fd to(::open(target(below).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!to) return os_fail("make " + target(below));
    if (!empty) {
      if (auto room = check_room(static_cast<std::uint64_t>(info.st_size)); !room) return room;
      if (auto copied = content(from, to, below); !copied) return copied;
    }
    const std::timespec times[2] = {info.st_mtim, info.st_mtim};
    if ((::geteuid() == 0 && ::fchown(to.get(), info.st_uid, info.st_gid) != 0) ||
        ::fchmod(to.get(), info.st_mode & kPermissions) != 0 || ::futimens(to.get(), times) != 0)
      return os_fail("change " + target(below));
  }
  if (empty) return {};
  if (::fstat(from.get(), &info) != 0) return os_fail("look at " + source(below));
  files_.emplace(key_of(below, info), TreeFile{info.st_ino, nanoseconds(info.st_ctim)});
  return unchanged(info, below);
}

Result<> Copier::content(const Fd& from, const Fd& to, const std::string& below) {
  if (::ioctl(to.get(), FICLONE, from.get()) == 0) return {};
  for (;;) {
    if (stopped_) return fail(Cause::closed, "it was stopped");
    const ssize_t got = ::read(from.get(), buffer_.data(), buffer_.size());
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_fail("read " + source(below));
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::write(to.get(), buffer_.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return os_fail("write " + target(below));
      done += put;
    }
  }
}

// Whether the copy before has it as it is: for a process that has not seen the files of that one.
bool Copier::same_as_before(int from, const std::string& below, const struct stat& info) const {
  if (copy_.before.empty()) return false;
  const Fd before(::open((copy_.before + below).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat then{};
  if (!before || ::fstat(before.get(), &then) != 0 || !S_ISREG(then.st_mode) || then.st_size != info.st_size ||
      (then.st_mode & kPermissions) != (info.st_mode & kPermissions) || then.st_uid != info.st_uid ||
      then.st_gid != info.st_gid || nanoseconds(then.st_mtim) != nanoseconds(info.st_mtim))
    return false;
  std::vector<char> left(kPiece), right(kPiece);
  for (off_t at = 0; at < info.st_size;) {
    const ssize_t got = ::pread(from, left.data(), left.size(), at);
    if (stopped_ || got <= 0 || ::pread(before.get(), right.data(), static_cast<std::size_t>(got), at) != got ||
        std::memcmp(left.data(), right.data(), static_cast<std::size_t>(got)) != 0)
      return false;
    at += got;
  }
  return true;
}

}  // namespace

std::timespec file_time_now() {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now;
}

Result<> copy_tree(const TreeCopy& copy, TreeFiles& known, const std::atomic<bool>& stopped) {
  Copier copier(copy, known, stopped);
  auto copied = copier.directory("");
  if (copied) {
    known = copier.take_files();
    return {};
  }
  std::error_code error;
  std::filesystem::remove_all(copy.to, error);
  return copied;
}

}  // namespace bulkhead::control
