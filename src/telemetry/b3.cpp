#include "telemetry/b3.hpp"

#include <algorithm>
#include <span>

namespace bulkhead::telemetry {

namespace {

bool read_id(std::string_view text, std::span<std::uint8_t> octets) {
  return read_hex(text, octets) && std::ranges::any_of(octets, [](std::uint8_t octet) { return octet != 0; });
}

std::optional<TraceParent> ids_of(std::string_view trace, std::string_view span) {
  TraceParent context;
  const std::span<std::uint8_t> whole(context.trace_id);
  if (!read_id(trace, trace.size() == 16 ? whole.subspan(8) : whole)) return std::nullopt;
  if (!read_id(span, context.span_id)) return std::nullopt;
  return context;
}

std::string_view cut_off(std::string_view& text) {
  const std::size_t end = std::min(text.find('-'), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

std::optional<TraceParent> parse_b3(std::string_view text) {
  const std::string_view trace = cut_off(text), span = cut_off(text), sampled = cut_off(text);
  auto context = ids_of(trace, span);
  if (!context || (!sampled.empty() && sampled != "0" && sampled != "1" && sampled != "d")) return std::nullopt;
  SpanId parent{};
  if (!text.empty() && !read_id(text, parent)) return std::nullopt;
  context->sampled = sampled != "0";
  return context;
}

std::optional<TraceParent> parse_b3(std::string_view trace, std::string_view span, std::string_view sampled,
                                    std::string_view flags) {
  auto context = ids_of(trace, span);
  if (context) context->sampled = flags == "1" || (sampled != "0" && sampled != "false");
  return context;
}

std::string b3_trace_id(const TraceId& id) {
  const std::span<const std::uint8_t> whole(id);
  const bool half = std::ranges::all_of(whole.first(8), [](std::uint8_t octet) { return octet == 0; });
  return hex(half ? whole.subspan(8) : whole);
}

std::string format_b3(const TraceParent& context, const std::optional<SpanId>& parent) {
  std::string text = b3_trace_id(context.trace_id) + '-' + hex(context.span_id) + (context.sampled ? "-1" : "-0");
  if (parent) text += '-' + hex(*parent);
  return text;
}

}  // namespace bulkhead::telemetry
