#include "manifest/units.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace bulkhead::manifest {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the decimal digits at the front of `text`; nothing where there are none or they exceed 64 bits.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::string_view take_letters(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && !is_digit(text[length])) ++length;
  std::string_view letters = text.substr(0, length);
  text.remove_prefix(length);
  return letters;
}

struct DurationUnit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array kDurationUnits{DurationUnit{"h", 3'600'000}, DurationUnit{"m", 60'000}, DurationUnit{"s", 1000},
                                    DurationUnit{"ms", 1}};

struct BytesUnit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array kBytesUnits{BytesUnit{"GiB", 1ULL << 30},
                                 BytesUnit{"MiB", 1ULL << 20},
                                 BytesUnit{"KiB", 1ULL << 10},
                                 BytesUnit{"g", 1ULL << 30},
                                 BytesUnit{"m", 1ULL << 20},
                                 BytesUnit{"k", 1ULL << 10},
                                 BytesUnit{"GB", 1000000000},
                                 BytesUnit{"MB", 1000000},
                                 BytesUnit{"kB", 1000},
                                 BytesUnit{"B", 1},
                                 BytesUnit{"b", 1},
                                 BytesUnit{"", 1}};

}  // namespace

Result<Port> parse_port(std::string_view text) {
  std::string_view rest = text;
  bool leading_zero = text.size() > 1 && text.front() == '0';
  auto value = take_number(rest);
  if (!value || !rest.empty() || leading_zero || *value == 0 || *value > std::numeric_limits<std::uint16_t>::max()) {
    return fail(Cause::invalid, "'{}' is no port: a number from 1 to 65535 is", text);
  }
  return Port{static_cast<std::uint16_t>(*value)};
}

Result<Duration> parse_duration(std::string_view text) {
  constexpr std::uint64_t kLongest = 366ULL * 24 * 3'600'000;
  std::string_view rest = text;
  std::uint64_t total = 0;
  std::size_t next_unit = 0;  // units go from large to small, each at most once
  while (!rest.empty()) {
    auto value = take_number(rest);
    std::string_view name = take_letters(rest);
    while (next_unit < kDurationUnits.size() && kDurationUnits[next_unit].name != name) ++next_unit;
    if (!value || next_unit == kDurationUnits.size() || *value > kLongest) break;
    total += *value * static_cast<std::uint64_t>(kDurationUnits[next_unit++].milliseconds);
    if (total > kLongest) return fail(Cause::invalid, "'{}' is longer than a year", text);
    if (rest.empty()) return Duration(static_cast<std::int64_t>(total));
  }
  return fail(Cause::invalid, "'{}' is no duration: a number with ms, s, m or h is, such as 500ms, 10s or 1m30s", text);
}

Result<Bytes> parse_bytes(std::string_view text) {
  std::string_view rest = text;
  auto value = take_number(rest);
  if (value) {
    for (const BytesUnit& unit : kBytesUnits) {
      if (rest != unit.name) continue;
      if (*value > std::numeric_limits<std::int64_t>::max() / unit.bytes) {
        return fail(Cause::invalid, "'{}' is more memory than any machine has", text);
      }
      return Bytes{*value * unit.bytes};
    }
  }
  return fail(Cause::invalid, "'{}' is no amount of memory: a whole number with KiB, MiB or GiB is, such as 128MiB",
              text);
}

Result<Share> parse_share(std::string_view text) {
  constexpr std::uint64_t kAll = 10'000;
  std::string_view rest = text;
  bool leading_zero = rest.size() > 1 && rest[0] == '0' && is_digit(rest[1]);
  auto whole = take_number(rest);
  std::uint64_t hundredths = 0;
  std::size_t decimals = 0;
  if (whole && rest.starts_with('.')) {
    rest.remove_prefix(1);
    for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1), ++decimals)
      if (decimals < 2) hundredths += static_cast<std::uint64_t>(rest.front() - '0') * (decimals == 0 ? 10 : 1);
    if (decimals == 0) whole.reset();
  }
  if (whole && !leading_zero && decimals <= 2 && rest == "%" && *whole <= 100) {
    std::uint64_t share = *whole * 100 + hundredths;
    if (share > 0 && share <= kAll) return Share{static_cast<std::uint32_t>(share)};
  }
  return fail(Cause::invalid, "'{}' is no share: 0.01% to 100% is, such as 10% or 0.5%", text);
}

std::string to_string(Port port) { return std::to_string(port.number); }

std::string to_string(Duration duration) {
  std::int64_t left = duration.count();
  if (left == 0) return "0s";
  std::string text;
  for (const DurationUnit& unit : kDurationUnits) {
    if (left >= unit.milliseconds) text += fmt::format("{}{}", left / unit.milliseconds, unit.name);
    left %= unit.milliseconds;
  }
  return text;
}

std::string to_string(Bytes bytes) {
  for (const BytesUnit& unit : kBytesUnits) {
    if (unit.name.ends_with("iB") && bytes.count >= unit.bytes && bytes.count % unit.bytes == 0) {
      return fmt::format("{}{}", bytes.count / unit.bytes, unit.name);
    }
  }
  return fmt::format("{}B", bytes.count);
}

std::string to_string(Share share) {
  std::uint32_t whole = share.of_ten_thousand / 100;
  std::uint32_t hundredths = share.of_ten_thousand % 100;
  if (hundredths == 0) return fmt::format("{}%", whole);
  if (hundredths % 10 == 0) return fmt::format("{}.{}%", whole, hundredths / 10);
  return fmt::format("{}.{:02}%", whole, hundredths);
}

}  // namespace bulkhead::manifest
