#pragma once

// Who may look at the console over TCP. A code, made for whoever may open the Unix socket, is good once and for ten
// minutes; it is traded for a cookie, which a key signs that outlives this process. Loop's thread.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bulkhead::collect {

class Visitors {
 public:
  // The key is read from `key_path`, or made there (0600).
  static Result<Visitors> open(const std::string& key_path);

  std::string make_code(std::int64_t now_s);
  // A cookie's value for a code; "" where it is none, was used, or is too old.
  std::string trade(std::string_view code, std::int64_t now_s);
  // For a program that asks again and again; not to be taken back but by removing the key.
  std::string make_token(std::int64_t now_s, std::int64_t seconds) const { return sign(now_s + seconds); }
  // A cookie's value or a token.
  bool accepts(std::string_view cookie, std::int64_t now_s) const;

  static constexpr std::int64_t kCodeSeconds = 600;
  static constexpr std::int64_t kCookieSeconds = std::int64_t{12} * 3600;
  static constexpr std::int64_t kMostDays = 366;

 private:
  std::string sign(std::int64_t until_s) const;
  std::string key_;
  std::map<std::string, std::int64_t, std::less<>> codes_;  // until when
};

// The value of a cookie in a Cookie field (RFC 6265 §4.2); "" where it is not there.
std::string_view cookie_in(std::string_view field, std::string_view name);

}  // namespace bulkhead::collect
