#pragma once

// The lines of telemetry/records.hpp, read back. Pure. Views in a row are into the line, its FlatObject, or constants.

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "collect/flat.hpp"
#include "collect/rows.hpp"

namespace bulkhead::collect {

enum class RecordKind : std::uint8_t { span, denied, undeclared, counts, dropped, note, unknown };
RecordKind kind_of(std::string_view line);

// False: it is not a whole one.
bool read_span(FlatObject& members, SpanRow& row);
// A denial or an undeclared dial; `action` is storage for what is put together.
bool read_decision(FlatObject& members, DecisionRow& row, std::string& action);

// Hexadecimal digits to octets; false: they are not exactly so many, or others.
bool read_trace_id(std::string_view text, telemetry::TraceId& id);
bool read_span_id(std::string_view text, std::uint64_t& id);
std::string span_id_text(std::uint64_t id);

// As `decisions` of docs/api.md has it.
nlohmann::json decision_json(const DecisionRow& row);

}  // namespace bulkhead::collect
