#pragma once

// The lines that keepers write of a service's output, {"time","stream","line"}, and what the text says by itself: how
// serious it is, and of which trace. Pure.

#include <string>
#include <string_view>

#include "collect/rows.hpp"

namespace bulkhead::collect {

// False: it is not one. Of `row` the text, time, stream, severity and trace are set; `text` is storage for the text.
bool read_log_line(std::string_view line, LogRow& row, std::string& text);

// What structured or plain text says of itself: "fatal", "error", "warn", "info", "debug", "trace"; "" where nothing.
std::string_view severity_of(std::string_view text);
// A traceparent anywhere in it, or 32 hexadecimal digits after a word such as trace_id. False: there is none.
bool find_trace(std::string_view text, telemetry::TraceId& trace, std::uint64_t& span);

// RFC 3339 with Z, as keepers write it; in microseconds since 1970. -1: it is not one.
std::int64_t read_time_us(std::string_view text);

}  // namespace bulkhead::collect
