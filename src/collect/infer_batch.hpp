#pragma once

// The joins of one batch of requests and calls that overlap: builds their lattices, lets the requests compete for the
// calls by belief propagation, and reads off the joins. A request tells each call the odds that it made it, but for
// what that call itself told; a call tells each request what is left beside the other requests' odds, and beside those
// that nobody made it. Pure.

#include <cstdint>
#include <span>
#include <vector>

#include "collect/infer_lattice.hpp"
#include "collect/infer_model.hpp"

namespace bulkhead::collect {

struct Batch {
  std::vector<Interval> requests;  // sorted by start
  Calls calls;
  std::vector<double> nobody;  // by call: how likely, per µs, one to its target was then, that no request makes
};

class Competition {
 public:
  // Model and batch must outlive it.
  Competition(Model& model, const Batch& batch, const Order& order, LatticeLimits limits = {});
  void run(int rounds);

  struct Claim {
    std::uint32_t request = kNone;  // none: nobody's
    double confidence = 0;
  };
  // By call. Each request's claims are one of its ways.
  std::vector<Claim> decide();

  // Probability that nobody made it.
  double nobodys(std::uint32_t call) const;

  using Made = std::vector<std::vector<std::uint32_t>>;  // by request, sorted
  Made made(const std::vector<Claim>& claims) const;

  // Drawn as likely as it is, each request for itself: a call may be in several.
  template <class Uniform>
  Made draw(Uniform&& uniform) {
    Made made(batch_.requests.size());
    std::vector<std::uint32_t> way;
    for (std::size_t i = 0; i < made.size(); ++i) {
      auto uses = lattices_.uses(i);
      weigh(i);
      if (!lattices_.evaluate(i, weights_, probabilities_)) continue;
      lattices_.draw(i, weights_, uniform, way);
      for (std::uint32_t use : way) made[i].push_back(uses[use]);
    }
    return made;
  }

 private:
  void weigh(std::size_t request);
  void hear(std::size_t request, double damping);
  double confidence(std::uint32_t request, std::uint32_t use) const;
  double claimed(std::uint32_t call) const { return nobody_of(call) + odds_of_call_[call]; }
  double nobody_of(std::uint32_t call) const { return batch_.nobody[call]; }

  const Batch& batch_;
  Lattices lattices_;
  std::vector<std::uint32_t> first_use_;  // by request, into odds_
  std::vector<double> odds_;              // that the request made the call, beside that call's own word
  std::vector<double> odds_of_call_;      // sum over the requests
  std::vector<double> weights_, probabilities_;
};

}  // namespace bulkhead::collect
