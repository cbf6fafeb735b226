#include "proxy/call.hpp"

#include <nlohmann/json.hpp>

namespace bulkhead::proxy {

Call::Call(net::Loop& loop, ClusterPtr cluster, const Upstream& upstream)
    : loop_(loop), rule_(upstream.edge.id), budget_(upstream.resilience.retries.budget) {
  update(std::move(cluster), upstream);
}

void Call::update(ClusterPtr cluster, const Upstream& upstream) {
  cluster_ = std::move(cluster);
  settings_ = upstream.resilience;
  budget_.configure(settings_.retries.budget);
  ++version_;
  if (!settings_.breaker) {
    breaker_.reset();
  } else if (breaker_) {
    breaker_->configure(*settings_.breaker, loop_.now());
  } else {
    breaker_.emplace(*settings_.breaker);
  }
}

Call::Pass Call::pass() {
  if (!breaker_) return {};
  const Breaker::Admission admission = breaker_->admit(loop_.now());
  if (admission.verdict != Breaker::Admission::Verdict::allowed) ++version_;
  if (!admission.refused()) return {admission.ticket, admission.verdict == Breaker::Admission::Verdict::probe, {}};
  return {std::nullopt, false, fmt::format("{}; {}", breaker_->reason(), to_string(admission))};
}

void Call::judge(const Pass& pass, EndpointState& endpoint, const TryOutcome& outcome) {
  const auto now = loop_.now();
  const bool failure = is_failure(outcome, settings_.retries);
  if (failure && !outcome.never_sent) {
    if (failed(endpoint.outliers, settings_.outliers, cluster_->crowd(now), now)) ++version_;
  } else if (!failure) {
    succeeded(endpoint.outliers, now);
  }
  if (failure) return fail(pass, describe(outcome));
  if (!pass.ticket || !breaker_) return;
  const Breaker::State before = breaker_->state(now);
  breaker_->succeeded(*pass.ticket, now);
  if (breaker_->state(now) != before) ++version_;
}

void Call::fail(const Pass& pass, std::string_view why) {
  if (!pass.ticket || !breaker_) return;
  const auto now = loop_.now();
  const Breaker::State before = breaker_->state(now);
  breaker_->failed(*pass.ticket, why, now);
  if (breaker_->state(now) != before) ++version_;
}

void Call::forget(const Pass& pass) {
  if (pass.ticket && breaker_) breaker_->forgotten(*pass.ticket);
}

EndpointPtr Call::pick(const Draw& draw, bool even_suspects, const EndpointState* avoid) const {
  return cluster_->pick({loop_.now(), settings_.slow_start, even_suspects, avoid}, draw);
}

nlohmann::json Call::to_json() const {
  const auto now = loop_.now();
  nlohmann::json json{{"rule", rule_}, {"to", cluster_->service()}, {"port", cluster_->port()}};
  const std::size_t bare = json.size();
  if (breaker_ && breaker_->state(now) != Breaker::State::closed) {
    json["breaker"] = {{"state", to_string(breaker_->state(now))},
                       {"reason", breaker_->reason()},
                       {"ms_left", breaker_->left(now).count()}};
  }
  for (const EndpointPtr& endpoint : cluster_->endpoints()) {
    if (!is_ejected(endpoint->outliers, now)) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(endpoint->outliers.ejected_until - now);
    json["ejected"].push_back({{"instance", endpoint->instance}, {"ms_left", left.count()}});
  }
  return json.size() == bare ? nlohmann::json() : json;
}

void Calls::apply(const Snapshot& snapshot, const Clusters& clusters) {
  decltype(calls_) next;
  for (const Upstream& upstream : snapshot.upstreams) {
    Key key{upstream.edge.id, upstream.port};
    const auto known = calls_.find(key);
    const ClusterPtr cluster = clusters.find(upstream.service, upstream.port);
    if (known == calls_.end()) {
      next.emplace(std::move(key), std::make_shared<Call>(loop_, cluster, upstream));
    } else {
      known->second->update(cluster, upstream);
      next.emplace(std::move(key), known->second);
    }
  }
  calls_ = std::move(next);
}

CallPtr Calls::find(const Upstream& upstream) const {
  const auto found = calls_.find(std::pair<std::string_view, std::uint16_t>{upstream.edge.id, upstream.port});
  return found == calls_.end() ? nullptr : found->second;
}

nlohmann::json Calls::to_json() const {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& [key, call] : calls_) {
    nlohmann::json one = call->to_json();
    if (!one.is_null()) all.push_back(std::move(one));
  }
  return all;
}

std::uint64_t Calls::version() const {
  std::uint64_t sum = 0;
  for (const auto& [key, call] : calls_) sum += call->version();
  return sum;
}

}  // namespace bulkhead::proxy
