#pragma once

// Finds the values of secrets in what is about to be written down, for those who must not know them: of each value it
// has the length, 16 bits of its first eight octets and a code of it under a key (HMAC-SHA-256, RFC 2104, of which 128
// bits). Whoever has the marks can try out guesses of a weak secret, and learns nothing else: a process gets those of
// secrets alone that may come its way. One that is not changed any more may be used by several threads.
//
// A value is found as it is, as JSON has it, and with its octets percent-encoded (RFC 3986, 2.1): all that are not
// unreserved, or all of them but '/'. One pass over the text takes about a nanosecond for each octet; only what has
// the 16 bits of a mark is looked at further.

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/redactor.hpp"
#include "base/result.hpp"

namespace bulkhead::telemetry {

class SecretMarks {
 public:
  using Key = std::array<std::uint8_t, 32>;
  static constexpr std::size_t kShortest = Redactor::kShortest;  // what is shorter has no mark

  static constexpr std::size_t kMost = 1024;  // that are made of the secrets of one service; the rest has none

  SecretMarks() = default;
  // Of the values of `secrets`, under the names that it has there.
  SecretMarks(const Key& key, const Redactor& secrets);

  bool empty() const { return marks_.empty(); }

  // Puts "[secret NAME]" in the place of each value, filled up with '*' to its length, so that whatever counts octets
  // around it stays right; "[secret]" where the name does not fit. A text of so many beginnings of values that looking
  // at them would take long is '*' from there on: whoever has a secret may write its beginning over and over.
  void hide(std::string& text) const;

  // As they travel to who writes; "" when there are none.
  std::string text() const;
  // Of several texts, which have one key.
  static Result<SecretMarks> from_texts(std::span<const std::string> texts);

 private:
  using Code = std::array<std::uint8_t, 16>;
  struct Mark {
    std::size_t size = 0;
    Code code{};
    std::string name;
    auto operator<=>(const Mark&) const = default;
  };
  void set_key(const Key& key);
  Result<> add_text(std::string_view text);
  void add(const std::string& name, std::string_view value);
  void insert(std::uint16_t first, Mark mark);
  Code code_of(std::string_view value) const;
  std::uint16_t first_of(std::string_view octets) const;  // at least kShortest
  // Takes what it costs from `effort`; what that does not suffice for is not looked at, and leaves nothing of it.
  const Mark* find(std::string_view rest, std::size_t& effort) const;

  Key key_{};
  std::uint64_t factor_ = 1;                          // odd, made of the key
  std::map<std::uint16_t, std::vector<Mark>> marks_;  // by the bits of their first octets, the longest first
  std::size_t size_ = 0;                              // of all of these
  std::vector<std::uint64_t> known_;                  // a bit for each of marks_; none while there are none
};

}  // namespace bulkhead::telemetry
