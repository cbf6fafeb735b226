#include "proxy/cluster.hpp"

#include <algorithm>

#include "proxy/defaults.hpp"
#include "proxy/snapshot_check.hpp"

namespace bulkhead::proxy {

Cluster::Cluster(net::Loop& loop, const Upstream& upstream)
    : loop_(loop), service_(upstream.service), port_(upstream.port), protocol_(upstream.protocol), changed_(loop) {
  update(upstream);
}

void Cluster::update(const Upstream& upstream) {
  protocol_ = upstream.protocol;
  port_text_ = std::to_string(port_);
  spiffe_id_ = upstream.spiffe_id;
  std::vector<EndpointPtr> next;
  for (const Endpoint& endpoint : upstream.endpoints) {
    const auto address = net::Address::parse(endpoint_address(endpoint.address));
    if (!address) continue;
    std::string key = fmt::format("{} {}", spiffe_id_, address->text());
    const auto same = [&](const EndpointPtr& known) {
      return known->instance == endpoint.instance && known->pool_key == key;
    };
    const auto found = std::ranges::find_if(endpoints_, same);
    EndpointPtr state = found != endpoints_.end()
                            ? *found
                            : std::make_shared<EndpointState>(endpoint.instance, *address, std::move(key));
    // It has just become ready: whatever was held against it is over.
    if (endpoint.ready && !state->ready) {
      state->suspect_until = {};
      state->outliers = {};
      state->ready_since = loop_.now();
    }
    state->ready = endpoint.ready;
    state->share = endpoint.share;
    next.push_back(std::move(state));
  }
  endpoints_ = std::move(next);
  withdrawn_ = false;
  changed_.notify_all();
}

namespace {

// Where both those on trial and others can take a request, leaves either the ones or the others usable.
void leave_to_trial(const std::vector<EndpointPtr>& endpoints, std::vector<Load>& loads, const Draw& draw) {
  constexpr std::size_t kWhole = 10'000;
  std::uint32_t share = 0;
  bool others = false;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    if (!loads[i].usable) continue;
    share = std::max(share, endpoints[i]->share);
    others = others || endpoints[i]->share == 0;
  }
  if (share == 0 || !others) return;
  const bool trial = draw(kWhole) < share;
  for (std::size_t i = 0; i < loads.size(); ++i)
    loads[i].usable = loads[i].usable && (endpoints[i]->share > 0) == trial;
}

}  // namespace

EndpointPtr Cluster::pick(const Pick& how, const Draw& draw) const {
  static thread_local std::vector<Load> loads;
  loads.clear();
  bool any = false;
  for (const EndpointPtr& endpoint : endpoints_) {
    const bool trusted =
        how.even_suspects || (endpoint->suspect_until <= how.now && !is_ejected(endpoint->outliers, how.now));
    Load load{endpoint->outstanding, endpoint->latency.micros(how.now), endpoint->ready && trusted};
    load.weight = slow_start_weight(how.now - endpoint->ready_since, how.slow_start);
    any = any || (load.usable && endpoint.get() != how.avoid);
    loads.push_back(load);
  }
  for (std::size_t i = 0; any && how.avoid != nullptr && i < loads.size(); ++i) {
    if (endpoints_[i].get() == how.avoid) loads[i].usable = false;
  }
  leave_to_trial(endpoints_, loads, draw);
  const auto chosen = choose(loads, draw);
  return chosen ? endpoints_[*chosen] : nullptr;
}

Crowd Cluster::crowd(net::SteadyTime now) const {
  Crowd crowd;
  for (const EndpointPtr& endpoint : endpoints_) {
    crowd.ready += endpoint->ready ? 1 : 0;
    crowd.ejected += endpoint->ready && is_ejected(endpoint->outliers, now) ? 1 : 0;
  }
  return crowd;
}

bool Cluster::has_ready() const {
  return std::ranges::any_of(endpoints_, [](const auto& each) { return each->ready; });
}

void Cluster::suspect(EndpointState& endpoint, net::SteadyTime now) {
  endpoint.suspect_until = now + defaults::kSuspect;
}

void Cluster::withdraw() {
  withdrawn_ = true;
  endpoints_.clear();
  changed_.notify_all();
}

void Clusters::apply(const Snapshot& snapshot) {
  std::map<std::pair<std::string, std::uint16_t>, ClusterPtr> next;
  for (const Upstream& upstream : snapshot.upstreams) {
    const std::pair key{upstream.service, upstream.port};
    const auto known = clusters_.extract(key);
    if (known) known.mapped()->update(upstream);
    next.emplace(key, known ? known.mapped() : std::make_shared<Cluster>(loop_, upstream));
  }
  for (const auto& [key, cluster] : clusters_) cluster->withdraw();
  clusters_ = std::move(next);
}

ClusterPtr Clusters::find(std::string_view service, std::uint16_t port) const {
  const auto found = clusters_.find({std::string(service), port});
  return found == clusters_.end() ? nullptr : found->second;
}

}  // namespace bulkhead::proxy
