#include "collect/why.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "collect/why_cause.hpp"
#include "collect/why_denial.hpp"
#include "collect/why_next.hpp"
#include "collect/why_tree.hpp"

namespace bulkhead::collect {

namespace {

constexpr std::size_t kMostSteps = 1'000;

std::string skew_words(const SpanRecord& span) {
  if (span.skew_us == 0) return "";
  return fmt::format(" (moved: its clock is {} {})", duration_text(std::abs(span.skew_us)),
                     span.skew_us > 0 ? "ahead" : "behind");
}

std::string span_words(const SpanRecord& span) {
  std::string text;
  if (span.hop == "program") {
    text = fmt::format("{}: {}", span.service, span.name);
    if (span.error) text += ", which failed";
    return text + skew_words(span);
  }
  if (span.hop == "gateway") {
    text = fmt::format("gateway: {} to {}", action_text(span), span.callee);
  } else if (span.hop == "inner") {
    text = fmt::format("{} handles {}", span.service, action_text(span));
  } else {
    text = fmt::format("{} calls {}: {}", span.service, span.callee, action_text(span));
  }
  if (span.hop == "egress") text += ", outside";
  if (!span.user.empty() && span.hop == "gateway") text += ", for " + span.user;
  if (failed(span)) text += ": " + outcome_text(span);
  if (span.attempts > 1) text += fmt::format(", after {} tries", span.attempts);
  if (!span.no_retry.empty() && span.attempts > 1) text += fmt::format(" ({})", span.no_retry);
  if (span.queued_us > 0) text += fmt::format(", {} of it in the queue", duration_text(span.queued_us));
  if (span.injected_us > 0) text += fmt::format(", {} of it as the manifest asks", duration_text(span.injected_us));
  if (!span.fell_back.empty()) text += ", answered by the fallback";
  if (span.confidence) text += fmt::format(" (joined by its times, {:.0f} % sure)", *span.confidence * 100);
  return text + skew_words(span);
}

std::string denial_words(const DenialRecord& denial) {
  std::string_view did = denial.kind == "name" ? "asked for the name" : denial.kind == "dial" ? "dialled" : "asked";
  std::string text =
      fmt::format("{} {} {}", denial.subject.empty() ? "a stranger" : denial.subject, did, denial.object);
  if (denial.kind == "request") text += ": " + denial.action;
  return text + (denial.verdict == "audited" ? ", which would be denied" : ", which is denied") +
         inference_text(denial);
}

std::string summarize(const Evidence& evidence, const SpanRecord& root) {
  std::string text = fmt::format("{} took {}", action_text(root), duration_text(root.duration_us));
  if (is_unusual(evidence, root)) text += fmt::format(" (usually {})", duration_text(evidence.usual_us));
  if (root.hop == "program") return text + (root.error ? " and failed." : ".");
  if (root.status == 0 && root.grpc_status < 0) return text + " and was not answered.";
  if (root.grpc_status > 0) return text + fmt::format(" and was answered with gRPC status {}.", root.grpc_status);
  return text + fmt::format(" and was answered {}.", root.status);
}

bool is_error(const LogRecord& log) {
  return log.severity == "error" || log.severity == "fatal" || log.severity == "critical";
}

// What is no span stands where its time is, among the steps of the first level.
void add_others(const Evidence& evidence, std::int64_t start_us, std::vector<Why::Step>& steps) {
  std::vector<Why::Step> others;
  for (const DenialRecord& denial : evidence.denials)
    if (denial.confidence != 0) others.push_back({denial.at_us - start_us, 0, 1, "", denial_words(denial)});
  for (const LogRecord& log : evidence.logs) {
    if (is_error(log))
      others.push_back({log.at_us - start_us, 0, 1, "", fmt::format("{} writes: {}", log.service, log.text)});
  }
  std::ranges::sort(others, {}, &Why::Step::at_us);
  for (Why::Step& other : others) {
    auto at =
        std::ranges::find_if(steps, [&](const Why::Step& step) { return step.depth <= 1 && step.at_us > other.at_us; });
    steps.insert(at, std::move(other));
  }
}

}  // namespace

Why explain(const Evidence& evidence) {
  Why why;
  SpanTree tree(evidence.spans);
  if (tree.root() == nullptr) {
    why.summary = "No hop recorded this request.";
    why.cause = cause_without_spans(evidence);
    if (why.cause) why.cause->next = next_step(*why.cause, evidence.trace);
    add_others(evidence, evidence.denials.empty() ? 0 : evidence.denials.front().at_us, why.steps);
    return why;
  }
  const SpanRecord& root = *tree.root()->span;
  why.summary = summarize(evidence, root);
  // Its sidecar names a span above it that is not there: not read yet, or lost.
  if (!root.parent.empty() && (root.hop == "inner" || root.hop == "outer"))
    why.summary += " What asked for it is not recorded, or not yet.";
  why.cause = find_cause(evidence, tree);
  if (why.cause) why.cause->next = next_step(*why.cause, evidence.trace);
  for (const SpanTree::Node* node : tree.in_order()) {
    if (why.steps.size() >= kMostSteps) break;
    const SpanRecord& span = *node->span;
    why.steps.push_back({span.start_us - root.start_us, span.duration_us, node->depth, span.id, span_words(span)});
  }
  add_others(evidence, root.start_us, why.steps);
  if (why.steps.size() > kMostSteps) why.steps.resize(kMostSteps);
  return why;
}

}  // namespace bulkhead::collect
