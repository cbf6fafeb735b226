// A flat object that our reader of JSON takes this takes too, with all its members.

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "collect/flat.hpp"
#include "collect/log_line.hpp"
#include "collect/record_line.hpp"

using namespace bulkhead::collect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = bulkhead::read_json(text);
  FlatObject members(text);
  std::size_t count = 0;
  while (members.next()) {
    ++count;
    if (members.key().size() + members.text().size() > text.size()) std::abort();
  }
  bool flat = value && value->is_object();
  if (flat)
    for (const auto& member : *value) flat = flat && !member.is_structured();
  // Halves of characters and repeated members are refused there and taken here, so only this way round.
  if (flat && (members.mistaken() || count != value->size())) std::abort();

  FlatObject again(text);
  SpanRow span;
  read_span(again, span);
  FlatObject third(text);
  DecisionRow decision;
  std::string action;
  if (read_decision(third, decision, action)) decision_json(decision);
  LogRow log;
  std::string line;
  read_log_line(text, log, line);
  kind_of(text);
  return 0;
}
