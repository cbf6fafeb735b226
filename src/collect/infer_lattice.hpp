#pragma once

// Every way in which one request may have made its calls, out of those that lie within it: nodes are "so far it made
// these, the last of them that one", edges the next call, weighed by the model. Ways with the same future are one node;
// of many, the likely are kept. Built once; evaluated as often as the other requests' claims on the same calls change.
// Positions are into Calls. One thread.

#include <cstdint>
#include <span>
#include <vector>

#include "collect/infer_model.hpp"
#include "collect/infer_order.hpp"

namespace bulkhead::collect {

inline constexpr std::uint32_t kNone = UINT32_MAX;

// The calls of a batch, sorted by start.
struct Calls {
  std::vector<Interval> all;
  std::vector<std::uint32_t> parent;                  // position of the request that is known to have made it, or kNone
  std::vector<bool> taken;                            // made by a known request that is not in the batch
  std::vector<std::vector<std::uint32_t>> of_target;  // positions, by target
  std::vector<double> usual_weight;  // by target: 1 / (calls per µs): what a density is measured against

  void index();  // fills the last two
};

struct LatticeLimits {
  std::size_t nodes = 32;       // of so many calls each
  std::size_t calls = 128;      // of one request
  std::size_t successors = 24;  // that one step may lead to
  double least_chance = 3e-3;   // of a step that is looked at
  std::size_t few = 12;         // calls within a request, among which steps are looked at that were never seen
};

// Lattices of a batch lie behind each other in few vectors.
class Lattices {
 public:
  Lattices(const Model& model, const Calls& calls, LatticeLimits limits)
      : model_(model), calls_(calls), limits_(limits) {}

  // `root`: the model's, of its endpoint. `known`: positions of calls that it made for certain, sorted.
  void add(const Interval& request, std::uint32_t root, std::span<const std::uint32_t> known, const Order& order);
  std::size_t size() const { return lattices_.size(); }

  // The calls that it may have made.
  std::span<const std::uint32_t> uses(std::size_t lattice) const;

  // Posterior probability of each of uses(), where using it weighs `weights`. False where no way is possible at all.
  bool evaluate(std::size_t lattice, std::span<const double> weights, std::span<double> probabilities);

  // After evaluate(): indices into uses() of one way, drawn as likely as it is.
  template <class Uniform>
  void draw(std::size_t lattice, std::span<const double> weights, Uniform&& uniform,
            std::vector<std::uint32_t>& way) const;

  // The likeliest way.
  void best(std::size_t lattice, std::span<const double> weights, std::vector<std::uint32_t>& way);

 private:
  struct Node {
    Progress progress;
    std::uint32_t call;   // position, kNone of the first
    std::uint32_t use;    // index into uses
    std::uint32_t edges;  // past the last; they begin where those of the node before it end
    double end;           // weight of the request's end after it
    double forward, backward;
    std::uint32_t from;  // best()
  };
  struct Edge {
    std::uint32_t to;
    float weight;
  };
  struct Generation {  // nodes of as many calls
    std::uint32_t nodes_end, edges_end;
    double scale, log_scale;
  };
  struct Lattice {
    std::uint32_t nodes, edges, generations, generations_end, uses, uses_end;
  };
  struct Building {
    const Interval& request;
    std::span<const std::uint32_t> known;
    const Order& order;
    std::uint32_t first, past;  // calls that begin within it
    bool few;
  };

  void extend(const Building& building, std::uint32_t node);
  void reach(const Building& building, std::uint32_t node, const Step& step, Since since, double chance);
  void reach_known(const Building& building, std::uint32_t node, std::uint32_t call);
  void reach_new(const Building& building, std::uint32_t node);
  void connect(std::uint32_t from, std::uint32_t call, std::uint32_t history, double weight);
  void prune(std::uint32_t nodes_begin, std::uint32_t edges_begin);
  double end_weight(const Building& building, const Node& node) const;
  std::uint32_t next_known(const Building& building, const Node& node) const;
  double passed(const Node& node, Since since) const;
  double weight_of(const Node& node, std::span<const double> weights, const Lattice& lattice) const {
    return weights[node.use - lattice.uses];
  }
  void collect_uses(Lattice& lattice);
  std::uint32_t first_node(const Lattice& lattice, std::uint32_t generation) const;
  double forward(const Lattice& lattice, std::span<const double> weights);
  void backward(const Lattice& lattice, std::span<const double> weights, double greatest_end);

  const Model& model_;
  const Calls& calls_;
  LatticeLimits limits_;
  std::vector<Lattice> lattices_;
  std::vector<Generation> generations_;
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<std::uint32_t> uses_;
  std::vector<std::uint32_t> newest_node_;  // by call, where a generation is built
  std::vector<std::uint32_t> renamed_;
  std::vector<double> scratch_;
  std::uint32_t generation_begin_ = 0;
};

template <class Uniform>
void Lattices::draw(std::size_t at, std::span<const double> weights, Uniform&& uniform,
                    std::vector<std::uint32_t>& way) const {
  const Lattice& lattice = lattices_[at];
  way.clear();
  std::uint32_t node = lattice.nodes;
  std::uint32_t generation = lattice.generations;
  while (generation + 1 < lattice.generations_end) {
    double left = uniform() * nodes_[node].backward;
    std::uint32_t edge = node == lattice.nodes ? lattice.edges : nodes_[node - 1].edges;
    std::uint32_t chosen = kNone;
    double scale = generations_[generation + 1].scale;
    for (; edge < nodes_[node].edges; ++edge) {
      const Node& to = nodes_[edges_[edge].to];
      double share = edges_[edge].weight * weight_of(to, weights, lattice) * to.backward / scale;
      if (share <= 0) continue;
      left -= share;
      if (left < 0) {
        chosen = edges_[edge].to;
        break;
      }
    }
    if (chosen == kNone) return;  // it ended
    way.push_back(nodes_[chosen].use - lattice.uses);
    node = chosen;
    ++generation;
  }
}

}  // namespace bulkhead::collect
