#pragma once

// One declared call or route as this proxy carries it out: to which instances, how patiently, and what it remembers of
// failures. Survives every snapshot that still declares it. Loop's thread only.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "proxy/breaker.hpp"
#include "proxy/cluster.hpp"
#include "proxy/retry.hpp"

namespace bulkhead::proxy {

class Call {
 public:
  Call(net::Loop& loop, ClusterPtr cluster, const Upstream& upstream);

  // Takes the settings of a new snapshot; what is known of failures stays.
  void update(ClusterPtr cluster, const Upstream& upstream);

  Cluster& cluster() { return *cluster_; }
  const manifest::Resilience& settings() const { return settings_; }
  RetryBudget& budget() { return budget_; }
  const std::string& rule() const { return rule_; }  // "checkout.calls.payments"

  // Whether the breaker lets a request through now, and if not, why.
  struct Pass {
    std::optional<Breaker::Ticket> ticket;
    bool probe = false;
    std::string refusal;
    bool refused() const { return !refusal.empty(); }
  };
  Pass pass();
  // Exactly one of these for each pass that was given: what an instance did with the request, that no instance could be
  // had for it, or that nothing is known.
  void judge(const Pass& pass, EndpointState& endpoint, const TryOutcome& outcome);
  void fail(const Pass& pass, std::string_view why);
  void forget(const Pass& pass);

  // An instance by power of two choices, or null; see Cluster::pick.
  EndpointPtr pick(const Draw& draw, bool even_suspects, const EndpointState* avoid) const;

  // Null while there is nothing to say; else {"rule", "to", "port", "breaker": {"state", "reason", "ms_left"},
  // "ejected": [{"instance", "ms_left"}]}.
  nlohmann::json to_json() const;
  // Grows whenever to_json() may have changed other than by time passing.
  std::uint64_t version() const { return version_; }

 private:
  net::Loop& loop_;
  ClusterPtr cluster_;
  std::string rule_;
  manifest::Resilience settings_;
  std::optional<Breaker> breaker_;
  RetryBudget budget_;
  std::uint64_t version_ = 0;
};
using CallPtr = std::shared_ptr<Call>;

class Calls {
 public:
  explicit Calls(net::Loop& loop) : loop_(loop) {}

  // After `clusters` took the same snapshot.
  void apply(const Snapshot& snapshot, const Clusters& clusters);
  // Of one of the current snapshot's upstreams.
  CallPtr find(const Upstream& upstream) const;

  nlohmann::json to_json() const;
  std::uint64_t version() const;

 private:
  using Key = std::pair<std::string, std::uint16_t>;  // rule and port
  struct Order {
    using is_transparent = void;
    static std::pair<std::string_view, std::uint16_t> view(const auto& key) { return {key.first, key.second}; }
    bool operator()(const auto& left, const auto& right) const { return view(left) < view(right); }
  };

  net::Loop& loop_;
  std::map<Key, CallPtr, Order> calls_;
};

}  // namespace bulkhead::proxy
