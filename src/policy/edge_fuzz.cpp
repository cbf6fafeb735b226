#include <cstddef>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "policy/decide.hpp"

// Any bytes are edges or a fault; what is read is written back the same, and can be decided on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::policy;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto value = read_json(text);
  if (!value) return 0;
  auto edge = edge_from_json(*value);
  if (!edge) return 0;
  auto again = edge_from_json(to_json(*edge));
  if (!again || *again != *edge) __builtin_trap();
  std::vector<Edge> edges{std::move(*edge)};
  decide(edges, {edges[0].from, edges[0].to, edges[0].port, edges[0].protocol, "GET", text});
  return 0;
}
