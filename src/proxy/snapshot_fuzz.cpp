#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "proxy/config.hpp"

// Whatever the text, it is refused or makes a snapshot that comes back equal from its own JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::proxy;
  const auto snapshot = parse_snapshot({reinterpret_cast<const char*>(data), size});
  if (!snapshot) return 0;
  const auto again = snapshot_from_json(to_json(*snapshot));
  if (!again || *again != *snapshot) std::abort();
  const Config config(std::make_shared<const Snapshot>(*snapshot));
  if (config.hash() != content_hash(*again)) std::abort();
  return 0;
}
