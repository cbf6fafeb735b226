#pragma once

// A simulated service: clients that wait for each answer, a program of some shape, the spans that its sidecar would
// write, and which request made which call. The same seed, the same spans. For tests and for bench/infer.

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "collect/infer.hpp"

namespace bulkhead::collect::simulated {

struct Shape {
  std::string name;
  std::string what;
};
const std::vector<Shape>& shapes();

struct Load {
  std::string shape = "chain";
  int clients = 10;  // each asks again, a moment after its answer
  std::size_t requests = 5'000;
  std::uint64_t seed = 1;
  double spread = 0.4;  // of the program's own time: sigma of its logarithm
  std::int64_t begin_us = 1'000'000'000;
};

struct Traffic {
  std::vector<Incoming> requests;
  std::vector<Outgoing> calls;
  std::unordered_map<std::uint64_t, std::uint64_t> parents;  // of calls; absent: nobody's, or made after the answer
  double busy = 0;                                           // requests at once, on average
};
Traffic simulate(const Load& load);

// Feeds all of it in the order of its ends, settling as time passes; then all that is left. `told`: share of the
// requests whose calls carry the header.
std::vector<Join> infer(Inference& inference, const Traffic& traffic, double told = 0);

struct Score {
  std::size_t requests = 0, whole = 0;  // requests; those whose calls are exactly right
  std::size_t calls = 0, joins = 0, right = 0;
  std::array<std::size_t, 10> in_band{}, right_in_band{};  // by confidence
  double expected_error = 0;  // calibration: mean of |confidence − share right| over the bands
};
// Of requests that begin from `from_us` on.
Score score(const Traffic& traffic, const std::vector<Join>& joins, std::int64_t from_us = 0);

}  // namespace bulkhead::collect::simulated
