#include <cstdlib>

#include "jose/api_key.hpp"

// A text that is taken for a key is prefix, id, secret and a checksum that fits, and no other text of it is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace jose = bulkhead::jose;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto parsed = jose::parse_api_key(text)) {
    if (parsed->secret.size() != 43 || text.size() != 4 + parsed->id.size() + 1 + 43 + 6) std::abort();
    std::string other(text);
    other.back() = other.back() == '0' ? '1' : '0';
    if (jose::parse_api_key(other)) std::abort();
  }
  std::array<std::uint8_t, 32> random{};
  std::copy_n(data, std::min(size, random.size()), random.begin());
  const auto made = jose::make_api_key("id", random);
  if (!made || !jose::parse_api_key(*made)) std::abort();
  if (const auto hash = jose::parse_hash(text)) {
    if (jose::to_string(*hash) != text) std::abort();
  }
  return 0;
}
