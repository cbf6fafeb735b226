#include "base/log.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <string>

#include <sys/uio.h>
#include <unistd.h>

namespace bulkhead {

namespace {

// Of the process, as its standard error is.
std::atomic<std::shared_ptr<const Redactor>>& redactor_of_log() {
  static std::atomic<std::shared_ptr<const Redactor>> redactor;
  return redactor;
}

}  // namespace

void redact_log(std::shared_ptr<const Redactor> redactor) noexcept { redactor_of_log().store(std::move(redactor)); }

void log_text(std::string_view message) noexcept {
  std::string redacted;
  if (const auto redactor = redactor_of_log().load()) message = redacted = redactor->redact(message);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  char head[64];
  const std::size_t day = std::strftime(head, sizeof head, "%FT%T", &utc);
  const int rest = std::snprintf(head + day, sizeof head - day, ".%03ldZ %d ", now.tv_nsec / 1'000'000, ::getpid());
  char end = '\n';
  const iovec parts[] = {{head, std::min(day + static_cast<std::size_t>(std::max(rest, 0)), sizeof head)},
                         {const_cast<char*>(message.data()), message.size()},  // NOLINT(*-const-cast): writev's shape
                         {&end, 1}};
  const ssize_t lost_if_negative = ::writev(STDERR_FILENO, parts, std::size(parts));
  static_cast<void>(lost_if_negative);
}

}  // namespace bulkhead
