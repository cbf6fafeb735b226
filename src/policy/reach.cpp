#include "policy/reach.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "policy/walk.hpp"

namespace bulkhead::policy {

namespace {

bool leads_to(const Edge& edge, std::string_view to) {
  return edge.to == to || (edge.outside && edge.outside->host == to);
}

bool is_party(const Model& model, std::string_view name) {
  return model.service(name) || (name == kGateway && model.has_gateway());
}

Fault no_such(const Model& model, std::string_view name) {
  std::vector<std::string> names;
  for (const Node& node : model.services) names.push_back(node.name);
  std::string near = nearest(name, names);
  std::string hint =
      near.empty() ? fmt::format("there are {}", fmt::join(names, ", ")) : fmt::format("did you mean '{}'?", near);
  return Fault{Cause::not_found, fmt::format("no service is named '{}'; {}", name, hint)};
}

// "gateway" is the gateway unless a service has that name.
std::string_view party(const Model& model, std::string_view name) {
  return name == "gateway" && !model.service(name) && model.has_gateway() ? kGateway : name;
}

std::vector<std::string> secrets_of(const Model& model, std::string_view name) {
  const Node* node = model.service(name);
  return node ? node->secrets : std::vector<std::string>();
}

void add(const Model& model, std::vector<Reachable>& list, const Edge& edge, std::vector<Hop> path) {
  bool outside = edge.kind == Edge::Kind::egress;
  std::string name = outside ? spoken_target(edge) : edge.to;
  auto found = std::ranges::find(list, name, &Reachable::name);
  if (found == list.end())
    found =
        list.insert(list.end(), {name, outside, outside ? std::vector<std::string>() : secrets_of(model, name), {}});
  found->paths.push_back(std::move(path));
}

std::vector<std::string> outside_names(const Walk& walk) {
  std::vector<std::string> names;
  for (const Edge* edge : walk.edges()) {
    if (edge->kind == Edge::Kind::egress) names.push_back(fmt::format("{} of {}", spoken_target(*edge), edge->from));
  }
  return names;
}

std::vector<std::string> unseen(const Model& model, const Walk& walk) {
  std::vector<std::string> sentences{
      "What a service does for its callers is its own code's decision; every declared call of a service on the way "
      "counts "
      "as usable.",
      "Only declared calls are seen: data, mounts of the host and the kernel that services share are not."};
  std::vector<std::string> outside = outside_names(walk);
  if (outside.empty()) return sentences;
  sentences.push_back(
      fmt::format("What hosts outside do with what they are sent is not known: {}.", fmt::join(outside, ", ")));
  if (model.has_gateway() && walk.from() != kGateway) {
    sentences.emplace_back("A host outside can come back in through the gateway's routes.");
  }
  return sentences;
}

std::string rule_at(const Edge& edge) { return fmt::format("{} at {}", edge.id, manifest::to_string(edge.position)); }

// Answers one FROM, TO; each step fills in what it knows.
class Question {
 public:
  Question(const Model& model, std::string_view from, std::string_view to)
      : model_(model), to_(to), walk_(model, from) {}

  Answer run() {
    answer_direct();
    answer_through();
    return std::move(answer_);
  }

 private:
  void say(const std::string& sentence) {
    if (!answer_.why.empty()) answer_.why += ' ';
    answer_.why += sentence;
  }

  void answer_direct() {
    for (const Edge* edge : walk_.edges()) {
      if (edge->from != walk_.from() || !leads_to(*edge, to_)) continue;
      answer_.verdict = Verdict::allowed;
      say(fmt::format("{} may call {} itself: {}, by {}.", spoken_party(walk_.from()), spoken_target(*edge),
                      fmt::join(allowed_on(model_, *edge), ", "), rule_at(*edge)));
      if (answer_.rule) continue;
      answer_.rule = edge;
      answer_.path = walk_.over(*edge);
    }
    if (answer_.verdict == Verdict::allowed) return;
    if (const Edge* denied = denied_direct())
      say(fmt::format("{} may not call {} itself: {} {} it, and denied is {}.", spoken_party(walk_.from()),
                      spoken_party(to_), rule_at(*denied), denied->is_declared() ? "declares" : "would learn",
                      fmt::join(exceptions_on(*denied), ", ")));
    else
      say(fmt::format("{} may not call {} itself: no rule of the manifest declares it.", spoken_party(walk_.from()),
                      spoken_party(to_)));
  }

  // FROM's own edge to TO that deny rules leave nothing of.
  const Edge* denied_direct() {
    for (const Edge& edge : model_.edges) {
      if (edge.from != walk_.from() || !leads_to(edge, to_) || edge.denies.empty()) continue;
      answer_.denied_by = &edge.denies.front();
      return &edge;
    }
    return nullptr;
  }

  void answer_through() {
    const Edge* last = shortest_through();
    if (last) {
      answer_.indirect = Verdict::allowed;
      std::vector<Hop> path = walk_.over(*last);
      std::vector<std::string> names;
      for (const Hop& hop : path) names.push_back(spoken_party(hop.edge->from));
      names.push_back(spoken_target(*last));
      say(fmt::format(
          "It can be reached through others, if each acts for the attacker or is compromised as well: {}, by {}.",
          fmt::join(names, " -> "), rule_at(*path.front().edge)));
      if (!answer_.rule) answer_.rule = path.front().edge;
      if (answer_.path.empty()) answer_.path = std::move(path);
      return;
    }
    if (comes_back()) {
      answer_.indirect = Verdict::unknown;
      say(fmt::format("Whether it can be reached by way of the outside is not known: {}.",
                      fmt::join(outside_names(walk_), ", ")));
    } else {
      say("No chain of declared calls leads there through others.");
    }
  }

  // The edge into TO, not FROM's own, whose way is the shortest.
  const Edge* shortest_through() const {
    const Edge* best = nullptr;
    for (const Edge* edge : walk_.edges()) {
      if (edge->from == walk_.from() || !leads_to(*edge, to_)) continue;
      if (!best || walk_.way(edge->from).size() < walk_.way(best->from).size()) best = edge;
    }
    return best;
  }

  // Whether a host outside that is reached could go on to TO: another host always, a service through the gateway.
  bool comes_back() const {
    if (outside_names(walk_).empty()) return false;
    if (!model_.service(to_)) return true;
    return walk_.from() != kGateway && model_.has_gateway() && Walk(model_, kGateway).reaches(to_);
  }

  const Model& model_;
  std::string_view to_;
  Walk walk_;
  Answer answer_;
};

}  // namespace

Result<Reach> reach(const Model& model, std::string_view from_name) {
  std::string_view from = party(model, from_name);
  if (!is_party(model, from)) return fail(no_such(model, from_name));
  Walk walk(model, from);
  Reach reach{.from = std::string(from), .secrets = secrets_of(model, from)};
  for (const Edge* edge : walk.edges()) {
    if (edge->to == from && edge->kind != Edge::Kind::egress) continue;
    add(model, edge->from == from ? reach.direct : reach.through, *edge, walk.over(*edge));
  }
  reach.unseen = unseen(model, walk);
  return reach;
}

Result<Answer> reach(const Model& model, std::string_view from_name, std::string_view to_name) {
  std::string_view from = party(model, from_name);
  std::string_view to = party(model, to_name);
  if (!is_party(model, from)) return fail(no_such(model, from_name));
  bool declared = std::ranges::any_of(model.edges, [&](const Edge& edge) { return leads_to(edge, to); });
  bool host = to.find('.') != std::string_view::npos;
  if (!is_party(model, to) && !declared && !host) return fail(no_such(model, to_name));
  if (from == to) {
    return Answer{Verdict::allowed, Verdict::allowed, "A program reaches itself over its own loopback.",
                  nullptr,          nullptr,          {}};
  }
  return Question(model, from, to).run();
}

}  // namespace bulkhead::policy
