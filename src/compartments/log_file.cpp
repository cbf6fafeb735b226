#include "compartments/log_file.hpp"

#include <cstdio>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

constexpr std::size_t kWriteAt = 64U << 10U;

// `text` as a JSON string.
std::string quote(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string format_time(LogFile::Time time) {
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(millis);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (millis - seconds).count());
}

void LogFile::add(Time now, std::string_view stream, std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  pending_ +=
      fmt::format("{{\"time\":\"{}\",\"stream\":{},\"line\":{}}}\n", format_time(now), quote(stream), quote(line));
  if (pending_.size() >= kWriteAt) flush();
}

void LogFile::flush() {
  if (pending_.empty() || spec_.path.empty()) return pending_.clear();
  if (size_ != 0 && size_ + pending_.size() > spec_.max_bytes) rotate();
  if (!file_) {
    file_ = Fd(open(spec_.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640));
    struct stat status{};
    if (file_) fchmod(file_.get(), 0640);  // whatever the umask is
    if (file_ && fstat(file_.get(), &status) == 0) size_ = static_cast<std::uint64_t>(status.st_size);
  }
  if (file_) {
    const ssize_t written = write(file_.get(), pending_.data(), pending_.size());
    if (written > 0) size_ += static_cast<std::uint64_t>(written);
  }
  pending_.clear();
  if (pending_.capacity() > 2 * kWriteAt) pending_.shrink_to_fit();
}

void LogFile::rotate() {
  file_.reset();
  size_ = 0;
  for (unsigned older = spec_.files - 1; older >= 1; --older) {
    const std::string from = older == 1 ? spec_.path : fmt::format("{}.{}", spec_.path, older - 1);
    std::rename(from.c_str(), fmt::format("{}.{}", spec_.path, older).c_str());
  }
  if (spec_.files <= 1) unlink(spec_.path.c_str());
}

}  // namespace bulkhead::compartments
