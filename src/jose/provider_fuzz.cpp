#include <cstdlib>
#include <vector>

#include "jose/key_source.hpp"
#include "jose/provider.hpp"

// What a provider sends: keys are fetched by https from the declared host alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace jose = bulkhead::jose;
  static const std::vector<std::string> hosts{"h"};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto metadata = jose::read_metadata(text, "https://h", hosts)) {
    std::string_view rest = metadata->jwks_uri;
    if (!rest.starts_with("https://h") && !rest.starts_with("https://H")) std::abort();
    rest.remove_prefix(9);
    if (rest.starts_with(":443")) rest.remove_prefix(4);
    if (!rest.empty() && rest[0] != '/' && rest[0] != '?') std::abort();
  }
  if (const auto url = jose::metadata_url(text); url && !url->starts_with("https://")) std::abort();
  if (const auto age = jose::max_age(text); age && age->count() < 0) std::abort();
  return 0;
}
