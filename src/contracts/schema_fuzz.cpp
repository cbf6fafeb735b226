// A schema and a value, a line feed between them: neither may do more than be refused. What is valid is so when it is
// written anew, with its members in another order.

#include <algorithm>
#include <cstdlib>

#include "contracts/schema.hpp"

namespace bulkhead::contracts {
namespace {

void reverse(Node& node) {
  std::ranges::reverse(node.members);
  for (Member& each : node.members) reverse(each.value);
  for (Node& each : node.items) reverse(each);
}

void check(const Schema& schema, std::string_view text) {
  Json json;
  Evaluator evaluator;
  if (json.read(text)) return;
  const bool valid = !schema.check(json, evaluator);
  auto node = read_document("{\"it\":" + std::string(text) + "}", "value");
  if (!node) return;  // one level deeper than allowed
  reverse(*node);
  std::string again;
  append_json(again, *node->find("it"));
  if (json.read(again)) std::abort();
  const auto failure = schema.check(json, evaluator);
  const bool costly = failure && failure->keyword.empty();
  if (valid != !failure && !costly) std::abort();
}

}  // namespace
}  // namespace bulkhead::contracts

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::contracts;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  const auto node = read_document(input.substr(0, end), "schema");
  if (!node) return 0;
  for (const Dialect dialect : {Dialect::draft2020, Dialect::draft4}) {
    const auto schema = Schema::compile(*node, dialect, "schema");
    if (schema && end < input.size()) check(*schema, input.substr(end + 1));
  }
  return 0;
}
