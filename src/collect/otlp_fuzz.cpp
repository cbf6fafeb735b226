// Whatever a program says, or a backend answers, is read or refused; what was read is within its bounds, and its JSON
// is JSON.

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "collect/otlp.hpp"
#include "collect/otlp_door.hpp"
#include "collect/otlp_out.hpp"

using namespace bulkhead::collect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Signal signal = (data[0] & 1U) != 0 ? Signal::logs : Signal::traces;
  if ((data[0] & 4U) != 0) {
    const auto inflated = gunzip(text, 1U << 20U);
    if (inflated && inflated->size() > 1U << 20U) std::abort();
    return 0;
  }
  if (read_partial_success(text).why.size() > text.size()) std::abort();
  const auto told = (data[0] & 2U) != 0 ? read_otlp_json(signal, text) : read_otlp_protobuf(signal, text);
  if (!told) return 0;
  if (told->spans.size() + told->logs.size() > kMostTold) std::abort();
  for (const ToldSpan& span : told->spans) {
    if (span.span == 0 || span.us < 0) std::abort();
    if (!nlohmann::json::parse(span.extra, nullptr, false).is_object()) std::abort();
  }
  return 0;
}
