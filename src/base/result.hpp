#pragma once

// How every fallible function of Bulkhead answers: a value, or a Fault that says what went wrong in words for a person.
// Input, peers and configuration never throw; an exception means a bug or a broken start.

#include <cerrno>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace bulkhead {

// What kind of failure it was: enough for code to decide on; the message is for people.
enum class Cause : std::uint8_t {
  invalid,      // the input is malformed or breaks a rule
  unsupported,  // understood, but not built or not available on this host
  not_found,
  conflict,     // it exists already, or is in a state that forbids this
  denied,       // a policy or the operating system refused
  unreachable,  // the peer could not be reached: nothing was sent
  closed,       // the peer or a local owner ended it
  timeout,
  exhausted,  // a stated limit is reached
  protocol,   // the peer broke the protocol
  io,         // the operating system failed; `os_error` says how
  internal,
};

std::string_view to_string(Cause cause);

struct [[nodiscard]] Fault {
  Cause cause = Cause::internal;
  std::string message;  // one line, lower case, no full stop: what, where, and what would be right
  int os_error = 0;     // errno where the operating system said it, else 0
};

template <class T = void>
using Result = std::expected<T, Fault>;

// `return fail(Cause::invalid, "port {} is above 65535", port);`
template <class... Args>
[[nodiscard]] std::unexpected<Fault> fail(Cause cause, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Fault{cause, fmt::format(format, std::forward<Args>(args)...)});
}

[[nodiscard]] inline std::unexpected<Fault> fail(Fault fault) { return std::unexpected(std::move(fault)); }

// The Fault for errno value `error`, met while doing `doing`: "open /x: Permission denied".
[[nodiscard]] Fault os_fault(std::string_view doing, int error = errno);
[[nodiscard]] inline std::unexpected<Fault> os_fail(std::string_view doing, int error = errno) {
  return std::unexpected(os_fault(doing, error));
}

// The same fault with where it happened in front: "reading the CA: open /x: Permission denied".
[[nodiscard]] Fault within(std::string_view where, Fault fault);

}  // namespace bulkhead
