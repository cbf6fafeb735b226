// Whatever a program says, or a backend answers, is read or refused; what was read is within its bounds, and its JSON
// is JSON.

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "collect/otlp.hpp"
#include "collect/otlp_door.hpp"
#include "collect/otlp_out.hpp"
#include "collect/program_metrics.hpp"

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
  if ((data[0] & 8U) != 0) {
    auto metrics = (data[0] & 2U) != 0 ? read_otlp_metrics_json(text, 100) : read_otlp_metrics_protobuf(text, 100);
    if (!metrics) return 0;
    if (metrics->points.size() > 100) std::abort();
    ProgramMetrics kept;
    static_cast<void>(kept.take("web", "web-1", std::move(metrics->points), {}));
    std::vector<Family> families;
    kept.add_families(families);
    if (prometheus_text(families, MetricsFormat::open_metrics).empty()) std::abort();
    const auto again =
        read_otlp_metrics_protobuf(kept.otlp("shop", bulkhead::net::SteadyTime(std::chrono::seconds(-1))), 200);
    if (!again || again->points.size() != kept.size()) std::abort();
    return 0;
  }
  if (read_partial_success(text).why.size() > 900) std::abort();
  const auto told = (data[0] & 2U) != 0 ? read_otlp_json(signal, text) : read_otlp_protobuf(signal, text);
  if (!told) return 0;
  if (told->spans.size() + told->logs.size() > kMostTold) std::abort();
  for (const ToldSpan& span : told->spans) {
    if (span.span == 0 || span.us < 0) std::abort();
    if (!nlohmann::json::parse(span.extra, nullptr, false).is_object()) std::abort();
  }
  return 0;
}
