#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bulkhead::identity {

inline constexpr std::size_t kMaxSpiffeId = 2048;
inline constexpr std::size_t kMaxTrustDomain = 255;

// A SPIFFE ID (SPIFFE-ID §2): spiffe://<trust domain>/<path>. A value, compared by its parts and never by pattern.
// Bulkhead's services are spiffe://<trust domain>/<app>/<service>.
class SpiffeId {
 public:
  // Strict: lower-case scheme and trust domain; no port, user info, query, fragment or percent-encoding; segments of
  // letters, digits, '.', '-', '_' that are not empty, "." or ".."; at most 2048 bytes. The path may be absent (the ID
  // of a trust domain).
  static Result<SpiffeId> parse(std::string_view text);
  static Result<SpiffeId> make(std::string_view trust_domain, std::string_view app, std::string_view service);

  SpiffeId() = default;  // no identity; equal only to another such

  std::string_view trust_domain() const;
  std::string_view path() const;     // "/shop/cart", or empty
  std::string_view app() const;      // first of exactly two segments, else empty
  std::string_view service() const;  // second of exactly two segments, else empty
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend bool operator==(const SpiffeId& left, const SpiffeId& right) { return left.text_ == right.text_; }
  friend auto operator<=>(const SpiffeId& left, const SpiffeId& right) { return left.text_ <=> right.text_; }

 private:
  static constexpr std::string_view kScheme = "spiffe://";
  SpiffeId(std::string text, std::size_t domain_size) : text_(std::move(text)), domain_size_(domain_size) {}
  std::string text_;  // canonical: equal IDs are equal texts
  std::size_t domain_size_ = 0;
};

Result<> check_trust_domain(std::string_view trust_domain);

}  // namespace bulkhead::identity

template <>
struct std::hash<bulkhead::identity::SpiffeId> {
  std::size_t operator()(const bulkhead::identity::SpiffeId& id) const noexcept {
    return std::hash<std::string>()(id.text());
  }
};
