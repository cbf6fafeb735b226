#include "collect/why_denial.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/nearest.hpp"
#include "collect/why_tree.hpp"
#include "policy/decide.hpp"

namespace bulkhead::collect {

namespace {

using Cause = Why::Cause;

bool is_declared(const Evidence& evidence, const std::string& name) {
  return std::ranges::find(evidence.declared, name) != evidence.declared.end();
}

// "checkout looked for the name acounts, which nobody declared. Did you mean accounts?"
std::string attempt_text(const Evidence& evidence, const DenialRecord& denial, const std::string& meant) {
  const bool is_service = is_declared(evidence, denial.object);
  std::string text = denial.kind == "name" ? fmt::format("{} looked for the name {}", denial.subject, denial.object)
                                           : fmt::format("{} dialled {}", denial.subject, denial.object);
  text += is_service ? fmt::format(", a service that it does not declare to call") : ", which nobody declared";
  if (!meant.empty()) text += fmt::format(". Did you mean {}?", meant);
  if (!denial.allow.empty() && meant.empty())
    text += fmt::format(". This would allow it, under {}: {}", denial.subject, denial.allow);
  return text + inference_text(denial);
}

}  // namespace

bool was_refused(const DenialRecord& denial) { return denial.verdict != "audited" && denial.verdict != "learned"; }

std::string inference_text(const DenialRecord& denial) {
  if (!denial.confidence) return "";
  if (*denial.confidence > 0) return fmt::format(" (joined by its time, {:.0f} % sure)", *denial.confidence * 100);
  return "";
}

const DenialRecord* denial_of(const Evidence& evidence, const SpanRecord& span) {
  for (const DenialRecord& denial : evidence.denials) {
    if (denial.kind == "request" && denial.object == span.callee && was_refused(denial)) return &denial;
  }
  return nullptr;
}

std::string earlier_attempts(const Evidence& evidence, const SpanRecord& span) {
  for (const DenialRecord& denial : evidence.denials) {
    if (denial.kind == "request" || denial.subject != span.callee || denial.confidence != 0) continue;
    return fmt::format(". {} earlier {}, which nobody declared; the same is written down once in ten seconds",
                       duration_text(std::max<std::int64_t>(0, span.start_us - denial.at_us)),
                       denial.kind == "name" ? fmt::format("it looked for the name {}", denial.object)
                                             : fmt::format("it dialled {}", denial.object));
  }
  return "";
}

const DenialRecord* attempt_of(const Evidence& evidence, const SpanRecord& span) {
  const DenialRecord* surest = nullptr;
  for (const DenialRecord& denial : evidence.denials) {
    if (denial.kind == "request" || denial.subject != span.callee || denial.confidence == 0) continue;
    if (surest == nullptr || denial.confidence.value_or(1) > surest->confidence.value_or(1)) surest = &denial;
  }
  return surest;
}

Cause of_denial(const Evidence& evidence, const DenialRecord& denial, const std::string& span) {
  const bool undeclared =
      denial.kind != "request" || denial.verdict == "unknown" || denial.rule.empty() || policy::is_added(denial.allow);
  Cause cause{.what = undeclared ? "undeclared_call" : "denied",
              .service = denial.subject,
              .text = {},
              .span = span,
              .rule = denial.rule,
              .rule_at = denial.rule_at,
              .trace = {},
              .next = {}};
  if (denial.reason.find("expired") != std::string::npos) {
    cause.what = "user_token_expired";
    cause.text = fmt::format("the user's token had expired: {}", denial.reason);
    return cause;
  }
  std::string meant =
      undeclared && !is_declared(evidence, denial.object) ? nearest(denial.object, evidence.declared) : "";
  if (denial.kind != "request") {
    cause.text = attempt_text(evidence, denial, meant);
    return cause;
  }
  const std::string subject = denial.subject.empty() ? "a stranger" : denial.subject;
  if (denial.reason.starts_with(subject + " may not call")) {  // policy's own sentence, with what would allow it
    cause.text = denial.reason;
    return cause;
  }
  const bool of_credential = denial.rule.ends_with(".auth");
  if (of_credential || denial.rule.ends_with(".from")) {
    if (of_credential) cause.what = "user_token";
    cause.text = fmt::format("{} did not let {} pass to {}: {}", subject, denial.action, denial.object, denial.reason);
    return cause;
  }
  cause.text = fmt::format("{} may not call {}: {}", subject, denial.object, denial.action);
  if (!denial.reason.empty()) cause.text += ". " + denial.reason;
  if (!meant.empty()) cause.text += fmt::format(". Did you mean {}?", meant);
  if (policy::is_added(denial.allow) && meant.empty())
    cause.text += fmt::format(". This would allow it: {}", denial.allow);
  return cause;
}

}  // namespace bulkhead::collect
