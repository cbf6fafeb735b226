#include "base/fd.hpp"

#include <array>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>

namespace bulkhead {

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return os_fail("open " + path);
  std::string content;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_fail("read " + path);
    if (got == 0) return content;
    if (content.size() + static_cast<std::size_t>(got) > limit)
      return fail(Cause::exhausted, "{} is larger than {} bytes", path, limit);
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

namespace {

Result<> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return os_fail("write " + path);
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace

Result<> write_file_atomically(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return os_fail("write " + path);
  auto written = write_all(fd.get(), content, path);
  if (written && ::fchmod(fd.get(), mode) != 0) written = os_fail("chmod " + path);
  if (written && ::fsync(fd.get()) != 0) written = os_fail("fsync " + path);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = os_fail("rename to " + path);
  if (!written) ::unlink(temporary.c_str());
  return written;
}

std::int64_t file_time_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

Result<> make_directories(const std::string& path, unsigned mode) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) return os_fail("mkdir " + part);
    if (slash == std::string::npos) return {};
  }
}

}  // namespace bulkhead
