#include "telemetry/records.hpp"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.hpp"
#include "base/release.hpp"

namespace bulkhead::telemetry {

namespace {

Result<Fd> open_for_append(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return os_fail("open " + path);
  return file;
}

// By the library's search, which looks at 32 octets at once: as a loop this was a twentieth of a request's
// instructions.
std::uint64_t count_ends(std::string_view lines) {
  std::uint64_t count = 0;
  while (!lines.empty()) {
    const void* end = std::memchr(lines.data(), '\n', lines.size());
    if (end == nullptr) return count;
    ++count;
    lines.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(end) - lines.data()) + 1);
  }
  return count;
}

constexpr std::string_view kCountOf = "{\"type\":\"file\",\"before\":";

// How many lines the files before this one and this one have had: those before stand in its first line, if there were.
std::uint64_t count_lines(int file, std::size_t size) {
  std::uint64_t lines = 0;
  std::string block(64U << 10U, '\0');
  for (off_t at = 0; static_cast<std::size_t>(at) < size;) {
    const ssize_t count = ::pread(file, block.data(), block.size(), at);
    if (count <= 0) break;
    const std::string_view read(block.data(), static_cast<std::size_t>(count));
    if (at == 0 && read.starts_with(kCountOf)) {
      std::uint64_t before = 0;
      std::from_chars(read.data() + kCountOf.size(), read.data() + read.size(), before);
      lines = before - 1;  // without this line
    }
    lines += count_ends(read);
    at += count;
  }
  return lines;
}

// A process that was killed may have left half a line.
bool ends_within_a_line(int file, std::size_t size) {
  char last = '\n';
  if (size == 0) return false;
  return ::pread(file, &last, 1, static_cast<off_t>(size - 1)) == 1 && last != '\n';
}

}  // namespace

// Two buffers: one is appended to under the mutex, the other is being written by the thread.
class Records::Writer {
 public:
  Writer(Options options, Fd file) : options_(std::move(options)), file_(std::move(file)) {
    struct stat status{};
    if (::fstat(file_.get(), &status) == 0) size_ = static_cast<std::size_t>(status.st_size);
    mid_line_ = ends_within_a_line(file_.get(), size_);
    written_lines_ = count_lines(file_.get(), size_);
    thread_ = std::thread([this] { run(); });
  }

  ~Writer() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wanted_.notify_one();
    thread_.join();
  }

  void append(std::string_view line) {
    const std::lock_guard lock(mutex_);
    const std::size_t before = gathered_.size() + buffer_.size();
    if (before + line.size() + 1 > options_.buffer_bytes) {
      ++dropped_;
      ++unreported_;
      return;
    }
    gathered_.append(line).push_back('\n');
    ++lines_;
    if (gathered_.size() > kGathered) pour();
    // The first line begins the wait for more; enough of them can't wait for its end.
    if (before == 0 || (before <= enough() && before + line.size() >= enough())) wanted_.notify_one();
  }

  void hide(std::shared_ptr<const SecretMarks> marks) {
    const std::lock_guard lock(mutex_);
    marks_ = std::move(marks);
  }

  void flush() {
    std::unique_lock lock(mutex_);
    flushing_ = true;
    wanted_.notify_one();
    written_.wait(lock, [this] { return is_empty() && !writing_; });
    flushing_ = false;
  }

  std::uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wait_for_work(lock);
      if (is_empty() && ending_) return;
      pour();
      const std::uint64_t unreported = unreported_;
      std::string batch = std::exchange(buffer_, std::move(spare_));
      const std::uint64_t lines = std::exchange(lines_, 0);
      const std::shared_ptr<const SecretMarks> marks = marks_;
      writing_ = true;
      lock.unlock();
      if (marks) marks->hide(batch);
      batch.erase(0, write_batch(batch, lines));
      const bool reported = unreported != 0 && batch.empty() && report(unreported);
      lock.lock();
      writing_ = false;
      if (reported) unreported_ -= unreported;
      keep(std::move(batch));
      written_.notify_all();
    }
  }

  // What could not be written is tried again with what comes next, as a full disk is freed some time; unless somebody
  // waits for the end of this.
  void keep(std::string rest) {
    failing_ = !rest.empty();
    rest_continues_ = failing_ && mid_line_ && !ending_ && !flushing_;
    if (!failing_) {
      spare_ = std::move(rest);
      return;
    }
    if (ending_ || flushing_) return drop(rest);
    pour();
    if (rest.size() + buffer_.size() > options_.buffer_bytes) {
      drop(buffer_);
      buffer_.clear();
    }
    buffer_.insert(0, rest);
    lines_ = count_ends(buffer_);
  }

  void drop(std::string_view lines) {
    const std::uint64_t lost = count_ends(lines);
    dropped_ += lost;
    unreported_ += lost;
  }

  void wait_for_work(std::unique_lock<std::mutex>& lock) {
    // An idle sidecar sleeps, and holds no buffer; with the first line begins the wait in which more of them gather.
    const auto anything = [this] { return !is_empty() || ending_; };
    if (!wanted_.wait_for(lock, 2 * options_.flush_every, anything)) {
      for (std::string* each : {&gathered_, &buffer_, &spare_}) release(*each);
      while (!anything()) wanted_.wait_for(lock, kIdle);
    }
    const auto urgent = [this] {
      return ending_ || flushing_ || (!failing_ && gathered_.size() + buffer_.size() > enough());
    };
    wanted_.wait_for(lock, options_.flush_every, urgent);
  }

  bool report(std::uint64_t dropped) {
    const std::string line = fmt::format("{{\"type\":\"dropped\",\"lines\":{}}}\n", dropped);
    return write_batch(line, 1) == line.size();
  }

  // How many bytes of a batch of so many line ends could be written.
  std::size_t write_batch(std::string_view batch, std::uint64_t ends) {
    if (size_ >= options_.file_bytes && !rest_continues_) rotate();
    if (mid_line_ && !rest_continues_) {
      if (write_some("\n", 1) != 1) return 0;
      mid_line_ = false;
    }
    const std::size_t done = write_some(batch, ends);
    size_ += done;
    if (done > 0) mid_line_ = batch[done - 1] != '\n';
    return done;
  }

  std::size_t write_some(std::string_view bytes, std::uint64_t ends) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count = ::write(file_.get(), bytes.data() + done, bytes.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      done += static_cast<std::size_t>(count);
    }
    written_lines_ += done == bytes.size() ? ends : count_ends(bytes.substr(0, done));
    return done;
  }

  void rotate() {
    for (unsigned number = options_.old_files; number > 0; --number) {
      const std::string from = number == 1 ? options_.path : fmt::format("{}.{}", options_.path, number - 1);
      std::rename(from.c_str(), fmt::format("{}.{}", options_.path, number).c_str());
    }
    if (options_.old_files == 0) ::unlink(options_.path.c_str());
    auto fresh = open_for_append(options_.path);
    if (!fresh) return;
    file_ = std::move(*fresh);
    const std::uint64_t before = written_lines_;
    size_ = write_some(fmt::format("{}{}}}\n", kCountOf, before), 1);
    written_lines_ = before;
  }

  static constexpr std::chrono::hours kIdle{1};
  bool is_empty() const { return gathered_.empty() && buffer_.empty(); }
  void pour() {
    buffer_.append(gathered_);
    gathered_.clear();
  }

  static constexpr std::size_t kGathered = 8U << 10U;
  // Worth waking the thread for.
  std::size_t enough() const { return options_.buffer_bytes / 2; }

  const Options options_;
  Fd file_;
  std::size_t size_ = 0;
  std::uint64_t written_lines_ = 0;  // in all files, also those that are gone
  bool mid_line_ = false;            // the file ends within a line,
  bool rest_continues_ = false;      // which the next batch goes on with

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wanted_;
  std::condition_variable written_;
  std::shared_ptr<const SecretMarks> marks_;
  std::string gathered_;     // the newest: small, so that it stays in the cache of who appends
  std::string buffer_;       // those before, which the thread's processor has read the memory of
  std::uint64_t lines_ = 0;  // ends of lines in both
  std::string spare_;        // the one that was written last, for its memory
  std::uint64_t dropped_ = 0;
  std::uint64_t unreported_ = 0;
  bool writing_ = false;
  bool failing_ = false;  // not all of the last batch could be written
  bool flushing_ = false;
  bool ending_ = false;

  std::thread thread_;
};

Result<std::unique_ptr<Records>> Records::open(Options options) {
  auto file = open_for_append(options.path);
  if (!file) return fail(within("records", std::move(file.error())));
  return std::unique_ptr<Records>(new Records(std::make_unique<Writer>(std::move(options), std::move(*file))));
}

Records::Records(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
Records::~Records() = default;

void Records::append(std::string_view line) { writer_->append(line); }
void Records::hide(std::shared_ptr<const SecretMarks> marks) { writer_->hide(std::move(marks)); }
void Records::flush() { writer_->flush(); }
std::uint64_t Records::dropped() const { return writer_->dropped(); }

}  // namespace bulkhead::telemetry
