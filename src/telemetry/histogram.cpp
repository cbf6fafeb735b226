#include "telemetry/histogram.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <iterator>

namespace bulkhead::telemetry {

namespace {

constexpr std::string_view kVersion = "v1;";

// Takes the decimal number at the front of `text`, and the character after it, which has to be `end`.
bool take_number(std::string_view& text, char end, std::uint64_t& value) {
  if (text.empty() || (text.front() == '0' && text.size() > 1 && text[1] != end)) return false;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  if (text.empty() || text.front() != end) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

// Values below 32 have a cell each. Above, the five bits after the leading one choose the column.
std::size_t Histogram::index_of(std::uint64_t micros) {
  micros = std::clamp(micros, kLowestMicros, kHighestMicros);
  if (micros < kColumns) return micros;
  const auto row = static_cast<unsigned>(std::bit_width(micros)) - kColumnBits;
  const std::size_t column = (micros >> (row - 1)) - kColumns;
  return row * kColumns + column;
}

std::uint64_t Histogram::middle_of(std::size_t index) {
  const std::size_t row = index / kColumns;
  const std::uint64_t column = index % kColumns;
  if (row == 0) return column;
  const std::uint64_t width = 1ULL << (row - 1);
  return (kColumns + column) * width + (width / 2);
}

void Histogram::record(std::chrono::nanoseconds latency) {
  const auto nanos = std::max<std::int64_t>(latency.count(), 0);
  const auto micros = std::max<std::uint64_t>((static_cast<std::uint64_t>(nanos) + 500) / 1000, kLowestMicros);
  ++cells_[index_of(micros)];
  ++count_;
  sum_ += micros;
  max_ = std::max(max_, micros);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < cells_.size(); ++i) cells_[i] += other.cells_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

void Histogram::subtract(const Histogram& before) {
  std::size_t highest = 0;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    cells_[i] -= std::min(cells_[i], before.cells_[i]);
    if (cells_[i] != 0) highest = i;
  }
  count_ -= std::min(count_, before.count_);
  sum_ -= std::min(sum_, before.sum_);
  if (max_ <= before.max_) max_ = count_ == 0 ? 0 : std::min(max_, middle_of(highest));
}

std::uint64_t Histogram::quantile_micros(double q) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    seen += cells_[i];
    if (seen >= rank) return std::min(middle_of(i), max_);
  }
  return max_;
}

std::uint64_t Histogram::count_up_to(std::uint64_t micros) const {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < cells_.size() && middle_of(i) <= micros; ++i) seen += cells_[i];
  return seen;
}

std::string Histogram::encode() const {
  std::string text = fmt::format("{}{};{};{};", kVersion, count_, sum_, max_);
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (cells_[i] != 0) fmt::format_to(std::back_inserter(text), "{}:{},", i, cells_[i]);
  }
  return text;
}

Result<Histogram> Histogram::decode(std::string_view text) {
  const auto refused = [] { return fail(Cause::invalid, "not a histogram"); };
  if (!text.starts_with(kVersion)) return refused();
  text.remove_prefix(kVersion.size());
  Histogram result;
  if (!take_number(text, ';', result.count_) || !take_number(text, ';', result.sum_)) return refused();
  if (!take_number(text, ';', result.max_)) return refused();
  std::uint64_t total = 0;
  std::size_t next = 0;
  while (!text.empty()) {
    std::uint64_t index = 0;
    std::uint64_t cell = 0;
    if (!take_number(text, ':', index) || !take_number(text, ',', cell)) return refused();
    if (index < next || index >= result.cells_.size() || cell == 0) return refused();
    if (cell > result.count_ - total) return refused();
    result.cells_[index] = cell;
    total += cell;
    next = index + 1;
  }
  if (total != result.count_) return refused();
  return result;
}

}  // namespace bulkhead::telemetry
