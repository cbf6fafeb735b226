#include "collect/question.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/ranges.h>

#include "http/octets.hpp"

namespace bulkhead::collect {

namespace {

constexpr std::int64_t kMostMillis = 100LL * 365 * 86'400'000;
constexpr std::int64_t kMostRows = 500;
constexpr std::int64_t kMostPoints = 1000;

Result<std::int64_t> read_whole(std::string_view name, std::string_view text, std::int64_t most) {
  std::int64_t value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || at != text.data() + text.size() || value < 0 || value > most)
    return fail(Cause::invalid, "'{}' is '{}': a whole number from 0 to {} is allowed", name, text, most);
  return value;
}

// A time of day in milliseconds, or so long before now.
Result<std::int64_t> read_moment(std::string_view name, std::string_view text, std::int64_t now_ms) {
  if (!text.empty() && text.back() >= '0' && text.back() <= '9') return read_whole(name, text, now_ms + kMostMillis);
  if (text == "now") return now_ms;
  const auto before = read_duration_ms(text);
  if (!before)
    return fail(Cause::invalid,
                "'{}' is '{}': milliseconds since 1970, or a time ago such as 10m, 2h or 3d, are allowed", name, text);
  return now_ms - *before;
}

Result<bool> read_flag(std::string_view name, std::string_view text) {
  if (text == "1" || text == "true" || text.empty()) return true;
  if (text == "0" || text == "false") return false;
  return fail(Cause::invalid, "'{}' is '{}': 1 or 0 is allowed", name, text);
}

template <class T>
Result<> take(Result<T> read, T& value) {
  if (!read) return fail(std::move(read.error()));
  value = std::move(*read);
  return {};
}

}  // namespace

Result<std::int64_t> read_duration_ms(std::string_view text) {
  std::int64_t value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit = text.substr(static_cast<std::size_t>(at - text.data()));
  constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {{"ms", 1},        {"s", 1000},       {"m", 60'000},
                                                                  {"h", 3'600'000}, {"d", 86'400'000}, {"", 1}};
  for (const auto& [name, millis] : kUnits)
    if (error == std::errc() && unit == name && value >= 0 && value <= kMostMillis / millis) return value * millis;
  return fail(Cause::invalid, "'{}' is no duration such as 500ms, 90s, 10m, 2h or 3d", text);
}

bool decode_query(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? http::hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? http::hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

Result<Question> read_question(std::string_view query, std::int64_t now_ms, const std::vector<std::string_view>& names,
                               std::int64_t default_ms) {
  Question question;
  question.range = {-1, now_ms};
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string name, value;
    if (!decode_query(pair.substr(0, equals), name) ||
        !decode_query(pair.substr(std::min(equals + 1, pair.size())), value))
      return fail(Cause::invalid, "the query '{}' has a '%' without two hexadecimal digits", pair);
    if (std::ranges::find(names, name) == names.end())
      return fail(Cause::invalid, "there is no parameter '{}' here; there are: {}", name, fmt::join(names, ", "));
    Result<> taken;
    if (name == "from")
      taken = take(read_moment(name, value, now_ms), question.range.from_ms);
    else if (name == "to")
      taken = take(read_moment(name, value, now_ms), question.range.to_ms);
    else if (name == "step")
      taken = take(read_whole(name, value, 86'400), question.step_s);
    else if (name == "limit")
      taken = take(read_whole(name, value, kMostRows), question.limit);
    else if (name == "error")
      taken = take(read_flag(name, value), question.error);
    else if (name == "denied")
      taken = take(read_flag(name, value), question.denied);
    else if (name == "min_ms") {
      taken = take(read_whole(name, value, kMostMillis), question.min_us);
      question.min_us *= 1000;
    } else if (name == "service")
      question.service = value;
    else if (name == "caller")
      question.caller = value;
    else if (name == "callee")
      question.callee = value;
    else if (name == "route")
      question.route = value;
    else if (name == "verdict")
      question.verdict = value;
    else if (name == "trace")
      question.trace = value;
    else if (name == "stream")
      question.stream = value;
    else if (name == "q")
      question.q = value;
    if (!taken) return fail(std::move(taken.error()));
  }
  Range& range = question.range;
  if (range.from_ms < 0) range.from_ms = std::max<std::int64_t>(range.to_ms - default_ms, 0);
  if (range.from_ms > range.to_ms)
    return fail(Cause::invalid, "'from' ({}) is after 'to' ({})", range.from_ms, range.to_ms);
  const std::int64_t seconds = std::max<std::int64_t>((range.to_ms - range.from_ms) / 1000, 1);
  const std::int64_t least = (seconds + kMostPoints - 1) / kMostPoints;
  if (question.step_s != 0 && question.step_s < least)
    return fail(Cause::invalid, "'step' is {} s: for so long a range at least {} s are allowed", question.step_s,
                least);
  if (question.step_s == 0) question.step_s = std::max<std::int64_t>(seconds / 120, 1);
  return question;
}

}  // namespace bulkhead::collect
