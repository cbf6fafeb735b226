#include "proxy/authorize.hpp"

#include <algorithm>

#include "http/target.hpp"

namespace bulkhead::proxy {

namespace {

// Where the caller is declared, which is where a rule would have to be added.
std::string place_of(const Hints& hints, std::string_view service) {
  const auto hint = std::ranges::find(hints.services, service, &ServiceHint::service);
  if (hint == hints.services.end() || hint->line == 0) return hints.manifest;
  return fmt::format("{}:{}", hint->file.empty() ? hints.manifest : hint->file, hint->line);
}

std::string owner_of(const Hints& hints, std::string_view service) {
  const auto hint = std::ranges::find(hints.services, service, &ServiceHint::service);
  return hint == hints.services.end() ? "" : hint->owner;
}

class FieldsView final : public conditions::MapView {
 public:
  std::size_t size(const void* map) const override { return of(map).size(); }

  // Two programs could read two values.
  std::optional<conditions::Value> find(const void* map, const conditions::Value& key) const override {
    const http::Fields& fields = of(map);
    const auto value = fields.find(key.as_text());
    if (!value) return std::nullopt;
    if (fields.only(key.as_text())) return conditions::Value::string(*value);
    return conditions::Value::failure({conditions::Reason::repeated_key});
  }

  conditions::MapEntry at(const void* map, std::size_t index) const override {
    const auto [name, value] = of(map)[index];
    return {conditions::Value::string(name), conditions::Value::string(value)};
  }

 private:
  static const http::Fields& of(const void* map) { return *static_cast<const http::Fields*>(map); }
};

}  // namespace

conditions::Value headers_of(const http::Fields& fields) {
  static const FieldsView view;
  return conditions::Value::map(view, &fields);
}

Refusal user_refusal(const Snapshot& snapshot, const Visit& visit, const jose::TokenFault& fault) {
  Refusal refusal;
  refusal.cause = RefusalCause::user_refused;
  refusal.caller = visit.caller;
  refusal.callee = visit.callee;
  refusal.method = visit.method;
  refusal.path = http::split_target(visit.path).path;
  refusal.reason = fmt::format("{} may not call {}:{} {} {}: the user's token ({}) is refused: {}", visit.caller,
                               visit.callee, visit.port, visit.method, refusal.path, kUserField, fault.message);
  refusal.where = place_of(snapshot.hints, visit.caller);
  refusal.owner = owner_of(snapshot.hints, visit.callee);
  return refusal;
}

Judgement judge(const Snapshot& snapshot, std::span<const policy::Edge> edges, const policy::Attempt& attempt) {
  policy::Decision decision = policy::decide(edges, attempt);
  Judgement judgement;
  judgement.allowed = decision.allowed() || decision.left_to_callee;
  judgement.left_to_callee = decision.left_to_callee;
  judgement.rule = decision.rule();
  judgement.verdict = decision.audited ? kAudited : decision.learned ? kLearned : policy::to_string(decision.verdict);
  judgement.by_condition = decision.by_condition || decision.deny != nullptr;
  if (judgement.allowed && decision.enforced()) return judgement;

  Refusal& refusal = judgement.refusal.emplace();
  refusal.cause = RefusalCause::denied;
  refusal.caller = attempt.caller;
  refusal.callee = attempt.callee;
  refusal.method = attempt.method;
  refusal.path = attempt.path;
  refusal.reason = std::move(decision.reason);
  refusal.rule = judgement.rule;
  refusal.allow = std::move(decision.remedy.line);
  refusal.where = place_of(snapshot.hints, attempt.caller);
  if (const policy::Position* at = decision.position()) refusal.rule_at = manifest::to_string(*at);
  if (const policy::Position* at = decision.remedy.instead) refusal.where = fmt::format("{}:{}", at->file, at->line);
  refusal.owner = owner_of(snapshot.hints, attempt.callee);
  if (attempt.path.empty()) return judgement;
  if (const auto target = http::check_target(attempt.path); !target) {
    refusal.cause = RefusalCause::ambiguous_path;
    refusal.reason = target.error().message;
    refusal.allow.clear();
  }
  return judgement;
}

}  // namespace bulkhead::proxy
