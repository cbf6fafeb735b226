#pragma once

// Just enough of HTTP/1.1 heads for programs that talk to what is known to be correct.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bench {

// The value of Content-Length in a head up to its empty line.
inline std::optional<std::uint64_t> content_length(std::string_view head) {
  static constexpr std::string_view kName = "content-length:";
  const auto same = [](char a, char b) { return (a | 0x20) == b; };
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = head.substr(at);
    if (line.size() < kName.size() || !std::ranges::equal(line.substr(0, kName.size()), kName, same)) continue;
    const std::size_t digits = line.find_first_not_of(' ', kName.size());
    std::uint64_t value = 0;
    if (digits != line.npos) std::from_chars(line.data() + digits, line.data() + line.size(), value);
    return value;
  }
  return std::nullopt;
}

}  // namespace bench
