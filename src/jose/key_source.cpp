#include "jose/key_source.hpp"

#include <algorithm>
#include <charconv>

namespace bulkhead::jose {
namespace {

using std::chrono::seconds;

constexpr int kMaxDoublings = 16;

Uptime scale(Uptime duration, double factor) {
  return Uptime(static_cast<Uptime::rep>(static_cast<double>(duration.count()) * factor));
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_named(std::string_view directive, std::string_view name) {
  return std::ranges::equal(directive, name, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

std::optional<seconds> seconds_of(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return seconds(UINT32_MAX);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seconds(value);
}

}  // namespace

KeySource::Next KeySource::next(Uptime now) {
  if (under_way_) return {.pause = kUnderWay};
  if (now < due_) return {.pause = due_ - now};
  under_way_ = true;
  return {.fetch = true};
}

void KeySource::fetched(Uptime now, std::optional<seconds> fresh) {
  under_way_ = false;
  held_ = true;
  failures_ = 0;
  // Cut in seconds: a freshness may be any number of them.
  const Uptime wanted =
      fresh ? Uptime(std::clamp(*fresh, seconds(0), std::chrono::ceil<seconds>(rule_.longest))) : rule_.usual;
  due_ = now + std::clamp(wanted, rule_.shortest, rule_.longest);
  usable_until_ = due_ + rule_.kept;
}

void KeySource::failed(Uptime now, double random) {
  under_way_ = false;
  const Uptime grown = rule_.first_retry * (1 << std::min(failures_, kMaxDoublings));
  ++failures_;
  due_ = now + scale(std::min(grown, rule_.longest_retry), 0.5 + 0.5 * random);
}

bool KeySource::unknown_key(Uptime now) {
  if (under_way_) return true;
  if (asked_ && now < *asked_ + rule_.unknown_key_pause) return false;
  asked_ = now;
  due_ = std::min(due_, now);
  return true;
}

std::optional<seconds> max_age(std::string_view cache_control) {
  std::optional<seconds> found;
  while (!cache_control.empty()) {
    const std::size_t comma = std::min(cache_control.find(','), cache_control.size());
    const std::string_view directive = trimmed(cache_control.substr(0, comma));
    cache_control.remove_prefix(std::min(comma + 1, cache_control.size()));
    const std::size_t equals = std::min(directive.find('='), directive.size());
    const std::string_view name = directive.substr(0, equals);
    if (is_named(name, "no-store") || is_named(name, "no-cache")) return seconds(0);
    if (!is_named(name, "max-age")) continue;
    const auto value = seconds_of(directive.substr(std::min(equals + 1, directive.size())));
    if (found || !value) return std::nullopt;
    found = value;
  }
  return found;
}

}  // namespace bulkhead::jose
