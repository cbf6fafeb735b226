#include "collect/why_cause.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "collect/why_denial.hpp"
#include "collect/why_patterns.hpp"

namespace bulkhead::collect {

namespace {

using Node = SpanTree::Node;
using Cause = Why::Cause;

constexpr std::int64_t kLong = 1'000'000;  // of any request
constexpr double kSureEnough = 0.5;        // that a request which went well tried what nobody declared

// Names of proxy::RefusalCause; {0} is the caller, {1} the callee.
struct Words {
  std::string_view cause, what, text;
};
constexpr Words kWords[] = {
    {"overloaded", "shed",
     "{1} had too much to do: its queue was full (`concurrency` of {1}), and this request was shed"},
    {"hold_full", "shed", "too many requests were waiting for an instance of {1} already, and this one was shed"},
    {"circuit_open", "breaker_open", "{0}'s breaker for {1} was open, and nothing is sent for a while"},
    {"contract", "contract", "what {0} sent is not what the contract of {1} describes"},
    {"unauthenticated", "user_token", "the user's token was missing or not accepted"},
    {"no_ready_instance", "", "no instance of {1} was ready"},
    {"unreachable", "", "nothing could be sent to {1}: no instance took the connection"},
    {"draining", "", "the instance of {1} was about to stop"},
    {"no_identity", "", "the sidecar of {0} had no valid certificate"},
    {"broken_off", "", "{1} ended the connection in the middle"},
    {"bad_answer", "", "{1} broke the protocol in its answer"},
    {"name_not_resolved", "", "the address of {1} could not be found"},
    {"outside_tls", "", "{1} did not prove that it is who it should be"},
    {"prohibited_address", "", "the name of {1} leads to an address inside"},
    {"fault_injected", "", "the manifest asks for this failure (`faults` of the call from {0} to {1})"},
    {"keys_missing", "", "the keys of those who vouch for users could not be fetched"},
    {"limited", "", "there were more requests than `limit` lets through"},
    {"no_route", "", "no route of the gateway is for this path"},
    {"request_too_large", "", "the request was larger than `max_request`"},
    {"answer_too_large", "", "the answer of {1} was larger than `max_answer`"},
    {"user_refused", "", "{1} did not believe what says for whom the request is"},
};

// Where the failure began: down the failed calls, of several the one that ended last.
const Node& first_failure(const Node& root) {
  const Node* node = &root;
  while (true) {
    const Node* next = nullptr;
    for (const Node* child : node->children) {
      if (failed(*child->span) && (next == nullptr || child->end_us() >= next->end_us())) next = child;
    }
    if (next == nullptr) return *node;
    node = next;
  }
}

// Down to where more of the time is its own than any child's.
const Node& where_time_went(const Node& root) {
  const Node* node = &root;
  while (!node->children.empty()) {
    const Node& longest =
        **std::ranges::max_element(node->children, {}, [](const Node* child) { return child->span->duration_us; });
    if (longest.span->duration_us <= SpanTree::own_time(*node)) break;
    node = &longest;
  }
  return *node;
}

Cause cause_at(std::string what, std::string service, std::string text, const SpanRecord& span) {
  return {.what = std::move(what),
          .service = std::move(service),
          .text = std::move(text),
          .span = span.id,
          .rule = span.rule,
          .rule_at = {},
          .trace = {},
          .next = {}};
}

Cause slow(const Node& root, const Node& node) {
  const SpanRecord& span = *node.span;
  const std::int64_t own = SpanTree::own_time(node);
  const bool waiting = span.hop != "inner" && span.hop != "program";
  const std::string service = waiting ? span.callee : span.service;
  const bool first = service == root.span->callee || service == root.span->service;
  const std::string whole = duration_text(root.span->duration_us);
  if (2 * span.injected_us >= own && span.injected_us > 0)
    return cause_at("fault_injected", service,
                    fmt::format("{} of {} are a delay that the manifest asks for (`faults` of the call from {} to {})",
                                duration_text(span.injected_us), whole, caller_of(span), service),
                    span);
  if (2 * span.queued_us >= own && span.queued_us > 0)
    return cause_at("queued", service,
                    fmt::format("{} of {} this request waited in the queue of {} (`concurrency` of {}), as it had too "
                                "much to do, before {}",
                                duration_text(span.queued_us), whole, service, service, action_text(span)),
                    span);
  std::string text;
  if (span.hop == "program") {
    text = fmt::format("{} of {} went into {} of {}", duration_text(own), whole, span.name, service);
  } else if (waiting) {
    text = fmt::format("{} waited {} of {} for {}: {}", caller_of(span), duration_text(own), whole, service,
                       action_text(span));
  } else {
    text = fmt::format("{} itself took {} of {}, for {}", service, duration_text(own), whole, action_text(span));
    if (span.queued_us > 0 && 10 * span.queued_us >= own)
      text += fmt::format("; {} of it were in the queue (`concurrency` of {})", duration_text(span.queued_us), service);
    if (!node.children.empty()) text += fmt::format("; its own calls took {}", duration_text(span.duration_us - own));
  }
  return cause_at(first ? "slow_service" : "slow_dependency", service, text, span);
}

std::optional<Cause> clock_skew(const SpanTree& tree) {
  for (const Node* node : tree.in_order()) {
    const SpanRecord& span = *node->span;
    if (span.skew_us == 0) continue;
    const bool program = span.hop == "program";
    const std::string whose = program ? fmt::format("the clock of {}'s program", span.service)
                                      : fmt::format("the clock of {}'s sidecar", span.service);
    const std::string ahead =
        fmt::format("{} {}", duration_text(std::abs(span.skew_us)), span.skew_us > 0 ? "ahead of" : "behind");
    return cause_at("clock_skew", span.service,
                    fmt::format("{} is {} its {}'s, by what it told of {}: this is shown where it must have been, "
                                "within the call that caused it",
                                whose, ahead, program ? "sidecar" : "caller", action_text(span)),
                    span);
  }
  return std::nullopt;
}

// The last error that the service wrote meanwhile.
std::string last_words(const Evidence& evidence, const Node& node, const std::string& service) {
  const LogRecord* last = nullptr;
  for (const LogRecord& log : evidence.logs) {
    const bool meanwhile = log.at_us >= node.span->start_us && log.at_us <= node.end_us();
    if (log.service == service && meanwhile && (log.severity == "error" || log.severity == "fatal")) last = &log;
  }
  return last == nullptr ? "" : fmt::format(". It wrote: {}", last->text);
}

void add_opening(const OpeningRecord& opening, const SpanRecord& span, Cause& cause) {
  cause.text += fmt::format(". The last request before, {} earlier, was {}: trace {}",
                            duration_text(std::max<std::int64_t>(0, span.start_us - opening.at_us)), opening.outcome,
                            opening.trace);
  cause.trace = opening.trace;
}

Cause timed_out(const Node& root, const Node& node) {
  const SpanRecord& span = *node.span;
  const bool own_queue = span.hop == "inner" && 2 * span.queued_us >= span.duration_us && span.queued_us > 0;
  std::string text = fmt::format("{} gave {} no answer within {}, and the call was ended", span.callee, caller_of(span),
                                 duration_text(span.duration_us));
  if (own_queue) text += fmt::format(", still in the queue of {} (`concurrency`)", span.callee);
  const Node& slowest = where_time_went(node);
  if (slowest.span != &span) text += ". " + slow(root, slowest).text;
  return cause_at(own_queue ? "queued" : "slow_dependency", span.callee, text, span);
}

Cause failure(const Evidence& evidence, const Node& root, const Node& node) {
  const SpanRecord& span = *node.span;
  if (span.hop == "program")
    return cause_at("program_error", span.service,
                    fmt::format("{} failed in {}", span.name, span.service) + last_words(evidence, node, span.service),
                    span);
  if (span.cause == "timed_out") return timed_out(root, node);
  for (const Words& words : kWords) {
    if (words.cause != span.cause) continue;
    Cause cause = cause_at(std::string(words.what.empty() ? words.cause : words.what), span.callee,
                           fmt::format(fmt::runtime(words.text), caller_of(span), span.callee), span);
    std::string_view detail = span.detail;
    constexpr std::string_view kContract = "the contract: ";
    if (detail.starts_with(kContract)) detail.remove_prefix(kContract.size());
    if (!detail.empty()) cause.text += fmt::format(": {}", detail);
    if (cause.what == "breaker_open" && evidence.opening) add_opening(*evidence.opening, span, cause);
    if (cause.what == "user_token" && detail.find("expired") != std::string_view::npos) {
      cause.what = "user_token_expired";
      cause.text = fmt::format("the user's token had expired: {}", detail);
    }
    return cause;
  }
  if (!span.cause.empty())
    return cause_at(span.cause, span.callee,
                    fmt::format("{} to {} was refused: {}", action_text(span), span.callee, span.cause), span);
  return cause_at("program_error", span.callee,
                  fmt::format("{} answered {} with {}", span.callee, action_text(span), outcome_text(span)) +
                      last_words(evidence, node, span.callee) + earlier_attempts(evidence, span),
                  span);
}

// Of several tries the one that was served when it was attempted.
const SpanRecord* serving(const SpanTree& tree, const DenialRecord& attempt, const SpanRecord* otherwise) {
  for (const Node* node : tree.in_order()) {
    const SpanRecord& span = *node->span;
    if (span.hop == "inner" && span.callee == attempt.subject && span.start_us <= attempt.at_us &&
        attempt.at_us <= node->end_us())
      return &span;
  }
  return otherwise;
}

std::optional<Cause> cause_of_failure(const Evidence& evidence, const SpanTree& tree) {
  const Node& root = *tree.root();
  const Node& node = first_failure(root);
  const SpanRecord& span = *node.span;
  const DenialRecord* denial = denial_of(evidence, span);
  if (denial != nullptr && (span.cause == "denied" || span.cause == "unauthenticated" || span.cause == "user_refused"))
    return of_denial(evidence, *denial, span.id);
  if (span.cause.empty()) {  // a program that may not dial fails of it without a span
    if (const DenialRecord* attempt = attempt_of(evidence, span))
      return of_denial(evidence, *attempt, serving(tree, *attempt, &span)->id);
  }
  // What was refused before it reached a program is neither its fault nor a try of it.
  const bool reached = span.cause.empty() || span.cause == "broken_off" || span.cause == "bad_answer" ||
                       span.cause == "timed_out" || span.cause == "unreachable";
  if (reached) {
    if (auto storm = retry_storm(tree)) return storm;
    if (auto bad = bad_instance(evidence, span)) return bad;
  }
  return failure(evidence, root, node);
}

std::optional<Cause> cause_of_slowness(const Evidence& evidence, const SpanTree& tree) {
  const Node& root = *tree.root();
  if (auto storm = retry_storm(tree)) return storm;
  const Node* waiting = &root;
  for (const Node* node : tree.in_order()) {
    if (auto many = many_calls(*node)) return many;
    if (node->span->hop != "inner" && node->span->hop != "program" &&
        2 * node->span->duration_us >= root.span->duration_us)
      waiting = node;
  }
  const Node& node = where_time_went(root);
  if (2 * std::max(node.span->injected_us, node.span->queued_us) < node.span->duration_us)
    if (auto bad = bad_instance(evidence, *waiting->span)) return bad;
  return slow(root, node);
}

std::optional<Cause> most_telling(const Evidence& evidence, const SpanTree& tree) {
  const SpanRecord& root = *tree.root()->span;
  if (failed(root)) return cause_of_failure(evidence, tree);
  if (root.duration_us >= kLong || is_unusual(evidence, root)) return cause_of_slowness(evidence, tree);
  // The program went on without what it was refused.
  for (const DenialRecord& denial : evidence.denials)
    if (was_refused(denial) && denial.confidence.value_or(1) >= kSureEnough) return of_denial(evidence, denial, "");
  return clock_skew(tree);
}

// The call's own rule, or that of the one that led to it.
void add_rule(const Evidence& evidence, const SpanTree& tree, Cause& cause) {
  const auto span_with = [&](const std::string& id) -> const SpanRecord* {
    for (const Node* node : tree.in_order())
      if (node->span->id == id) return node->span;
    return nullptr;
  };
  const SpanRecord* span = cause.span.empty() ? nullptr : span_with(cause.span);
  if (span != nullptr && cause.rule.empty()) {
    const SpanRecord* above = span_with(span->parent);
    const auto only = evidence.calls.find({caller_of(*span), span->callee});
    if (above != nullptr && !above->rule.empty() && above->callee == span->callee) {
      cause.rule = above->rule;
    } else if (only != evidence.calls.end()) {
      cause.rule = only->second;
    }
  }
  const auto found = evidence.rules.find(cause.rule);
  if (cause.rule_at.empty() && found != evidence.rules.end()) cause.rule_at = found->second;
}

}  // namespace

std::optional<Why::Cause> cause_without_spans(const Evidence& evidence) {
  const auto denial = std::ranges::find_if(evidence.denials, was_refused);
  if (denial == evidence.denials.end()) return std::nullopt;
  return of_denial(evidence, *denial, "");
}

std::optional<Why::Cause> find_cause(const Evidence& evidence, const SpanTree& tree) {
  auto cause = most_telling(evidence, tree);
  if (cause && cause->what != "undeclared_call") add_rule(evidence, tree, *cause);
  return cause;
}

}  // namespace bulkhead::collect
