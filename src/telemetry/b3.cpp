#include "telemetry/b3.hpp"

#include <algorithm>
#include <span>

namespace bulkhead::telemetry {

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool read_digits(std::string_view text, std::span<std::uint8_t> octets) {
  if (text.size() != octets.size() * 2) return false;
  bool any = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int digit = digit_of(text[i]);
    if (digit < 0) return false;
    any = any || digit != 0;
    octets[i / 2] = static_cast<std::uint8_t>(octets[i / 2] << 4U | static_cast<unsigned>(digit));
  }
  return any;
}

std::optional<TraceParent> ids_of(std::string_view trace, std::string_view span) {
  TraceParent context;
  const std::span<std::uint8_t> whole(context.trace_id);
  if (!read_digits(trace, trace.size() == 16 ? whole.subspan(8) : whole)) return std::nullopt;
  if (!read_digits(span, context.span_id)) return std::nullopt;
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
  if (!text.empty() && !read_digits(text, parent)) return std::nullopt;
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
