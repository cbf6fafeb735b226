#include "contracts/decimal.hpp"

#include <algorithm>

namespace bulkhead::contracts {

namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t times(std::uint64_t a, std::uint64_t b, std::uint64_t modulus) {
  return static_cast<std::uint64_t>(Wide{a} * b % modulus);
}

// 10 to the power of `exponent`, by squaring.
std::uint64_t power_of_ten(std::int64_t exponent, std::uint64_t modulus) {
  std::uint64_t result = 1 % modulus;
  std::uint64_t base = 10 % modulus;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = times(result, base, modulus);
    base = times(base, base, modulus);
  }
  return result;
}

// What follows the `e` of a number; the grammar bounds it to nine digits.
std::int64_t exponent_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  return negative ? -value : value;
}

}  // namespace

Decimal::Decimal(std::string_view number) {
  constexpr auto kNowhere = std::string_view::npos;
  negative_ = number.starts_with('-');
  if (negative_) number.remove_prefix(1);
  std::size_t first = kNowhere;
  std::size_t last = 0;
  std::size_t point = kNowhere;
  std::size_t end = 0;
  std::uint64_t digits = 0;  // wraps around where there are many
  for (; end < number.size() && (number[end] | 0x20) != 'e'; ++end) {
    const char c = number[end];
    if (c == '.') {
      point = end;
      continue;
    }
    digits = digits * 10 + static_cast<std::uint64_t>(c - '0');
    if (c == '0') continue;
    if (first == kNowhere) first = end;
    last = end;
    mantissa_ = digits;
  }
  if (first == kNowhere) {
    negative_ = false;
    return;
  }
  point = std::min(point, end);
  text_ = number.substr(first, last + 1 - first);
  count_ = static_cast<std::int64_t>(text_.size()) - (first < point && point < last ? 1 : 0);
  const auto place = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  magnitude_ = place > 0 ? place : place + 1;  // the point itself lies between
  if (end < number.size()) magnitude_ += exponent_of(number.substr(end + 1));
}

std::strong_ordering Decimal::compare_size(const Decimal& other) const {
  if (is_zero() || other.is_zero()) return !is_zero() <=> !other.is_zero();
  if (magnitude_ != other.magnitude_) return magnitude_ <=> other.magnitude_;
  const auto skip_point = [](std::string_view text, std::size_t i) {
    return i < text.size() && text[i] == '.' ? i + 1 : i;
  };
  std::size_t i = 0;
  std::size_t j = 0;
  for (;; ++i, ++j) {
    i = skip_point(text_, i);
    j = skip_point(other.text_, j);
    if (i == text_.size() || j == other.text_.size())
      return j == other.text_.size() ? (i < text_.size()) <=> false : std::strong_ordering::less;
    if (text_[i] != other.text_[j]) return text_[i] <=> other.text_[j];
  }
}

std::strong_ordering Decimal::operator<=>(const Decimal& other) const {
  if (negative_ != other.negative_) return negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
  return negative_ ? other.compare_size(*this) : compare_size(other);
}

// `divisor` has no more than kMostStepDigits digits, so that ten times a remainder fits.
std::uint64_t Decimal::remainder(std::uint64_t divisor) const {
  if (is_small()) return mantissa_ % divisor;
  std::uint64_t rest = 0;
  for (const char c : text_) {
    if (c != '.') rest = (rest * 10 + static_cast<std::uint64_t>(c - '0')) % divisor;
  }
  return rest;
}

// With both written as digits times a power of ten, and no digits ending in 0: where the step's power is the larger
// one, ten would have to divide our digits.
bool Decimal::is_multiple_of(const Decimal& step) const {
  if (is_zero()) return true;
  const std::int64_t surplus = (magnitude_ - count_) - (step.magnitude_ - step.count_);
  if (surplus < 0) return false;
  const std::uint64_t rest = remainder(step.mantissa_);
  return surplus == 0 ? rest == 0 : times(rest, power_of_ten(surplus, step.mantissa_), step.mantissa_) == 0;
}

std::uint64_t Decimal::hash() const {
  std::uint64_t hash = negative_ ? 7 : 3;
  const auto mix = [&](std::uint64_t word) { hash = (hash ^ word) * 0x9e3779b97f4a7c15U; };
  mix(static_cast<std::uint64_t>(magnitude_));
  for (const char c : text_) {
    if (c != '.') mix(static_cast<std::uint64_t>(c));
  }
  return hash;
}

}  // namespace bulkhead::contracts
