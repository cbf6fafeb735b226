#pragma once

// What programs tell of themselves (OpenTelemetry Protocol 1.x: opentelemetry-proto, trace/v1 and logs/v1), in protobuf
// and in JSON. Pure, strict about its encoding, indifferent to members that it does not know, bounded in depth and
// number.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "collect/rows.hpp"

namespace bulkhead::collect {

struct ToldSpan {
  telemetry::TraceId trace{};
  std::uint64_t span = 0;
  std::uint64_t parent = 0;
  std::int64_t start_us = 0;
  std::int64_t us = 0;
  std::string extra;  // JSON: {"name","span_kind","scope","error","message","attributes","events"}
  bool error = false;
};

struct ToldLog {
  std::int64_t at_us = 0;  // 0: it said none
  std::string text;
  std::string severity;
  telemetry::TraceId trace{};
  std::uint64_t span = 0;
};

struct Told {
  std::vector<ToldSpan> spans;
  std::vector<ToldLog> logs;
  std::size_t refused = 0;   // spans without their ids
  std::size_t left_out = 0;  // beyond `most`; they are counted, and not looked at
};

enum class Signal : std::uint8_t { traces, logs };

// An Export…ServiceRequest, the first `most` of what it has. Cause::invalid says what is wrong with it;
// Cause::exhausted: more than kMostTold at once.
inline constexpr std::size_t kMostTold = 50'000;
Result<Told> read_otlp_protobuf(Signal signal, std::string_view message, std::size_t most = kMostTold);
Result<Told> read_otlp_json(Signal signal, std::string_view text, std::size_t most = kMostTold);

}  // namespace bulkhead::collect
