#include "collect/infer_lattice.hpp"

#include <algorithm>
#include <cmath>

namespace bulkhead::collect {

namespace {

constexpr double kLeastShare = 1e-5;  // of its generation's best, that a node must have
constexpr double kOfKnown = 1e6;      // weight of a call that is known, so that it is kept
constexpr double kNever = -1e300;     // a logarithm
constexpr double kLeast = 1e-300;

}  // namespace

void Calls::index() {
  std::uint32_t targets = 0;
  std::int64_t first = INT64_MAX;
  std::int64_t last = INT64_MIN;
  for (const Interval& call : all) {
    targets = std::max(targets, call.kind + 1);
    first = std::min(first, call.start_us);
    last = std::max(last, call.end_us);
  }
  of_target.assign(targets, {});
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (!taken[i]) of_target[all[i].kind].push_back(i);
  }
  double span = all.empty() ? 1.0 : static_cast<double>(std::max<std::int64_t>(last - first, 1'000));
  usual_weight.clear();
  for (const auto& calls : of_target) usual_weight.push_back(span / (static_cast<double>(calls.size()) + 1));
}

std::span<const std::uint32_t> Lattices::uses(std::size_t lattice) const {
  return std::span(uses_).subspan(lattices_[lattice].uses, lattices_[lattice].uses_end - lattices_[lattice].uses);
}

std::uint32_t Lattices::next_known(const Building& building, const Node& node) const {
  auto at = node.call == kNone ? building.known.begin() : std::ranges::upper_bound(building.known, node.call);
  return at == building.known.end() ? kNone : *at;
}

// The chance that it called nothing in the phases before this one.
double Lattices::passed(const Node& node, Since since) const {
  if (!node.progress.began || since == Since::one_opened) return 1;
  const History& history = model_.at(node.progress.history);
  double chance = history.passing(Since::one_opened);
  if (since == Since::all_ended && node.progress.passes_one_ended()) chance *= history.passing(Since::one_ended);
  return chance;
}

double Lattices::end_weight(const Building& building, const Node& node) const {
  if (next_known(building, node) != kNone) return 0;
  const History& history = model_.at(node.progress.history);
  std::int64_t gap = building.request.end_us - node.progress.latest;
  const auto now = building.order.at(node.progress.history, kEnding, Since::all_ended, node.progress.latest);
  const double density = now ? now->density(gap) : history.end_gaps.density(gap);
  return passed(node, Since::all_ended) * history.end_chance() * density + history.novelty() * Gaps::stray(gap);
}

void Lattices::connect(std::uint32_t from, std::uint32_t call, std::uint32_t history, double weight) {
  Progress progress = nodes_[from].progress.after(calls_.all[call], history);
  std::uint32_t node = newest_node_[call];
  // Nodes of one call are chained through `from`, until best() needs it.
  while (node != kNone) {
    const Progress& other = nodes_[node].progress;
    if (other.history == progress.history && other.latest == progress.latest &&
        (other.other == progress.other || (!other.passes_one_ended() && !progress.passes_one_ended()))) {
      break;
    }
    node = nodes_[node].from;
  }
  if (node == kNone) {
    node = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({.progress = progress,
                      .call = call,
                      .use = 0,
                      .edges = 0,
                      .end = 0,
                      .forward = 0,
                      .backward = 0,
                      .from = newest_node_[call]});
    newest_node_[call] = node;
  }
  double usual = calls_.usual_weight[calls_.all[call].kind];
  nodes_[node].forward += nodes_[from].forward * weight * (calls_.parent[call] == kNone ? usual : kOfKnown * usual);
  edges_.push_back({node, static_cast<float>(weight)});
}

void Lattices::reach(const Building& building, std::uint32_t node, const Step& step, Since since, double chance) {
  const Gaps* gaps = step.gaps[static_cast<std::size_t>(since)].get();
  if (gaps == nullptr || step.target >= calls_.of_target.size()) return;
  const Progress progress = nodes_[node].progress;
  std::int64_t reference = progress.reference(since);
  const auto now = building.order.at(progress.history, step.target, since, reference);
  std::int64_t from = reference + (now ? now->least() : gaps->least());
  std::int64_t to = reference + (now ? now->most() : gaps->most());
  if (since == Since::one_opened)
    to = std::min(to, (progress.passes_one_ended() ? progress.other : progress.latest) - 1);
  if (since == Since::one_ended) to = std::min(to, progress.latest - 1);
  to = std::min(to, building.request.end_us);
  const auto& positions = calls_.of_target[step.target];
  auto starts = [&](std::uint32_t call) { return calls_.all[call].start_us; };
  auto begin = std::ranges::lower_bound(positions, from, {}, starts);
  auto end = std::ranges::upper_bound(begin, positions.end(), to, {}, starts);
  if (static_cast<std::size_t>(end - begin) > 2 * limits_.successors) {  // those around the usual gap
    auto middle = std::ranges::lower_bound(begin, end, reference + (now ? now->usual() : gaps->usual()), {}, starts);
    auto half = static_cast<std::ptrdiff_t>(limits_.successors);
    begin = middle - std::min(half, middle - begin);
    end = middle + std::min(half, end - middle);
  }
  std::uint32_t known = next_known(building, nodes_[node]);
  std::uint32_t last = nodes_[node].call;
  for (auto at = begin; at != end; ++at) {
    const Interval& call = calls_.all[*at];
    if (last != kNone && *at <= last) continue;
    if (known != kNone && *at >= known) break;  // reach_known()
    if (call.end_us > building.request.end_us || calls_.parent[*at] != kNone) continue;
    const std::int64_t gap = call.start_us - reference;
    connect(node, *at, step.next, chance * (now ? now->density(gap) : gaps->density(gap)));
  }
}

void Lattices::reach_known(const Building& building, std::uint32_t node, std::uint32_t call) {
  const Progress& progress = nodes_[node].progress;
  const Interval& interval = calls_.all[call];
  const History& history = model_.at(progress.history);
  Since since = progress.since(interval.start_us);
  std::int64_t gap = interval.start_us - progress.reference(since);
  double weight = history.novelty() * Gaps::stray(gap);
  std::uint32_t next = 0;
  for (const Step& step : history.steps) {
    if (step.target != interval.kind) continue;
    next = step.next;
    const Gaps* gaps = step.gaps[static_cast<std::size_t>(since)].get();
    if (gaps == nullptr) continue;
    const auto now = building.order.at(progress.history, step.target, since, progress.reference(since));
    weight +=
        passed(nodes_[node], since) * history.chance(step, since) * (now ? now->density(gap) : gaps->density(gap));
  }
  connect(node, call, next, weight);
}

// To the next calls, whatever they are: where few calls are within a request, something new shows as what it is.
void Lattices::reach_new(const Building& building, std::uint32_t node) {
  constexpr int kNext = 3;
  const Progress progress = nodes_[node].progress;
  const History& history = model_.at(progress.history);
  std::uint32_t last = nodes_[node].call;
  std::uint32_t known = next_known(building, nodes_[node]);
  int left = kNext;
  for (std::uint32_t call = last == kNone ? building.first : last + 1; call < building.past && call < known && left > 0;
       ++call) {
    const Interval& interval = calls_.all[call];
    if (interval.end_us > building.request.end_us || calls_.parent[call] != kNone || calls_.taken[call]) continue;
    --left;
    auto step = std::ranges::find(history.steps, interval.kind, &Step::target);
    std::uint32_t next = step == history.steps.end() ? Model::kBeyond : step->next;
    connect(node, call, next,
            history.novelty() * Gaps::stray(interval.start_us - progress.reference(progress.since(interval.start_us))));
  }
}

void Lattices::extend(const Building& building, std::uint32_t node) {
  const History& history = model_.at(nodes_[node].progress.history);
  for (std::size_t i = 0; i < kSinces; ++i) {
    auto since = static_cast<Since>(i);
    if (since != Since::all_ended && !nodes_[node].progress.began) continue;
    if (since == Since::one_ended && !nodes_[node].progress.passes_one_ended()) continue;
    for (const Step& step : history.steps) {
      double chance = history.chance(step, since);
      if (chance >= limits_.least_chance) reach(building, node, step, since, chance * passed(nodes_[node], since));
    }
  }
  if (building.few) reach_new(building, node);
  std::uint32_t known = next_known(building, nodes_[node]);
  if (known != kNone) reach_known(building, node, known);
  nodes_[node].edges = static_cast<std::uint32_t>(edges_.size());
}

// Keeps the likely nodes of the newest generation, and the edges to them.
void Lattices::prune(std::uint32_t nodes_begin, std::uint32_t edges_begin) {
  scratch_.clear();
  double best = 0;
  for (std::uint32_t i = generation_begin_; i < nodes_.size(); ++i) {
    scratch_.push_back(nodes_[i].forward);
    best = std::max(best, nodes_[i].forward);
  }
  double least = best * kLeastShare;
  if (scratch_.size() > limits_.nodes) {
    auto at = scratch_.begin() + static_cast<std::ptrdiff_t>(limits_.nodes);
    std::ranges::nth_element(scratch_, at, std::greater{});
    least = std::max(least, *at);
  }
  std::uint32_t kept = generation_begin_;
  for (std::uint32_t i = generation_begin_; i < nodes_.size(); ++i) newest_node_[nodes_[i].call] = kNone;
  renamed_.assign(nodes_.size() - generation_begin_, kNone);
  for (std::uint32_t i = generation_begin_; i < nodes_.size(); ++i) {
    if (nodes_[i].forward < least || nodes_[i].forward <= 0) continue;
    renamed_[i - generation_begin_] = kept;
    nodes_[kept] = nodes_[i];
    nodes_[kept].forward /= best;
    ++kept;
  }
  std::uint32_t edge = edges_begin;
  std::uint32_t written = edges_begin;
  for (std::uint32_t node = nodes_begin; node < generation_begin_; ++node) {
    for (; edge < nodes_[node].edges; ++edge) {
      std::uint32_t to = renamed_[edges_[edge].to - generation_begin_];
      if (to != kNone) edges_[written++] = {to, edges_[edge].weight};
    }
    nodes_[node].edges = written;
  }
  nodes_.resize(kept);
  edges_.resize(written);
}

void Lattices::collect_uses(Lattice& lattice) {
  lattice.uses = static_cast<std::uint32_t>(uses_.size());
  auto first = nodes_.begin() + lattice.nodes + 1;
  for (auto node = first; node != nodes_.end(); ++node) {
    if (newest_node_[node->call] == kNone) {
      newest_node_[node->call] = static_cast<std::uint32_t>(uses_.size());
      uses_.push_back(node->call);
    }
    node->use = newest_node_[node->call];
  }
  for (auto node = first; node != nodes_.end(); ++node) newest_node_[node->call] = kNone;
  lattice.uses_end = static_cast<std::uint32_t>(uses_.size());
}

void Lattices::add(const Interval& request, std::uint32_t root, std::span<const std::uint32_t> known,
                   const Order& order) {
  newest_node_.resize(calls_.all.size(), kNone);
  auto starts = [](const Interval& call) { return call.start_us; };
  auto first = std::ranges::lower_bound(calls_.all, request.start_us, {}, starts) - calls_.all.begin();
  auto past = std::ranges::upper_bound(calls_.all, request.end_us, {}, starts) - calls_.all.begin();
  Building building{request,
                    known,
                    order,
                    static_cast<std::uint32_t>(first),
                    static_cast<std::uint32_t>(past),
                    static_cast<std::size_t>(past - first) <= limits_.few};
  Lattice lattice{};
  lattice.nodes = static_cast<std::uint32_t>(nodes_.size());
  lattice.edges = static_cast<std::uint32_t>(edges_.size());
  lattice.generations = static_cast<std::uint32_t>(generations_.size());
  nodes_.push_back({.progress = Progress::of(root, request.start_us),
                    .call = kNone,
                    .use = 0,
                    .edges = 0,
                    .end = 0,
                    .forward = 1,
                    .backward = 0,
                    .from = kNone});
  generations_.push_back({static_cast<std::uint32_t>(nodes_.size()), lattice.edges, 1, 0});
  std::uint32_t begin = lattice.nodes;
  for (std::size_t generation = 0; generation < limits_.calls; ++generation) {
    generation_begin_ = static_cast<std::uint32_t>(nodes_.size());
    auto edges_begin = static_cast<std::uint32_t>(edges_.size());
    for (std::uint32_t node = begin; node < generation_begin_; ++node) extend(building, node);
    if (nodes_.size() == generation_begin_) break;
    prune(begin, edges_begin);
    if (nodes_.size() == generation_begin_) break;
    begin = generation_begin_;
    generations_.push_back(
        {static_cast<std::uint32_t>(nodes_.size()), static_cast<std::uint32_t>(edges_.size()), 1, 0});
  }
  for (std::uint32_t node = begin; node < nodes_.size(); ++node)
    nodes_[node].edges = static_cast<std::uint32_t>(edges_.size());
  for (std::uint32_t node = lattice.nodes; node < nodes_.size(); ++node)
    nodes_[node].end = end_weight(building, nodes_[node]);
  lattice.generations_end = static_cast<std::uint32_t>(generations_.size());
  collect_uses(lattice);
  lattices_.push_back(lattice);
}

std::uint32_t Lattices::first_node(const Lattice& lattice, std::uint32_t generation) const {
  return generation == lattice.generations ? lattice.nodes : generations_[generation - 1].nodes_end;
}

// Probabilities of the beginnings, each generation scaled by its greatest: products of many densities leave the range
// of a double. The greatest logarithm of a generation's ends.
double Lattices::forward(const Lattice& lattice, std::span<const double> weights) {
  double greatest_end = kNever;
  std::uint32_t edge = lattice.edges;
  for (std::uint32_t i = lattice.generations; i < lattice.generations_end; ++i) {
    Generation& generation = generations_[i];
    std::uint32_t begin = first_node(lattice, i);
    if (i > lattice.generations) {
      for (std::uint32_t node = begin; node < generation.nodes_end; ++node) nodes_[node].forward = 0;
      for (std::uint32_t node = first_node(lattice, i - 1); node < begin; ++node) {
        for (; edge < nodes_[node].edges; ++edge)
          nodes_[edges_[edge].to].forward += nodes_[node].forward * edges_[edge].weight;
      }
      double greatest = kLeast;
      for (std::uint32_t node = begin; node < generation.nodes_end; ++node) {
        nodes_[node].forward *= weight_of(nodes_[node], weights, lattice);
        greatest = std::max(greatest, nodes_[node].forward);
      }
      for (std::uint32_t node = begin; node < generation.nodes_end; ++node) nodes_[node].forward /= greatest;
      generation.scale = greatest;
      generation.log_scale = generations_[i - 1].log_scale + std::log(greatest);
    }
    double ends = 0;
    for (std::uint32_t node = begin; node < generation.nodes_end; ++node)
      ends += nodes_[node].forward * nodes_[node].end;
    if (ends > 0) greatest_end = std::max(greatest_end, generation.log_scale + std::log(ends));
  }
  return greatest_end;
}

// Such that forward times backward is a node's posterior probability.
void Lattices::backward(const Lattice& lattice, std::span<const double> weights, double greatest_end) {
  double sum = 0;
  for (std::uint32_t i = lattice.generations; i < lattice.generations_end; ++i) {
    double scale = std::exp(generations_[i].log_scale - greatest_end);
    for (std::uint32_t node = first_node(lattice, i); node < generations_[i].nodes_end; ++node) {
      nodes_[node].backward = nodes_[node].end * scale;
      sum += nodes_[node].forward * nodes_[node].backward;
    }
  }
  for (std::uint32_t i = lattice.generations_end; i-- > lattice.generations;) {
    for (std::uint32_t node = generations_[i].nodes_end; node-- > first_node(lattice, i);) {
      double after = 0;
      for (std::uint32_t edge = node == lattice.nodes ? lattice.edges : nodes_[node - 1].edges;
           edge < nodes_[node].edges; ++edge) {
        const Node& to = nodes_[edges_[edge].to];
        after += edges_[edge].weight * weight_of(to, weights, lattice) * to.backward;
      }
      nodes_[node].backward /= sum;
      if (after > 0) nodes_[node].backward += after / generations_[i + 1].scale;
    }
  }
}

bool Lattices::evaluate(std::size_t at, std::span<const double> weights, std::span<double> probabilities) {
  const Lattice& lattice = lattices_[at];
  std::ranges::fill(probabilities, 0);
  double greatest_end = forward(lattice, weights);
  if (greatest_end <= kNever) return false;
  backward(lattice, weights, greatest_end);
  std::uint32_t end = generations_[lattice.generations_end - 1].nodes_end;
  for (std::uint32_t node = lattice.nodes + 1; node < end; ++node) {
    probabilities[nodes_[node].use - lattice.uses] += nodes_[node].forward * nodes_[node].backward;
  }
  return true;
}

void Lattices::best(std::size_t at, std::span<const double> weights, std::vector<std::uint32_t>& way) {
  const Lattice& lattice = lattices_[at];
  way.clear();
  std::uint32_t end = generations_[lattice.generations_end - 1].nodes_end;
  for (std::uint32_t node = lattice.nodes; node < end; ++node) {
    nodes_[node].forward = node == lattice.nodes ? 0 : kNever;  // logarithms here
    nodes_[node].from = kNone;
  }
  std::uint32_t edge = lattice.edges;
  std::uint32_t last = lattice.nodes;
  double greatest = kNever;
  for (std::uint32_t node = lattice.nodes; node < end; ++node) {
    double forward = nodes_[node].forward;
    if (node != lattice.nodes && forward > kNever)
      forward += std::log(std::max(weight_of(nodes_[node], weights, lattice), kLeast));
    for (; edge < nodes_[node].edges; ++edge) {
      Node& to = nodes_[edges_[edge].to];
      double through = forward + std::log(std::max<double>(edges_[edge].weight, kLeast));
      if (through > to.forward) {
        to.forward = through;
        to.from = node;
      }
    }
    double ended = forward + std::log(std::max(nodes_[node].end, kLeast));
    if (ended > greatest) {
      greatest = ended;
      last = node;
    }
  }
  for (; last != lattice.nodes && last != kNone; last = nodes_[last].from)
    way.push_back(nodes_[last].use - lattice.uses);
  std::ranges::reverse(way);
}

}  // namespace bulkhead::collect
