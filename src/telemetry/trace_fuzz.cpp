#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "telemetry/trace.hpp"

// Three fields of a stranger: what is carried on is safe to write down, and a context comes back as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::telemetry;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t kFlags = 53;  // where they begin
  if (const auto parent = parse_traceparent(text)) {
    const auto written = format_traceparent(*parent);
    const std::string_view again(written.data(), written.size());
    if (again.substr(2, kFlags - 2) != text.substr(2, kFlags - 2)) std::abort();
    if (parse_traceparent(again) != parent) std::abort();
    if (start_span(parent, [](std::span<std::uint8_t> bytes) { std::ranges::fill(bytes, 1); }).trace_id !=
        parent->trace_id) {
      std::abort();
    }
  }
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (is_tracestate(text)) {
    const bool safe = std::ranges::all_of(text, [&](char c) { return printable(c) || c == '\t'; });
    if (size > 512 || !safe || std::ranges::count(text, '=') > 32) std::abort();
  }
  if (is_request_id(text) && (size == 0 || size > 128 || !std::ranges::all_of(text, printable))) std::abort();
  return 0;
}
