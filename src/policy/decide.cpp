#include "policy/decide.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include <fmt/ranges.h>

#include "policy/deny.hpp"
#include "policy/lines.hpp"

namespace bulkhead::policy {

namespace {

std::string_view spoken(std::string_view caller) {
  return caller == kGateway ? std::string_view("the gateway") : caller;
}

bool is_edge_of(const Edge& edge, const Attempt& attempt) {
  return edge.from == attempt.caller && edge.to == attempt.callee && edge.port == attempt.port &&
         edge.protocol == attempt.protocol;
}

bool is_known(const Attempt& attempt) {
  return !attempt.path.empty() && (attempt.protocol != Protocol::http || !attempt.method.empty());
}

// For a path that is known to be plain.
bool covers(const Permission& permission, const Attempt& attempt) {
  const auto& methods = permission.methods;
  bool method_covered = methods.empty() || std::ranges::find(methods, attempt.method) != methods.end();
  return method_covered && permission.path.matches_plain(attempt.path);
}

// A closer miss is a better explanation: the right port before the right callee. What is learned whole explains
// nothing.
const Edge* nearest_edge(std::span<const Edge> edges, const Attempt& attempt) {
  const Edge* nearest = nullptr;
  for (const Edge& edge : edges) {
    if (edge.from != attempt.caller || edge.to != attempt.callee || !edge.is_declared()) continue;
    if (is_edge_of(edge, attempt)) return &edge;
    if (!nearest || (edge.port == attempt.port && nearest->port != attempt.port)) nearest = &edge;
  }
  return nearest;
}

const Edge* learned_whole(std::span<const Edge> edges, const Attempt& attempt) {
  const auto found =
      std::ranges::find_if(edges, [&](const Edge& edge) { return !edge.is_declared() && is_edge_of(edge, attempt); });
  return found == edges.end() ? nullptr : &*found;
}

std::string what_was_tried(const Attempt& attempt) {
  std::string request;
  if (attempt.protocol == Protocol::grpc && !attempt.path.empty()) {
    request = fmt::format(" {}", attempt.path.substr(attempt.path.starts_with('/') ? 1 : 0));
  } else if (attempt.protocol == Protocol::http && is_known(attempt)) {
    request = fmt::format(" {} {}", attempt.method, attempt.path);
  }
  return fmt::format("{} may not call {}:{}{}", spoken(attempt.caller), attempt.callee, attempt.port.number, request);
}

// Whether the same caller may have another port of the same callee.
bool has_other_ports(std::span<const Edge> edges, const Edge& edge) {
  return std::ranges::any_of(edges, [&](const Edge& other) {
    return other.from == edge.from && other.to == edge.to && other.port != edge.port;
  });
}

std::string at(const Position& position) { return manifest::to_string(position); }

std::string by_rule(const Deny& deny) { return fmt::format("{} at {}", deny.id, at(deny.position)); }

using Ids = std::span<const std::string_view>;

bool is_among(Ids ids, const Deny& deny) { return std::ranges::find(ids, deny.id) != ids.end(); }

// A rule that denies it to every caller, as far as the edges of others to the same port tell, but for those `without`.
const Deny* denied_to_all(std::span<const Edge> edges, const Attempt& attempt, Ids without = {}) {
  for (const Edge& edge : edges) {
    if (edge.to != attempt.callee || edge.port != attempt.port || edge.protocol != attempt.protocol) continue;
    for (const Deny& deny : edge.denies)
      if (deny.from_anybody && meant(deny, attempt) != Meant::no && !is_among(without, deny)) return &deny;
  }
  return nullptr;
}

std::string explain(std::span<const Edge> edges, const Attempt& attempt, const Edge* nearest) {
  std::string reason = what_was_tried(attempt) + ": ";
  bool http_like = attempt.protocol != Protocol::tcp;
  if (http_like && !attempt.path.empty() && !manifest::is_plain_path(attempt.path)) {
    return reason + "the path is ambiguous, which no rule covers";
  }
  // What passes as it is learned was held against its own deny rules.
  const bool asks_all = !nearest && !learned_whole(edges, attempt);
  const Deny* in_the_way = asks_all ? denied_to_all(edges, attempt) : nullptr;
  if (in_the_way) {
    reason += fmt::format("no rule of the manifest declares this call, and {} denies it", by_rule(*in_the_way));
  } else if (!nearest) {
    reason += "no rule of the manifest declares this call";
  } else if (nearest->port != attempt.port) {
    reason += fmt::format("{} at {} is for port {}", nearest->id, at(nearest->position), nearest->port.number);
  } else if (nearest->protocol != attempt.protocol) {
    reason += fmt::format("{} at {} is for {}, not {}", nearest->id, at(nearest->position),
                          to_string(nearest->protocol), to_string(attempt.protocol));
  } else {
    reason += fmt::format("{} at {} does not include it", nearest->id, at(nearest->position));
  }
  return reason;
}

using manifest::Asked;

// What a condition asks, answered of an attempt.
class Answers final : public conditions::Activation {
 public:
  explicit Answers(const Attempt& attempt) : attempt_(attempt) {}

  conditions::Value value(conditions::Slot slot) const override {
    using conditions::Value;
    switch (static_cast<Asked>(slot)) {
      case Asked::method: return Value::string(attempt_.protocol == Protocol::grpc ? "POST" : attempt_.method);
      case Asked::path: return Value::string(attempt_.path);
      case Asked::headers: return *attempt_.headers;
      case Asked::caller: return Value::string(attempt_.caller);
      case Asked::callee: return Value::string(attempt_.callee);
      case Asked::now: return now();
      case Asked::user_sub: return of_user([](const User& user) { return Value::string(user.subject); });
      case Asked::user_provider: return of_user([](const User& user) { return Value::string(user.provider); });
      case Asked::user_claims: return of_user([](const User& user) { return user.claims; });
      case Asked::resource:
        return attempt_.resource != nullptr ? *attempt_.resource : Value::failure({conditions::Reason::later});
    }
    return {};
  }

 private:
  template <class Member>
  conditions::Value of_user(Member member) const {
    if (attempt_.user != nullptr) return member(*attempt_.user);
    return conditions::Value::failure({conditions::Reason::absent});
  }

  static conditions::Value now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    return conditions::Value::timestamp(
        {seconds.count(), static_cast<std::uint32_t>(std::chrono::nanoseconds(since - seconds).count())});
  }

  const Attempt& attempt_;
};

std::string named(const Edge& edge) {
  return fmt::format("the condition of {} at {}", edge.id, at(edge.when->position));
}

std::expected<bool, conditions::Failure> evaluate(const manifest::When& when, const Attempt& attempt) {
  static thread_local conditions::Arena arena;
  return when.condition.evaluate(Answers(attempt), arena);
}

// The decision about an attempt that its edge covers but for the condition.
void judge_condition(const Attempt& attempt, Decision& decision) {
  const manifest::When& when = *decision.edge->when;
  if (attempt.headers == nullptr || !is_known(attempt)) {
    decision.verdict = Verdict::unknown;
    decision.by_condition = true;
    decision.reason = named(*decision.edge) + " depends on the request";
    return;
  }
  const auto held = evaluate(when, attempt);
  if (held && *held) return;
  decision.by_condition = true;
  if (!held && held.error().reason == conditions::Reason::later) {
    decision.verdict = Verdict::unknown;
    decision.left_to_callee = true;
    decision.reason = named(*decision.edge) + " depends on what the callee's contract points out in the request";
    return;
  }
  decision.verdict = Verdict::denied;
  const std::string why = held ? "does not hold" : "has no value: " + when.condition.describe(held.error());
  decision.reason = fmt::format("{}: {} {}: {}", what_was_tried(attempt), named(*decision.edge), why, when.source);
}

Decision undecided_by(const Edge& edge, const Deny& deny, bool left_to_callee, std::string_view on_what) {
  return {Verdict::unknown,
          &edge,
          nullptr,
          false,
          false,
          left_to_callee,
          fmt::format("{} depends on {}", by_rule(deny), on_what),
          &deny};
}

// What one deny rule says of an attempt: denied or unknown, or nothing.
std::optional<Decision> judge_deny(const Edge& edge, const Deny& deny, const Attempt& attempt) {
  const Meant asked = meant(deny, attempt);
  if (asked == Meant::no) return std::nullopt;
  const bool conditional = deny.when && (attempt.headers == nullptr || !is_known(attempt));
  if (asked == Meant::maybe || conditional) return undecided_by(edge, deny, false, "the request");
  std::expected<bool, conditions::Failure> held = true;
  if (deny.when) held = evaluate(*deny.when, attempt);
  if (held && !*held) return std::nullopt;
  if (!held && held.error().reason == conditions::Reason::later)
    return undecided_by(edge, deny, true, "what the callee's contract points out in the request");
  std::string why = fmt::format("{}: {} denies it", what_was_tried(attempt), by_rule(deny));
  if (deny.when && held) why += ", as its condition holds: " + deny.when->source;
  if (!held)
    why += fmt::format(", as its condition has no value: {}: {}", deny.when->condition.describe(held.error()),
                       deny.when->source);
  return Decision{Verdict::denied, &edge, nullptr, false, false, false, std::move(why), &deny};
}

// The edge's deny rules together, but for those `without`: one that denies goes before one that may, and that before
// what is left to the callee.
std::optional<Decision> judge_denies(const Edge& edge, const Attempt& attempt, Ids without) {
  std::optional<Decision> undecided;
  for (const Deny& deny : edge.denies) {
    if (is_among(without, deny)) continue;
    auto decision = judge_deny(edge, deny, attempt);
    if (!decision) continue;
    if (decision->verdict == Verdict::denied) return decision;
    if (!undecided || (undecided->left_to_callee && !decision->left_to_callee)) undecided = std::move(decision);
  }
  return undecided;
}

Decision as_audited(Decision refused) {
  refused.verdict = Verdict::allowed;
  refused.audited = true;
  return refused;
}

// Allowed by an edge that is not enforced, with the reason why it would not be.
Decision unenforced_decision(std::span<const Edge> edges, const Attempt& attempt, const Edge& edge,
                             const std::optional<Decision>& conditional) {
  Decision decision{Verdict::allowed, &edge};
  decision.audited = edge.audited;
  decision.learned = !edge.audited;
  if (conditional) {
    decision.by_condition = true;
    decision.permission = conditional->permission;
    decision.reason = conditional->reason;
  } else if (is_known(attempt) || attempt.protocol == Protocol::tcp) {
    decision.reason = explain(edges, attempt, edge.is_declared() ? &edge : nearest_edge(edges, attempt));
  }
  return decision;
}

// decide(), as if there were no deny rules `without`, and without the line that would allow it.
Decision judge(std::span<const Edge> edges, const Attempt& attempt, Ids without = {}) {
  const Edge* undecided = nullptr;
  const Edge* unenforced = nullptr;
  std::optional<Decision> conditional;
  std::optional<Decision> left;
  std::optional<Decision> may_be_denied;
  const bool known = is_known(attempt);
  const bool plain = known && manifest::is_plain_path(attempt.path);
  for (const Edge& edge : edges) {
    if (!is_edge_of(edge, attempt)) continue;
    if (!edge.denies.empty()) {
      auto refused = judge_denies(edge, attempt, without);
      if (refused && refused->verdict == Verdict::denied)
        return edge.audited && (plain || !known) ? as_audited(std::move(*refused)) : std::move(*refused);
      if (refused) may_be_denied = std::move(refused);
    }
    const auto permission =
        std::ranges::find_if(edge.permissions, [&](const Permission& each) { return plain && covers(each, attempt); });
    const bool covered = edge.is_declared() && (edge.permissions.empty() || permission != edge.permissions.end());
    if (!edge.is_enforced() && (plain || !known)) unenforced = &edge;
    if (!covered && !known) undecided = &edge;
    if (!covered) continue;
    Decision decision{Verdict::allowed, &edge, edge.permissions.empty() ? nullptr : &*permission};
    if (edge.when) judge_condition(attempt, decision);
    if (decision.allowed()) return may_be_denied ? std::move(*may_be_denied) : std::move(decision);
    (decision.left_to_callee ? left : conditional) = std::move(decision);
  }
  if (left) return std::move(*left);
  if (unenforced && !unenforced->audited && may_be_denied) return std::move(*may_be_denied);
  if (unenforced) return unenforced_decision(edges, attempt, *unenforced, conditional);
  if (conditional) return std::move(*conditional);
  if (undecided) {
    return {Verdict::unknown,
            undecided,
            nullptr,
            false,
            false,
            false,
            fmt::format("{} at {} depends on the request's method and path", undecided->id, at(undecided->position))};
  }
  const Edge* nearest = nearest_edge(edges, attempt);
  return {Verdict::denied, nearest, nullptr, false, false, false, explain(edges, attempt, nearest)};
}

// A permission for the caller.
std::string missing_rule(std::span<const Edge> edges, const Attempt& attempt, Ids without = {}) {
  if (attempt.caller == kGateway || attempt.caller == attempt.callee) return "";
  bool egress = std::ranges::any_of(
      edges, [&](const Edge& edge) { return edge.kind == Edge::Kind::egress && edge.to == attempt.callee; });
  if (egress) return "";
  const Edge* nearest = nearest_edge(edges, attempt);
  const Edge* learned = learned_whole(edges, attempt);
  const Edge* own = learned ? learned : nearest;
  if (own ? judge_denies(*own, attempt, without).has_value() : denied_to_all(edges, attempt, without) != nullptr)
    return "";
  const bool same_port = !nearest || (nearest->port == attempt.port && nearest->protocol == attempt.protocol);
  if (!same_port && !learned) return "";  // a permission would be for the port that is declared
  const bool one_of_several = learned && has_other_ports(edges, *learned);
  if (attempt.protocol == Protocol::tcp) return call_line(attempt, one_of_several, "");
  std::string permission = permission_line(attempt);
  return permission.empty() ? "" : call_line(attempt, one_of_several, permission);
}

bool is_allowed(const Decision& decision) { return decision.allowed() && !decision.audited; }

// What it is at the port that `nearest` is for.
Decision judge_at_port_of(const Edge& nearest, std::span<const Edge> edges, Attempt attempt) {
  attempt.port = nearest.port;
  return judge(edges, attempt);
}

// All the ports of the callee that the caller may, and this one.
std::string missing_port(std::span<const Edge> edges, const Attempt& attempt, const Edge& nearest) {
  const bool other_port = nearest.port != attempt.port && nearest.protocol == attempt.protocol;
  if (nearest.kind != Edge::Kind::call || !other_port) return "";
  std::set<std::uint16_t> ports{attempt.port.number};
  for (const Edge& edge : edges)
    if (edge.is_declared() && edge.from == nearest.from && edge.to == nearest.to) ports.insert(edge.port.number);
  return ports_line(ports);
}

// The nearest edge, where that is for another port.
const Edge* of_another_port(std::span<const Edge> edges, const Attempt& attempt) {
  const Edge* nearest = learned_whole(edges, attempt) == nullptr ? nearest_edge(edges, attempt) : nullptr;
  return nearest != nullptr && nearest->port != attempt.port ? nearest : nullptr;
}

// `refused` is what judge() gave for the same.
Remedy remedy_for(std::span<const Edge> edges, const Attempt& attempt, const Decision& refused) {
  if (refused.verdict == Verdict::unknown) return {};
  if (refused.deny != nullptr) {
    // One line, or none: what is not allowed besides would need another.
    const std::string_view without = refused.deny->id;
    const bool alone = is_allowed(judge(edges, attempt, {&without, 1}));
    return {alone ? narrowed_line(*refused.deny, attempt) : "", &refused.deny->position};
  }
  if (refused.by_condition) {
    const manifest::When* when = refused.edge->when ? &*refused.edge->when : nullptr;
    return {when ? widened_line(*when, attempt) : "", when ? &when->position : nullptr};
  }
  if (const Edge* nearest = of_another_port(edges, attempt)) {
    const bool alone = is_allowed(judge_at_port_of(*nearest, edges, attempt));
    return {alone ? missing_port(edges, attempt, *nearest) : "", &nearest->position};
  }
  return {missing_rule(edges, attempt), nullptr};
}

std::string with_place(const std::string& line, const Position* instead, const Attempt& attempt) {
  return fmt::format("{}: {}", instead ? "at " + at(*instead) : fmt::format("under {}", spoken(attempt.caller)), line);
}

// Where no one line would do: all of them, each with its place. Empty where there is something that no line is for.
std::vector<std::string> lines_together(std::span<const Edge> edges, const Attempt& attempt) {
  constexpr std::size_t kMost = 8;
  std::vector<std::string> lines;
  std::vector<std::string_view> narrowed;
  const auto add = [&](const std::string& line, const Position* instead) {
    if (!line.empty()) lines.push_back(with_place(line, instead, attempt));
    return !line.empty();
  };
  while (lines.size() < kMost) {
    const Decision refused = judge(edges, attempt, narrowed);
    if (is_allowed(refused)) return lines;
    if (refused.verdict == Verdict::unknown) return {};
    const Edge* other_port = refused.deny || refused.by_condition ? nullptr : of_another_port(edges, attempt);
    const bool has_edge = nearest_edge(edges, attempt) || learned_whole(edges, attempt);
    const Deny* deny = refused.deny ? refused.deny : has_edge ? nullptr : denied_to_all(edges, attempt, narrowed);
    if (deny) {
      if (!add(narrowed_line(*deny, attempt), &deny->position)) return {};
      narrowed.push_back(deny->id);
    } else if (other_port) {
      const Decision there = judge_at_port_of(*other_port, edges, attempt);
      const manifest::When* when = there.by_condition && other_port->when ? &*other_port->when : nullptr;
      const bool all = when && !denied_to_all(edges, attempt) &&
                       add(missing_port(edges, attempt, *other_port), &other_port->position) &&
                       add(widened_line(*when, attempt), &when->position);
      return all ? lines : std::vector<std::string>();
    } else {
      const Remedy last = refused.by_condition ? remedy_for(edges, attempt, refused)
                                               : Remedy{missing_rule(edges, attempt, narrowed), nullptr};
      return add(last.line, last.instead) ? lines : std::vector<std::string>();
    }
  }
  return {};
}

}  // namespace

std::string between_quotes(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '$') quoted += '$';
    quoted += c;
  }
  return quoted;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::allowed: return "allowed";
    case Verdict::denied: return "denied";
    case Verdict::unknown: return "unknown";
  }
  return "denied";
}

std::string_view Decision::rule() const {
  return deny ? deny->id : permission ? permission->id : edge ? edge->id : std::string_view();
}

const Position* Decision::position() const {
  return deny ? &deny->position : permission ? &permission->position : edge ? &edge->position : nullptr;
}

Decision decide(std::span<const Edge> edges, const Attempt& attempt) {
  Decision decision = judge(edges, attempt);
  if (decision.allowed() && decision.enforced()) return decision;
  decision.remedy = remedy_for(edges, attempt, decision);
  const auto& [line, instead] = decision.remedy;
  const std::vector<std::string> lines =
      line.empty() ? lines_together(edges, attempt) : std::vector{with_place(line, instead, attempt)};
  if (!lines.empty()) decision.reason += fmt::format("; to allow it, write {}", fmt::join(lines, ", and "));
  return decision;
}

bool is_added(std::string_view line) { return line.starts_with("calls: ") || line.starts_with("egress: "); }

}  // namespace bulkhead::policy
