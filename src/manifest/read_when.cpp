#include <algorithm>
#include <array>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

void refuse_condition(Context& context, const Text& text, const std::string& what, std::size_t offset,
                      std::string_view why) {
  // Where the text is written over several lines, its beginning has to do.
  const std::string_view before = std::string_view(text.value).substr(0, offset);
  const bool one_line = text.value.find('\n') == std::string::npos;
  context.report
      .add(one_line ? after(text.mark, before) : text.mark, "condition",
           fmt::format("{} is no condition: {}", what, why))
      .help.push_back("conditions are in the Common Expression Language: when: 'request.path.startsWith(\"/v2/\")'");
}

// The condition that `text` is with its roles put in; nothing, reported, where it is none.
std::optional<When> condition_of(Context& context, const Text& text, const std::string& what, const Roles& roles) {
  const auto expanded = expand_roles(text.value, roles);
  if (!expanded) {
    refuse_condition(context, text, what, expanded.error().offset, expanded.error().message);
    return std::nullopt;
  }
  auto condition = compile_when(expanded->text);
  if (condition) return When{expanded->text, context.report.position(text.mark), std::move(*condition)};
  refuse_condition(context, text, what, expanded->origin(condition.error().offset), condition.error().message);
  return std::nullopt;
}

}  // namespace

void read_when(Context& context, const Fields& fields, std::optional<When>& into, ResilienceDraft& draft) {
  auto text = fields.text("when");
  if (!text) return;
  draft.of_requests.push_back({"when", fields.mark("when")});
  into = condition_of(context, *text, fields.what("when"), context.roles);
}

void read_roles(Context& context, const Node& node) {
  constexpr std::string_view kAllowed = "{staff: 'user.claims.role == \"staff\"'}";
  if (node.kind != Node::Kind::map) return refuse_value(context, node, "'roles' of the manifest", "a map", kAllowed);
  Roles roles;
  for (const Entry& entry : node.entries) {
    if (!is_role_name(entry.key)) {
      Mistake& mistake =
          context.report.add(entry.mark, "bad-name", fmt::format("'{}' cannot be the name of a role", entry.key));
      mistake.allowed = "lower-case letters, digits and '_', a letter first, at most 63";
      continue;
    }
    const std::string what = fmt::format("the role '{}'", entry.key);
    const auto text = read_text(context, *entry.value, what);
    if (!text) continue;
    // Also where it is no condition, lest each that asks for it be one more mistake.
    const auto role = condition_of(context, *text, what, {});
    roles.emplace(entry.key, role ? text->value : "true");
  }
  context.roles = std::move(roles);
}

namespace {

void check_user_of(Context& context, const When& when) {
  constexpr std::array kOfUser{Asked::user_sub, Asked::user_provider, Asked::user_claims};
  const auto asks = [&](Asked slot) { return when.condition.reads(static_cast<conditions::Slot>(slot)); };
  if (std::ranges::none_of(kOfUser, asks)) return;
  context.report
      .add(context.report.mark(when.position), "condition",
           "the condition asks for the user, and nobody vouches for one")
      .help.emplace_back(
          "name who does in 'auth' of the manifest: auth: {customers: {issuer: ..., audience: ..., jwks: FILE}}");
}

}  // namespace

void check_users(Context& context, const Draft& draft) {
  if (!draft.application.auth.empty()) return;
  for (const ServiceDraft& each : draft.services)
    for (const CallDraft& call : each.calls)
      if (call.when) check_user_of(context, *call.when);
  for (const RouteDraft& each : draft.routes)
    if (each.route.when) check_user_of(context, *each.route.when);
  for (const DenyDraft& each : draft.denies)
    if (each.rule.when) check_user_of(context, *each.rule.when);
}

}  // namespace bulkhead::manifest
