#include "contracts/formats.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::array kNames{
    std::pair{Format::date_time, std::string_view("date-time")},
    std::pair{Format::date, std::string_view("date")},
    std::pair{Format::uuid, std::string_view("uuid")},
    std::pair{Format::email, std::string_view("email")},
    std::pair{Format::ipv4, std::string_view("ipv4")},
    std::pair{Format::ipv6, std::string_view("ipv6")},
    std::pair{Format::uri, std::string_view("uri")},
    std::pair{Format::byte, std::string_view("byte")},
    std::pair{Format::int32, std::string_view("int32")},
    std::pair{Format::int64, std::string_view("int64")},
};

// Takes exactly `count` digits off the front; -1 where they are not there.
int take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count || !std::ranges::all_of(text.substr(0, count), is_digit)) return -1;
  int value = 0;
  for (const char c : text.substr(0, count)) value = value * 10 + (c - '0');
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

int days_in(int year, int month) {
  constexpr std::array kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

bool take_date(std::string_view& text) {
  const int year = take_digits(text, 4);
  if (year < 0 || !take(text, "-")) return false;
  const int month = take_digits(text, 2);
  if (month < 1 || month > 12 || !take(text, "-")) return false;
  const int day = take_digits(text, 2);
  return day >= 1 && day <= days_in(year, month);
}

// Minutes east of UTC, or nothing.
std::optional<int> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return 0;
  const bool west = text.starts_with('-');
  if (!take(text, "+-")) return std::nullopt;
  const int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ":")) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59) return std::nullopt;
  return (west ? -1 : 1) * (hour * 60 + minute);
}

bool take_time(std::string_view& text) {
  const int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ":")) return false;
  const int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ":")) return false;
  const int second = take_digits(text, 2);
  if (second < 0 || second > 60) return false;
  if (take(text, ".")) {
    if (text.empty() || !is_digit(text.front())) return false;
    while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
  }
  const auto offset = take_offset(text);
  if (!offset) return false;
  constexpr int kDay = 24 * 60;
  return second < 60 || (hour * 60 + minute - *offset + 2 * kDay) % kDay == kDay - 1;  // at 23:59 UTC alone
}

bool is_date_time(std::string_view text) {
  return take_date(text) && take(text, "Tt") && take_time(text) && text.empty();
}
bool is_date(std::string_view text) { return take_date(text) && text.empty(); }

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

// Whether every part between separators satisfies `right`.
template <class Right>
bool all_parts(std::string_view text, char separator, Right right) {
  for (;;) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (!right(text.substr(0, end))) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

bool is_atom(std::string_view text) {
  const auto is_atext = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, is_atext);
}

bool is_email(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at > 64 || text.size() > 254) return false;  // nowhere is further
  return all_parts(text.substr(0, at), '.', is_atom) && all_parts(text.substr(at + 1), '.', is_label);
}

bool is_octet(std::string_view text) {
  if (text.empty() || text.size() > 3 || !std::ranges::all_of(text, is_digit)) return false;
  if (text.size() > 1 && text.front() == '0') return false;
  return text.size() < 3 || text <= "255";
}

bool is_ipv4(std::string_view text) { return std::ranges::count(text, '.') == 3 && all_parts(text, '.', is_octet); }

// The number of 16-bit groups in text without "::"; -1 where there is something else. An IPv4 address at the end is
// two.
int groups_of(std::string_view text, bool may_end_in_ipv4) {
  if (text.empty()) return 0;
  int groups = 0;
  for (;;) {
    const std::size_t end = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, end);
    const bool last = end == text.size();
    if (last && may_end_in_ipv4 && is_ipv4(group)) return groups + 2;
    if (group.empty() || group.size() > 4 || !std::ranges::all_of(group, is_hex)) return -1;
    ++groups;
    if (last) return groups;
    text.remove_prefix(end + 1);
  }
}

bool is_ipv6(std::string_view text) {
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) return groups_of(text, true) == 8;
  const int front = groups_of(text.substr(0, gap), false);
  const int back = groups_of(text.substr(gap + 2), true);
  return front >= 0 && back >= 0 && front + back <= 7;
}

bool is_uri_character(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("-._~:/?#[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
}

bool has_whole_escapes(std::string_view text) {
  for (std::size_t i = text.find('%'); i != std::string_view::npos; i = text.find('%', i + 1)) {
    if (text.size() - i < 3 || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
  }
  return true;
}

// Brackets stand around an IPv6 address alone, and a port is a number.
bool is_authority(std::string_view authority) {
  const std::size_t user = authority.rfind('@');
  if (user != std::string_view::npos) {
    if (authority.substr(0, user).find_first_of("[]@") != std::string_view::npos) return false;
    authority.remove_prefix(user + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos || !is_ipv6(authority.substr(1, end - 1))) return false;
    port = authority.substr(end + 1);
  } else {
    if (authority.find_first_of("[]") != std::string_view::npos) return false;
    port = authority.substr(std::min(authority.find(':'), authority.size()));
  }
  return port.empty() || (port.front() == ':' && std::ranges::all_of(port.substr(1), is_digit));
}

bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_letter(text.front())) return false;
  const auto is_scheme = [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  if (!std::ranges::all_of(text.substr(0, colon), is_scheme)) return false;
  std::string_view rest = text.substr(colon + 1);
  if (!std::ranges::all_of(rest, is_uri_character) || !has_whole_escapes(rest)) return false;
  if (rest.starts_with("//")) {
    const std::string_view authority = rest.substr(2, std::min(rest.find_first_of("/?#", 2), rest.size()) - 2);
    if (!is_authority(authority)) return false;
    rest.remove_prefix(authority.size() + 2);
  }
  return rest.find_first_of("[]") == std::string_view::npos && std::ranges::count(rest, '#') <= 1;
}

bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  return std::ranges::all_of(text.substr(0, text.size() - padding),
                             [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '/'; });
}

}  // namespace

std::optional<Format> format_named(std::string_view name) {
  for (const auto& [format, its_name] : kNames) {
    if (its_name == name) return format;
  }
  return std::nullopt;
}

std::string_view to_string(Format format) {
  for (const auto& [each, name] : kNames) {
    if (each == format) return name;
  }
  return "none";
}

bool is_number_format(Format format) { return format == Format::int32 || format == Format::int64; }

bool matches(Format format, std::string_view text) {
  switch (format) {
    case Format::date_time: return is_date_time(text);
    case Format::date: return is_date(text);
    case Format::uuid: return is_uuid(text);
    case Format::email: return is_email(text);
    case Format::ipv4: return is_ipv4(text);
    case Format::ipv6: return is_ipv6(text);
    case Format::uri: return is_uri(text);
    case Format::byte: return is_base64(text);
    case Format::none:
    case Format::int32:
    case Format::int64: return true;
  }
  return true;
}

}  // namespace bulkhead::contracts
