#include "control/file_store.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

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
#include "base/utf8.hpp"

namespace bulkhead::control {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kPiece = 256U << 10U;
constexpr std::uint64_t kLookAtDisk = 16ULL << 20U;  // bytes copied between two looks at how much is free
constexpr std::uint64_t kStaysFree = 1ULL << 30U;    // or a tenth of the disk, if that is less
constexpr unsigned kPermissions = 0777;
constexpr auto kDeepest = 256;
constexpr std::size_t kLongestList = 256U << 20U;
constexpr std::string_view kSuffix = ".list";

std::int64_t nanoseconds(const std::timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

std::optional<std::uint64_t> number_of(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

// One line of a list. Fields end with a NUL, which is in no path: what it is, two numbers and two texts.
struct Entry {
  char kind = 'f';               // file, link or directory
  std::uint64_t first = 0;       // of a file its object; of others the owner
  std::uint64_t second = 0;      // of a file its length; else the group, and of a directory << 32 the permission bits
  std::string_view path, leads;  // "" or "/lib/x"; of a link where it leads
};

void append(std::string& list, const Entry& entry) {
  fmt::format_to(std::back_inserter(list), "{}{:x}", entry.kind, entry.first);
  list += '\0';
  fmt::format_to(std::back_inserter(list), "{:x}", entry.second);
  list += '\0';
  for (const std::string_view text : {entry.path, entry.leads}) {
    list += text;
    list += '\0';
  }
}

Result<> each_entry(std::string_view list, const std::function<Result<>(const Entry&)>& take) {
  while (!list.empty()) {
    std::array<std::string_view, 4> fields;
    for (std::string_view& field : fields) {
      const std::size_t end = list.find('\0');
      if (end == std::string_view::npos) return fail(Cause::invalid, "it ends in the middle of an entry");
      field = list.substr(0, end);
      list.remove_prefix(end + 1);
    }
    if (fields[0].empty()) return fail(Cause::invalid, "an entry without a kind");
    const auto first = number_of(fields[0].substr(1), 16), second = number_of(fields[1], 16);
    if (!first || !second) return fail(Cause::invalid, "an entry without its numbers");
    if (auto taken = take({fields[0].front(), *first, *second, fields[2], fields[3]}); !taken) return taken;
  }
  return {};
}

Result<> give(const std::string& path, std::uint64_t owner, std::uint64_t group) {
  if (::geteuid() == 0 && ::lchown(path.c_str(), static_cast<uid_t>(owner), static_cast<gid_t>(group)) != 0)
    return os_fail("give away " + path);
  return {};
}

Result<> write_all(const Fd& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(file.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return os_fail("write");
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

// Whole or not there, but nobody waits for a disk: what is kept has no part in what runs.
Result<> write_list(const std::string& path, std::string_view text) {
  const std::string unfinished = path + ".new";
  const Fd file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return os_fail("make " + unfinished);
  if (auto written = write_all(file, text); !written) return fail(within(path, std::move(written.error())));
  return ::rename(unfinished.c_str(), path.c_str()) == 0 ? Result<>() : os_fail("rename " + unfinished);
}

Result<> copy_content(const Fd& from, const Fd& to, const std::string& name, const std::atomic<bool>& stopped) {
  if (::ioctl(to.get(), FICLONE, from.get()) == 0) return {};
  std::vector<char> buffer(kPiece);
  for (;;) {
    if (stopped) return fail(Cause::closed, "it was stopped");
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_fail("read " + name);
    if (auto written = write_all(to, {buffer.data(), static_cast<std::size_t>(got)}); !written)
      return fail(within("a copy of " + name, std::move(written.error())));
  }
}

bool holds_the_same(const Fd& left, const Fd& right, off_t size, const std::atomic<bool>& stopped) {
  std::vector<char> one(kPiece), other(kPiece);
  for (off_t at = 0; at < size;) {
    const ssize_t got = ::pread(left.get(), one.data(), one.size(), at);
    if (stopped || got <= 0 || ::pread(right.get(), other.data(), static_cast<std::size_t>(got), at) != got ||
        std::memcmp(one.data(), other.data(), static_cast<std::size_t>(got)) != 0)
      return false;
    at += got;
  }
  return true;
}

}  // namespace

// One walk through a directory.
class FileTaker {
 public:
  FileTaker(FileStore& store, const Wanted& wanted, const std::atomic<bool>& stopped)
      : store_(store),
        wanted_(wanted),
        stopped_(stopped),
        known_(store.known_[wanted.id.substr(0, FileStore::kPrefix)]) {
    if (known_.empty()) before_ = store_.newest_like(wanted.id.substr(0, FileStore::kPrefix));
  }

  Result<> root();
  const std::string& list() const { return list_; }
  // From now on these are known.
  void keep() { known_ = std::move(files_); }
  // The objects that this walk made are nobody's.
  void drop() const {
    for (const std::uint64_t number : made_) ::unlink(store_.object(number).c_str());
  }

 private:
  Result<> directory(const Fd& from, const std::string& below, struct stat info);
  void add_directory(const std::string& below, const struct stat& info);
  Result<> entry(int parent, const char* name, const std::string& below);
  Result<> file(int parent, const char* name, const std::string& below, const struct stat& info);
  Result<> link(int parent, const char* name, const std::string& below, const struct stat& info);
  Result<std::uint64_t> object_of(const Fd& from, const std::string& below, const struct stat& info);
  bool is_object(const Fd& from, const struct stat& info, std::uint64_t number) const;
  Result<> check_room(std::uint64_t more);
  Result<> unchanged(const struct stat& info, const std::string& below) const;
  bool is_apart(const std::string& below) const {
    return std::ranges::find(wanted_.apart, source(below)) != wanted_.apart.end() || below.ends_with("/.git");
  }
  std::string source(const std::string& below) const { return wanted_.from + below; }
  std::string name_of(const std::string& below) const { return printable(source(below)); }

  FileStore& store_;
  const Wanted& wanted_;
  const std::atomic<bool>& stopped_;
  FileStore::KnownFiles& known_;
  std::map<std::string, std::uint64_t> before_;  // where nothing is known: what an earlier process has taken
  FileStore::KnownFiles files_;
  std::string list_;
  std::vector<std::uint64_t> made_;
  std::uint64_t count_ = 0, bytes_ = 0, copied_ = 0, looked_at_ = 0;
};

// A file that is replaced has a new inode, whose ctime is when it was put there.
Result<> FileTaker::unchanged(const struct stat& info, const std::string& below) const {
  if (nanoseconds(info.st_ctim) <= wanted_.as_of_ns) return {};
  return fail(Cause::conflict, "{} has changed since", name_of(below));
}

Result<> FileTaker::check_room(std::uint64_t more) {
  copied_ += more;
  if (looked_at_ != 0 && copied_ - looked_at_ < kLookAtDisk) return {};
  looked_at_ = std::max<std::uint64_t>(copied_, 1);
  struct statvfs disk{};
  if (::statvfs(store_.directory_.c_str(), &disk) != 0) return os_fail("look at the disk of " + store_.directory_);
  const std::uint64_t whole = disk.f_blocks * disk.f_frsize, free = disk.f_bavail * disk.f_frsize;
  if (free >= more + std::min(kStaysFree, whole / 10)) return {};
  return fail(Cause::exhausted, "only {} MiB are free on the disk of {}", free >> 20U, store_.directory_);
}

Result<> FileTaker::root() {
  const Fd from(::open(wanted_.from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info{}, still{};
  if (!from || ::fstat(from.get(), &info) != 0) return os_fail("open " + name_of(""));
  if (is_apart("")) return fail(Cause::conflict, "services write into {}", name_of(""));
  if (auto taken = directory(from, "", info); !taken) return taken;
  // A link above it may lead elsewhere by now.
  if (::stat(wanted_.from.c_str(), &still) != 0 || still.st_ino != info.st_ino || still.st_dev != info.st_dev)
    return fail(Cause::conflict, "{} is another directory since", name_of(""));
  return {};
}

Result<> FileTaker::directory(const Fd& from, const std::string& below, struct stat info) {
  add_directory(below, info);
  const std::unique_ptr<DIR, decltype(&::closedir)> listing(::fdopendir(::dup(from.get())), &::closedir);
  if (!listing) return os_fail("read " + name_of(below));
  while (const dirent* each = ::readdir(listing.get())) {
    const std::string_view name = each->d_name;
    if (name == "." || name == "..") continue;
    if (auto taken = entry(from.get(), each->d_name, below + "/" + each->d_name); !taken) return taken;
  }
  if (::fstat(from.get(), &info) != 0) return os_fail("look at " + name_of(below));
  return unchanged(info, below);
}

void FileTaker::add_directory(const std::string& below, const struct stat& info) {
  append(list_, {'d', info.st_uid, (std::uint64_t{info.st_mode & kPermissions} << 32U) | info.st_gid, below, ""});
}

Result<> FileTaker::entry(int parent, const char* name, const std::string& below) {
  if (stopped_) return fail(Cause::closed, "it was stopped");
  struct stat info{};
  if (::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return os_fail("look at " + name_of(below));
  if (S_ISDIR(info.st_mode)) {
    if (is_apart(below)) return add_directory(below, info), Result<>();
    if (std::ranges::count(below, '/') > kDeepest)
      return fail(Cause::exhausted, "{} is more than {} directories deep", name_of(""), kDeepest);
    const Fd from(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!from) return os_fail("open " + name_of(below));
    return directory(from, below, info);
  }
  if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) return {};
  if (++count_ > wanted_.most_files)
    return fail(Cause::exhausted, "{} holds more than {} files", name_of(""), wanted_.most_files);
  return S_ISLNK(info.st_mode) ? link(parent, name, below, info) : file(parent, name, below, info);
}

Result<> FileTaker::link(int parent, const char* name, const std::string& below, const struct stat& info) {
  std::array<char, 4096> leads{};  // PATH_MAX
  const ssize_t size = ::readlinkat(parent, name, leads.data(), leads.size());
  if (size < 0) return os_fail("read " + name_of(below));
  append(list_, {'l', info.st_uid, info.st_gid, below, {leads.data(), static_cast<std::size_t>(size)}});
  return unchanged(info, below);
}

Result<> FileTaker::file(int parent, const char* name, const std::string& below, const struct stat& seen) {
  if (is_apart(below)) {
    append(list_, {'f', 0, 0, below, ""});  // no object: an empty file
    return {};
  }
  bytes_ += static_cast<std::uint64_t>(seen.st_size);
  if (bytes_ > wanted_.most_bytes)
    return fail(Cause::exhausted, "{} holds more than {} MiB", name_of(""), wanted_.most_bytes >> 20U);
  const std::uint64_t key = XXH3_64bits_withSeed(below.data(), below.size(), seen.st_dev);
  const auto known = known_.find(key);
  if (known != known_.end() && known->second.inode == seen.st_ino &&
      known->second.changed_ns == nanoseconds(seen.st_ctim)) {
    append(list_, {'f', known->second.object, static_cast<std::uint64_t>(seen.st_size), below, ""});
    files_.emplace(key, known->second);
    return {};
  }
  const Fd from(::openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!from || ::fstat(from.get(), &info) != 0) return os_fail("open " + name_of(below));
  const auto object = object_of(from, below, info);
  if (!object) return fail(object.error());
  if (::fstat(from.get(), &info) != 0) return os_fail("look at " + name_of(below));
  append(list_, {'f', *object, static_cast<std::uint64_t>(info.st_size), below, ""});
  files_.emplace(key, FileStore::Known{info.st_ino, nanoseconds(info.st_ctim), *object});
  return unchanged(info, below);
}

Result<std::uint64_t> FileTaker::object_of(const Fd& from, const std::string& below, const struct stat& info) {
  if (const auto before = before_.find(below); before != before_.end() && is_object(from, info, before->second))
    return before->second;
  if (auto room = check_room(static_cast<std::uint64_t>(info.st_size)); !room) return fail(std::move(room.error()));
  const std::uint64_t number = store_.next_++;
  const std::string path = store_.object(number);
  const Fd to(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to) return os_fail("make " + path);
  made_.push_back(number);
  if (auto copied = copy_content(from, to, name_of(below), stopped_); !copied) return fail(std::move(copied.error()));
  const std::timespec times[2] = {info.st_mtim, info.st_mtim};
  if ((::geteuid() == 0 && ::fchown(to.get(), info.st_uid, info.st_gid) != 0) ||
      ::fchmod(to.get(), info.st_mode & kPermissions) != 0 || ::futimens(to.get(), times) != 0)
    return os_fail("change " + path);
  return number;
}

bool FileTaker::is_object(const Fd& from, const struct stat& info, std::uint64_t number) const {
  const Fd before(::open(store_.object(number).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat then{};
  const bool root = ::geteuid() == 0;
  return before && ::fstat(before.get(), &then) == 0 && then.st_size == info.st_size &&
         (then.st_mode & kPermissions) == (info.st_mode & kPermissions) &&
         (!root || (then.st_uid == info.st_uid && then.st_gid == info.st_gid)) &&
         nanoseconds(then.st_mtim) == nanoseconds(info.st_mtim) && holds_the_same(from, before, info.st_size, stopped_);
}

std::string FileStore::object(std::uint64_t number) const { return fmt::format("{}/objects/{:x}", directory_, number); }

bool FileStore::has(const std::string& id) const {
  std::error_code error;
  return !id.empty() && fs::is_regular_file(list(id), error);
}

Result<> FileStore::open() {
  std::error_code error;
  const bool there = fs::is_directory(directory_ + "/objects", error);
  if (auto made = make_directories(directory_ + "/objects", 0700); !made) return made;
  if (next_ != 0 && there) return {};
  next_ = std::max<std::uint64_t>(next_, 1);
  known_.clear();
  for (const auto& entry : fs::directory_iterator(directory_ + "/objects", error))
    if (const auto number = number_of(entry.path().filename().string(), 16)) next_ = std::max(next_, *number + 1);
  return {};
}

// The objects of the last one that an earlier process has taken, by path.
std::map<std::string, std::uint64_t> FileStore::newest_like(const std::string& prefix) const {
  std::string newest;
  std::int64_t when = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    struct stat info{};
    if (!name.starts_with(prefix) || !name.ends_with(kSuffix) || ::lstat(entry.path().c_str(), &info) != 0) continue;
    if (nanoseconds(info.st_ctim) <= when) continue;
    when = nanoseconds(info.st_ctim);
    newest = entry.path().string();
  }
  std::map<std::string, std::uint64_t> objects;
  const auto text = newest.empty() ? Result<std::string>(std::string()) : read_file(newest, kLongestList);
  if (!text) return objects;
  const auto read = each_entry(*text, [&](const Entry& entry) -> Result<> {
    if (entry.kind == 'f' && entry.first != 0) objects.emplace(entry.path, entry.first);
    return {};
  });
  static_cast<void>(read);  // what can't be read is copied again
  return objects;
}

Result<> FileStore::take(const Wanted& wanted, const std::atomic<bool>& stopped) {
  if (auto opened = open(); !opened) return opened;
  FileTaker taker(*this, wanted, stopped);
  auto taken = taker.root();
  if (taken) taken = write_list(list(wanted.id), taker.list());
  if (taken)
    taker.keep();
  else
    taker.drop();
  return taken;
}

Result<std::string> FileStore::lay_out(const std::string& id) const {
  std::string path = tree(id);
  std::error_code error;
  if (fs::is_directory(path, error)) return path;
  const auto text = read_file(list(id), kLongestList);
  if (!text) return fail(within("the files of then", text.error()));
  const std::string unfinished = path + ".new";
  fs::remove_all(unfinished, error);
  if (auto made = make_directories(directory_ + "/trees", 0700); !made) return fail(std::move(made.error()));
  const auto lay = [&](const Entry& entry) -> Result<> {
    const std::string at = unfinished + std::string(entry.path), name = printable(entry.path);
    struct stat info{};
    if (entry.kind == 'f' && entry.first != 0) {
      if (::link(object(entry.first).c_str(), at.c_str()) != 0 || ::lstat(at.c_str(), &info) != 0)
        return os_fail("lay out " + name);
      if (static_cast<std::uint64_t>(info.st_size) == entry.second) return {};
      return fail(Cause::invalid, "{} was cut from {} to {} octets", name, entry.second, info.st_size);
    }
    if (entry.kind == 'f') {
      const Fd empty(::open(at.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      return empty ? Result<>() : os_fail("lay out " + name);
    }
    if (entry.kind == 'l') {
      if (::symlink(std::string(entry.leads).c_str(), at.c_str()) != 0) return os_fail("lay out " + name);
      return give(at, entry.first, entry.second);
    }
    // Whatever the original lets its owner do: files are put into it, and it has to be removed again.
    if (::mkdir(at.c_str(), 0700) != 0 || ::chmod(at.c_str(), static_cast<mode_t>(entry.second >> 32U) | 0700U) != 0)
      return os_fail("lay out " + name);
    return give(at, entry.first, entry.second & 0xffffffffU);
  };
  if (auto laid = each_entry(*text, lay); !laid) return fail(within("the files of then", std::move(laid.error())));
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return os_fail("rename " + unfinished);
  return path;
}

void FileStore::keep_only(const std::set<std::string>& ids, const std::atomic<bool>& stopped) {
  std::error_code error;
  std::vector<fs::path> others;
  std::set<std::uint64_t> needed;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file(error)) continue;
    if (!name.ends_with(kSuffix) || !ids.contains(name.substr(0, name.size() - kSuffix.size()))) {
      others.push_back(entry.path());
      continue;
    }
    const auto text = read_file(entry.path().string(), kLongestList);
    const auto read = each_entry(text ? *text : "?", [&](const Entry& each) -> Result<> {
      if (each.kind == 'f') needed.insert(each.first);
      return {};
    });
    if (!read) others.push_back(entry.path());  // nothing can be laid out by it
  }
  for (const auto& entry : fs::directory_iterator(directory_ + "/trees", error))
    if (!ids.contains(entry.path().stem().string())) others.push_back(entry.path());  // one that is being laid out, too
  for (const auto& entry : fs::directory_iterator(directory_ + "/objects", error)) {
    const auto number = number_of(entry.path().filename().string(), 16);
    if (!number || !needed.contains(*number)) others.push_back(entry.path());
  }
  for (auto& [prefix, files] : known_)
    std::erase_if(files, [&](const auto& file) { return !needed.contains(file.second.object); });
  for (const fs::path& each : others)
    if (!stopped) fs::remove_all(each, error);
}

std::string printable(std::string_view name) {
  std::string text = valid_utf8(name);
  std::ranges::replace_if(
      text, [](char octet) { return static_cast<unsigned char>(octet) < 0x20 || octet == 0x7f; }, '?');
  return text;
}

}  // namespace bulkhead::control
