#pragma once

// Numbers as JSON writes them, compared and divided exactly: 0.1 is a tenth, and 2^53 + 1 is not 2^53.

#include <compare>
#include <cstdint>
#include <string_view>

namespace bulkhead::contracts {

inline constexpr std::int64_t kMostStepDigits = 18;

// Views the text that it was made of, which must be a number of JSON's grammar. Its value is 0.d1d2d3... times ten to
// the power of `magnitude`, where d1 and the last digit are not 0.
class Decimal {
 public:
  Decimal() = default;
  explicit Decimal(std::string_view number);

  bool is_zero() const { return count_ == 0; }
  bool is_integer() const { return count_ == 0 || magnitude_ >= count_; }
  bool negative() const { return negative_; }
  // Significant digits.
  std::int64_t digits() const { return count_; }

  std::strong_ordering operator<=>(const Decimal& other) const;
  bool operator==(const Decimal& other) const { return (*this <=> other) == std::strong_ordering::equal; }

  // Whether it is a multiple of `step`, which is positive and has no more than kMostStepDigits digits.
  bool is_multiple_of(const Decimal& step) const;
  std::uint64_t hash() const;

 private:
  std::strong_ordering compare_size(const Decimal& other) const;
  std::uint64_t remainder(std::uint64_t divisor) const;
  // The digits as a number, where there are no more than kMostStepDigits.
  bool is_small() const { return count_ <= kMostStepDigits; }

  bool negative_ = false;
  std::string_view text_;   // from the first digit that is not 0 to the last such, perhaps with a point
  std::int64_t count_ = 0;  // digits in it
  std::int64_t magnitude_ = 0;
  std::uint64_t mantissa_ = 0;  // where is_small()
};

}  // namespace bulkhead::contracts
