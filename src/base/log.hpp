#pragma once

// What a platform process says to the operator: one line on stderr, which the platform's log file is.
// Any thread. Never throws and never fails: with a full disk or a closed pipe the line is lost and the process goes on.

#include <memory>
#include <string_view>

#include <fmt/core.h>

#include "base/redactor.hpp"

namespace bulkhead {

// Puts the time (UTC, RFC 3339) and the pid in front, and a line's end behind; written by one call, so lines of several
// processes do not mix. `message` has no secret in it.
void log_text(std::string_view message) noexcept;

// From now on every line of this process goes through `redactor`, in the place of the one before; null: through none.
void redact_log(std::shared_ptr<const Redactor> redactor) noexcept;

template <class... Args>
void log_line(fmt::format_string<Args...> format, Args&&... args) {
  log_text(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace bulkhead
