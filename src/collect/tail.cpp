#include "collect/tail.hpp"

#include <algorithm>
#include <charconv>

#include <fcntl.h>
#include <sys/stat.h>

namespace bulkhead::collect {

namespace {

constexpr std::size_t kBlock = 256U << 10U;
constexpr std::size_t kLongest = 2U << 20U;  // of a line; a longer one counts as lost
constexpr std::string_view kBefore = "{\"type\":\"file\",\"before\":";

std::string numbered(const std::string& path, unsigned number) {
  return number == 0 ? path : fmt::format("{}.{}", path, number);
}

// 0 where there is none.
std::uint64_t inode_of(int file) {
  struct stat status{};
  return ::fstat(file, &status) == 0 ? status.st_ino : 0;
}

Fd open_to_read(const std::string& path) { return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)); }

}  // namespace

Tail::Tail(std::string path, unsigned old_files, Position position)
    : path_(std::move(path)), old_files_(old_files), position_(std::move(position)) {}

void Tail::go_back(Position position) {
  position_ = std::move(position);
  file_.reset();
  too_long_ = rotated_ = false;
}

Result<bool> Tail::find() {
  // From the young to the old: a rename meanwhile shows a file twice, and hides none.
  std::string oldest;
  for (unsigned number = 0; number <= old_files_; ++number) {
    Fd file = open_to_read(numbered(path_, number));
    if (!file) continue;
    const std::uint64_t inode = inode_of(file.get());
    if (inode == position_.inode) {
      struct stat status{};
      const bool whole =
          ::fstat(file.get(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) >= position_.offset;
      if (!whole) position_.offset = 0;  // it was begun anew
      file_ = std::move(file);
      return true;
    }
    oldest = numbered(path_, number);
  }
  if (oldest.empty()) return false;
  file_ = open_to_read(oldest);
  if (!file_) return false;
  position_.inode = inode_of(file_.get());
  position_.offset = 0;
  return true;
}

// The file is read to its end, and it is not the one that is written: the next younger one.
Result<bool> Tail::go_on_to_next() {
  Fd younger;
  for (unsigned number = 0; number <= old_files_; ++number) {
    Fd file = open_to_read(numbered(path_, number));
    if (!file) continue;
    if (inode_of(file.get()) == position_.inode) {
      if (!younger) return false;
      break;
    }
    younger = std::move(file);
  }
  if (!younger) return false;
  file_ = std::move(younger);
  position_.inode = inode_of(file_.get());
  position_.offset = 0;
  return true;
}

Result<> Tail::take(std::string_view line, const Sink& sink) {
  if (line.starts_with(kBefore)) {
    std::uint64_t before = 0;
    std::from_chars(line.data() + kBefore.size(), line.data() + line.size(), before);
    if (before > position_.lines) {
      const std::uint64_t lost = before - position_.lines;
      position_.lines = before;
      return sink.lost(lost);
    }
    return {};
  }
  ++position_.lines;
  return line.empty() ? Result<>() : sink.line(line);
}

bool Tail::has_news() const {
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return false;
  return status.st_ino != position_.inode || static_cast<std::uint64_t>(status.st_size) != position_.offset;
}

Result<bool> Tail::read(std::size_t most, const Sink& sink) {
  if (!file_) {
    const auto found = find();
    if (!found || !*found) return found;
  }
  block_.resize(kBlock);
  for (std::size_t taken = 0; taken < most;) {
    const ssize_t got = ::pread(file_.get(), block_.data(), block_.size(), static_cast<off_t>(position_.offset));
    if (got < 0) return os_fail("read " + path_);
    const std::string_view bytes(block_.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n', begin)) {
      const std::string_view line = bytes.substr(begin, end - begin);
      begin = end + 1;
      position_.offset += line.size() + 1;
      if (std::exchange(too_long_, false)) {
        ++position_.lines;
        if (auto told = sink.lost(1); !told) return fail(told.error());
      } else if (auto took = take(line, sink); !took) {
        return fail(took.error());
      }
    }
    taken += begin;
    if (begin > 0) continue;
    if (bytes.size() == block_.size()) {  // no line's end in all of it
      if (block_.size() < kLongest) {
        block_.resize(block_.size() * 2);
        continue;
      }
      too_long_ = true;
      position_.offset += bytes.size();
      taken += bytes.size();
      continue;
    }
    // What was written between the last look at this file and its renaming is read by another look.
    if (!rotated_) {
      rotated_ = inode_of(open_to_read(path_).get()) != position_.inode;
      if (!rotated_) return false;
      continue;
    }
    rotated_ = false;
    const auto next = go_on_to_next();
    if (!next || !*next) return next;
  }
  return true;
}

}  // namespace bulkhead::collect
