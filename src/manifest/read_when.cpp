#include <algorithm>
#include <array>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

void read_when(Context& context, const Fields& fields, std::optional<When>& into, ResilienceDraft& draft) {
  auto text = fields.text("when");
  if (!text) return;
  draft.of_requests.push_back({"when", fields.mark("when")});
  auto condition = compile_when(text->value);
  if (condition) {
    into.emplace(When{text->value, context.report.position(text->mark), std::move(*condition)});
    return;
  }
  // Where the text is written over several lines, its beginning has to do.
  const conditions::Mistake& mistake = condition.error();
  const std::string_view before = std::string_view(text->value).substr(0, mistake.offset);
  const bool one_line = text->value.find('\n') == std::string::npos;
  context.report
      .add(one_line ? after(text->mark, before) : text->mark, "condition",
           fmt::format("{} is no condition: {}", fields.what("when"), mistake.message))
      .help.push_back("conditions are in the Common Expression Language: when: 'request.path.startsWith(\"/v2/\")'");
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
