// Against nlohmann: what this takes it takes too, and both read the same; and a flat object that it takes this takes.

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "collect/flat.hpp"
#include "collect/log_line.hpp"
#include "collect/record_line.hpp"

using namespace bulkhead::collect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  FlatObject members(text);
  std::size_t count = 0;
  while (members.next()) {
    ++count;
    if (members.key().size() + members.text().size() > text.size()) std::abort();
  }
  bool flat = value.is_object();
  for (const auto& member : flat ? value : nlohmann::json::object()) flat = flat && !member.is_structured();
  if (flat && members.mistaken()) {
    // A half of a character is refused there, and replaced here, so only this way round.
    std::abort();
  }
  if (flat && count < value.size()) std::abort();

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
