#include "collect/visitors.hpp"

#include <array>
#include <charconv>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/fd.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::collect {

namespace {

constexpr std::size_t kKeyOctets = 32;
constexpr std::size_t kMostCodes = 64;

std::string random_text(std::size_t octets) {
  std::array<std::uint8_t, 64> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(octets));
  return telemetry::hex({bytes.data(), octets});
}

}  // namespace

Result<Visitors> Visitors::open(const std::string& key_path) {
  Visitors visitors;
  auto key = read_file(key_path, 1024);
  if (!key || key->size() != kKeyOctets * 2) {
    key = random_text(kKeyOctets);
    if (auto written = write_file_atomically(key_path, *key, 0600); !written) return fail(std::move(written.error()));
  }
  visitors.key_ = std::move(*key);
  return visitors;
}

std::string Visitors::make_code(std::int64_t now_s) {
  std::erase_if(codes_, [&](const auto& entry) { return entry.second < now_s; });
  if (codes_.size() >= kMostCodes) codes_.erase(codes_.begin());
  std::string code = random_text(16);
  codes_[code] = now_s + kCodeSeconds;
  return code;
}

std::string Visitors::sign(std::int64_t until_s) const {
  const std::string text = fmt::format("{}", until_s);
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), mac.data(), &size);
  return fmt::format("{}.{}", text, telemetry::hex({mac.data(), size}));
}

std::string Visitors::trade(std::string_view code, std::int64_t now_s) {
  const auto known = codes_.find(code);
  if (known == codes_.end()) return "";
  const bool fresh = known->second >= now_s;
  codes_.erase(known);
  return fresh ? sign(now_s + kCookieSeconds) : "";
}

bool Visitors::accepts(std::string_view cookie, std::int64_t now_s) const {
  std::int64_t until = 0;
  const auto [end, error] = std::from_chars(cookie.data(), cookie.data() + cookie.size(), until);
  if (error != std::errc() || until < now_s || until > now_s + kMostDays * 86'400) return false;
  const std::string expected = sign(until);
  return expected.size() == cookie.size() && CRYPTO_memcmp(expected.data(), cookie.data(), cookie.size()) == 0;
}

std::string_view cookie_in(std::string_view field, std::string_view name) {
  while (!field.empty()) {
    const std::size_t end = std::min(field.find(';'), field.size());
    std::string_view pair = field.substr(0, end);
    field.remove_prefix(std::min(end + 1, field.size()));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
  }
  return {};
}

}  // namespace bulkhead::collect
