#include "control/totals.hpp"

#include <nlohmann/json.hpp>

#include "control/runtime.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

void Totals::add(const Totals& other) {
  requests += other.requests;
  errors += other.errors;
  unanswered += other.unanswered;
  latency.merge(other.latency);
}

namespace {

void add_edges(Totals& totals, const nlohmann::json& stats, const std::string& service) {
  const bool gateway = service == policy::kGateway;
  if (!stats.is_object() || !stats.contains("edges")) return;
  for (const nlohmann::json& edge : stats["edges"]) {
    if (edge.value("side", "") != (gateway ? "caller" : "callee")) continue;
    if (edge.value(gateway ? "from" : "to", "") != service) continue;
    totals.requests += edge.value("requests", std::uint64_t{0});
    totals.errors += edge.value("errors", std::uint64_t{0});
    totals.unanswered += edge.value("unanswered", std::uint64_t{0});
    if (const auto histogram = telemetry::Histogram::decode(edge.value("histogram", "")))
      totals.latency.merge(*histogram);
  }
}

}  // namespace

Totals totals_of(const nlohmann::json& stats, const std::string& service) {
  Totals totals;
  try {
    add_edges(totals, stats, service);
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return totals;
}

Totals totals_of(const Runtime& runtime) {
  Totals totals = totals_of(runtime.sidecar.stats, runtime.service);
  totals.add(totals_of(runtime.other.stats, runtime.service));
  return totals;
}

}  // namespace bulkhead::control
