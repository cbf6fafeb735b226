#include "collect/infer_batch.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bulkhead::collect {

namespace {

constexpr double kCertain = 1 - 1e-9;
// Requests that compete for the same two calls confirm each other around the loop: plain belief propagation makes 0.9
// of what is right in 0.6 of the cases. Odds to this power don't (bench/infer: measured from 0.5 to 1).
constexpr double kTrust = 0.7;
constexpr double kKnownWeight = 1e3;  // any: there is no way without it

}  // namespace

Competition::Competition(Model& model, const Batch& batch, const Order& order, LatticeLimits limits)
    : batch_(batch), lattices_(model, batch.calls, limits), odds_of_call_(batch.calls.all.size(), 0.0) {
  std::vector<std::vector<std::uint32_t>> known(batch.requests.size());
  for (std::uint32_t call = 0; call < batch.calls.all.size(); ++call) {
    if (batch.calls.parent[call] != kNone) known[batch.calls.parent[call]].push_back(call);
  }
  for (std::uint32_t i = 0; i < batch.requests.size(); ++i) {
    lattices_.add(batch.requests[i], model.root(batch.requests[i].kind), known[i], order);
    first_use_.push_back(static_cast<std::uint32_t>(odds_.size()));
    odds_.resize(odds_.size() + lattices_.uses(i).size(), 0.0);
  }
  // Where nobody has spoken yet, every call is in demand as usual.
  for (std::uint32_t call = 0; call < batch.calls.all.size(); ++call) {
    odds_of_call_[call] = 1 / batch.calls.usual_weight[batch.calls.all[call].kind];
  }
}

void Competition::weigh(std::size_t request) {
  auto uses = lattices_.uses(request);
  weights_.resize(uses.size());
  probabilities_.resize(uses.size());
  for (std::size_t i = 0; i < uses.size(); ++i) {
    bool known = batch_.calls.parent[uses[i]] != kNone;
    double others = std::max(0.0, odds_of_call_[uses[i]] - odds_[first_use_[request] + i]);
    weights_[i] = known ? kKnownWeight : 1 / (nobody_of(uses[i]) + others);
  }
}

void Competition::hear(std::size_t request, double damping) {
  auto uses = lattices_.uses(request);
  if (uses.empty()) return;
  weigh(request);
  if (!lattices_.evaluate(request, weights_, probabilities_)) return;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    double probability = std::clamp(probabilities_[i], 0.0, kCertain);
    double odds = std::pow(probability / (1 - probability), kTrust) / weights_[i];
    double& told = odds_[first_use_[request] + i];
    told += damping * (odds - told);
  }
}

void Competition::run(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    double damping = round == 0 ? 1.0 : 0.7;
    for (std::size_t request = 0; request < batch_.requests.size(); ++request) hear(request, damping);
    std::ranges::fill(odds_of_call_, 0.0);
    for (std::size_t request = 0; request < batch_.requests.size(); ++request) {
      auto uses = lattices_.uses(request);
      for (std::size_t i = 0; i < uses.size(); ++i) odds_of_call_[uses[i]] += odds_[first_use_[request] + i];
    }
  }
}

double Competition::nobodys(std::uint32_t call) const { return nobody_of(call) / claimed(call); }

std::vector<Competition::Claim> Competition::decide() {
  std::size_t count = batch_.requests.size();
  std::vector<Claim> claims(batch_.calls.all.size());
  std::vector<std::vector<std::uint32_t>> ways(count);
  std::vector<double> weakest(count, 1.0);  // confidence of a request's way
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (std::uint32_t request = 0; request < count; ++request) {
    weigh(request);
    lattices_.best(request, weights_, ways[request]);
    for (std::uint32_t use : ways[request]) weakest[request] = std::min(weakest[request], confidence(request, use));
  }
  std::ranges::sort(
      order, [&](std::uint32_t a, std::uint32_t b) { return std::pair(-weakest[a], a) < std::pair(-weakest[b], b); });
  for (std::uint32_t request : order) {
    auto uses = lattices_.uses(request);
    auto lost = [&](std::uint32_t use) { return claims[uses[use]].request != kNone; };
    if (std::ranges::any_of(ways[request], lost)) {
      weigh(request);
      for (std::uint32_t use = 0; use < uses.size(); ++use) {
        if (lost(use)) weights_[use] = 0;
      }
      lattices_.best(request, weights_, ways[request]);
      std::erase_if(ways[request], lost);
    }
    for (std::uint32_t use : ways[request]) claims[uses[use]] = {request, confidence(request, use)};
  }
  return claims;
}

Competition::Made Competition::made(const std::vector<Claim>& claims) const {
  Made made(batch_.requests.size());
  for (std::uint32_t call = 0; call < claims.size(); ++call) {
    if (claims[call].request != kNone) made[claims[call].request].push_back(call);
  }
  return made;
}

double Competition::confidence(std::uint32_t request, std::uint32_t use) const {
  return odds_[first_use_[request] + use] / claimed(lattices_.uses(request)[use]);
}

}  // namespace bulkhead::collect
