#pragma once

// W3C Trace Context (Recommendation of 2021-11-23) and x-request-id: what is carried on, and what is made anew.
// Pure: randomness is passed in.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bulkhead::telemetry {

// Fills the whole span with unpredictable bytes.
using Random = std::function<void(std::span<std::uint8_t>)>;

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

struct TraceParent {
  TraceId trace_id{};
  SpanId span_id{};
  bool sampled = true;

  bool operator==(const TraceParent&) const = default;
};

// §3.2: lower-case hexadecimal, no id all zero, version 00 exactly 55 characters, "ff" never; of a later version the
// first 55 characters. Anything else is no context at all.
std::optional<TraceParent> parse_traceparent(std::string_view text);
std::array<char, 55> format_traceparent(const TraceParent& parent);  // version 00

// The context of a new span: in the same trace as `parent` if there is one, else in a new one.
TraceParent start_span(const std::optional<TraceParent>& parent, const Random& random);

// §3.3: at most 32 members and 512 characters, keys unique and well formed. The whole list is dropped otherwise.
bool is_tracestate(std::string_view text);

// 1 to 128 characters of letters, digits and "-_.:+/=@": safe in a log line, a shell and a field.
bool is_request_id(std::string_view text);
// A version 4 UUID (RFC 9562 §5.4) made of a trace's random id: who knows the one knows the other.
std::string request_id_of(const TraceId& trace);

// Exactly as many lower-case hexadecimal digits as `bytes` takes; false: it is something else.
bool read_hex(std::string_view text, std::span<std::uint8_t> bytes);
// Two digits for each byte, into the beginning of `text`.
void write_hex(std::span<const std::uint8_t> bytes, std::span<char> text);
std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace bulkhead::telemetry
