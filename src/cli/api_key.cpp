#include "jose/api_key.hpp"

#include <array>
#include <cerrno>

#include <fmt/ranges.h>
#include <sys/random.h>

#include "cli/commands.hpp"

namespace bulkhead::cli {

int api_key(const ApiKeyOptions& options) {
  std::array<std::uint8_t, 32> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return complain(os_fault("draw a key", errno));
  const auto key = jose::make_api_key(options.id, random);
  if (!key) {
    complain(key.error());
    return kUsage;
  }
  std::string members =
      fmt::format("hash: \"{}\"", jose::to_string(jose::hash_api_key_secret(jose::parse_api_key(*key)->secret)));
  if (!options.scopes.empty()) members += fmt::format(", scopes: [{}]", fmt::join(options.scopes, ", "));
  if (!options.expires.empty()) members += fmt::format(", expires: {}", options.expires);
  fmt::print("{}\n", *key);
  fmt::print(stderr,
             "\nThe key stands above this once, and is kept nowhere. In the manifest, under 'api_keys' of a provider:\n"
             "      {}: {{{}}}\n",
             options.id, members);
  return kDone;
}

}  // namespace bulkhead::cli
