#include "telemetry/edges.hpp"

#include <nlohmann/json.hpp>

#include "telemetry/records.hpp"

namespace bulkhead::telemetry {

namespace {

constexpr std::string_view kOthers = "others";
constexpr std::size_t kMaxCauses = 32;

}  // namespace

std::string_view to_string(Side side) { return side == Side::caller ? "caller" : "callee"; }

void EdgeCounts::begin() {
  ++open;
  ++unanswered;
}

void EdgeCounts::answer_began(std::chrono::nanoseconds after) {
  --unanswered;
  latency.record(after);
}

void EdgeCounts::end(std::uint16_t status, bool failed, std::string_view cause) {
  --open;
  ++requests;
  if (failed || status >= 500) ++errors;
  ++by_class[status < 600 ? status / 100 : 0];
  if (!cause.empty()) {
    const std::string name(cause);
    const bool known = by_cause.contains(name) || by_cause.size() < kMaxCauses;
    ++by_cause[known ? name : std::string(kOthers)];
  }
}

EdgeCounts& Edges::at(const EdgeKey& key) {
  const auto [found, is_new] = counts_.try_emplace(key);
  if (is_new) found->second.members = edge_members(key.caller, key.callee, key.port);
  return found->second;
}

nlohmann::json Edges::to_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [key, counts] : counts_) {
    list.push_back({{"side", to_string(key.side)},
                    {"from", key.caller},
                    {"to", key.callee},
                    {"port", key.port},
                    {"requests", counts.requests},
                    {"errors", counts.errors},
                    {"classes", counts.by_class},
                    {"causes", counts.by_cause},
                    {"sent", counts.bytes_sent},
                    {"received", counts.bytes_received},
                    {"open", counts.open},
                    {"unanswered", counts.unanswered},
                    {"p50_us", counts.latency.quantile_micros(0.5)},
                    {"p99_us", counts.latency.quantile_micros(0.99)},
                    {"histogram", counts.latency.encode()}});
  }
  return list;
}

void Denials::count(const DenialKey& key, std::chrono::system_clock::time_point now) {
  const bool known = counts_.contains(key) || counts_.size() < kMax;
  const std::string others(kOthers);
  Count& count = counts_[known ? key : DenialKey{key.caller, others, others, others, others}];
  ++count.count;
  count.last_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
}

nlohmann::json Denials::to_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [key, count] : counts_) {
    list.push_back({{"caller", key.caller},
                    {"callee", key.callee},
                    {"method", key.method},
                    {"path", key.path},
                    {"reason", key.reason},
                    {"count", count.count},
                    {"last", count.last_ms}});
    if (!key.allow.empty()) list.back()["allow"] = key.allow;
  }
  return list;
}

}  // namespace bulkhead::telemetry
