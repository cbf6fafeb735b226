#include "collect/why_patterns.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace bulkhead::collect {

namespace {

using Node = SpanTree::Node;
using Cause = Why::Cause;

constexpr std::uint64_t kTellingRequests = 5;  // requests of an instance
constexpr std::int64_t kTimesOthers = 5;       // slower than the other instances
constexpr std::uint64_t kStorm = 4;            // calls for what should be one
constexpr std::size_t kMany = 10;              // calls to one callee, one after the other

bool leads(const SpanRecord& span) { return span.hop == "outer" || span.hop == "gateway" || span.hop == "egress"; }

// What one caller asked of one callee within a trace.
struct Calls {
  std::uint64_t calls = 0, tries = 0, failures = 0, budget_spent = 0;
  const SpanRecord* last = nullptr;
  const SpanRecord* most = nullptr;  // that was tried most often
};

std::map<std::pair<std::string, std::string>, Calls> calls_of(const SpanTree& tree) {
  std::map<std::pair<std::string, std::string>, Calls> all;
  for (const Node* node : tree.in_order()) {
    const SpanRecord& span = *node->span;
    if (!leads(span)) continue;
    Calls& calls = all[{caller_of(span), span.callee}];
    ++calls.calls;
    calls.tries += span.attempts;
    calls.failures += failed(span) ? 1 : 0;
    calls.budget_spent += span.no_retry == "budget is spent" ? 1 : 0;
    if (calls.most == nullptr || span.attempts > calls.most->attempts) calls.most = &span;
    if (calls.last == nullptr || span.start_us >= calls.last->start_us) calls.last = &span;
  }
  return all;
}

Cause storm_cause(const SpanRecord& span, std::string text) {
  return {.what = "retry_storm",
          .service = span.callee,
          .text = std::move(text),
          .span = span.id,
          .rule = span.rule,
          .rule_at = {},
          .trace = {},
          .next = {}};
}

// The program asks again, and its sidecar tries each several times.
std::optional<Cause> storm_of_one_caller(const SpanTree& tree) {
  const Calls* worst = nullptr;
  const std::string* caller = nullptr;
  const auto all = calls_of(tree);
  for (const auto& [edge, calls] : all) {
    const bool storms = calls.tries >= kStorm && calls.tries > calls.calls && 2 * calls.failures >= calls.calls;
    if (!storms || (worst != nullptr && calls.tries <= worst->tries)) continue;
    worst = &calls;
    caller = &edge.first;
  }
  if (worst == nullptr) return std::nullopt;
  const SpanRecord& last = *worst->last;
  std::string text =
      worst->calls == 1
          ? fmt::format("{} tried {} {} times", *caller, last.callee, worst->tries)
          : fmt::format("{} called {} {} times for this request, and its sidecar tried again: {} tries in all", *caller,
                        last.callee, worst->calls, worst->tries);
  text += fmt::format(", {}, {} answered {}", action_text(last), worst->calls == 1 ? "at last" : "the last",
                      outcome_text(last));
  if (worst->budget_spent == 1) text += ". The retry budget was spent then";
  if (worst->budget_spent > 1) text += fmt::format(". The retry budget was spent {} times", worst->budget_spent);
  return storm_cause(*worst->most, text);
}

// Several hops try again, each for the one before it.
std::optional<Cause> storm_of_hops(const Node& from) {
  std::vector<const SpanRecord*> retrying;
  unsigned calls = 1;
  for (const Node* node = &from; node != nullptr;) {
    if (node->span->attempts > 1) {
      retrying.push_back(node->span);
      calls = std::min(10'000U, calls * std::min(node->span->attempts, 100U));
    }
    const Node* next = nullptr;
    for (const Node* child : node->children) {
      if (next == nullptr || child->span->attempts > next->span->attempts ||
          (child->span->attempts == next->span->attempts && failed(*child->span) && !failed(*next->span))) {
        next = child;
      }
    }
    node = next;
  }
  if (retrying.size() < 2 || calls < kStorm) return std::nullopt;
  std::string text;
  for (const SpanRecord* span : retrying) {
    text += fmt::format("{}{} tried {} {} times", text.empty() ? "" : ", and each time ", caller_of(*span),
                        span->callee, span->attempts);
  }
  const SpanRecord& last = *retrying.back();
  return storm_cause(last, text + fmt::format(": {} calls to {} for one request", calls, last.callee));
}

}  // namespace

std::optional<Cause> bad_instance(const Evidence& evidence, const SpanRecord& span) {
  const InstanceRecord* one = nullptr;
  std::uint64_t requests = 0, errors = 0;
  std::size_t others = 0;
  std::int64_t fastest_other = 0, newest_other = 0;
  for (const InstanceRecord& record : evidence.instances) {
    // What was refused before it reached any is nobody's. Others may ask for what does not fail.
    const bool same = record.service == span.callee && record.caller == caller_of(span) && record.method == span.method;
    if (!same || record.instance.empty()) continue;
    if (record.instance == span.instance) {
      one = &record;
      continue;
    }
    ++others;
    requests += record.requests;
    errors += record.errors;
    newest_other = std::max(newest_other, record.since_us);
    if (record.p50_us > 0) fastest_other = std::max(fastest_other, record.p50_us);
  }
  if (one == nullptr || one->requests < kTellingRequests || requests < kTellingRequests) return std::nullopt;
  const bool failing = failed(span) && 2 * one->errors >= one->requests && 20 * errors <= requests;
  const bool slow = !failed(span) && fastest_other > 0 && one->p50_us >= kTimesOthers * fastest_other;
  if (!failing && !slow) return std::nullopt;
  std::string text = fmt::format("of {}'s {} instances only {} ", span.callee, others + 1, one->instance);
  text += failing ? fmt::format("fails: {} of its {} requests around then did, of the others' {} requests {}",
                                one->errors, one->requests, requests, errors)
                  : fmt::format("is slow: {} mostly, the others in at most {}", duration_text(one->p50_us),
                                duration_text(fastest_other));
  if (newest_other > 0 && one->since_us > newest_other)
    text += fmt::format(". It is the newest of them, by {}", duration_text(one->since_us - newest_other));
  return Cause{.what = "bad_instance",
               .service = span.callee,
               .text = text,
               .span = span.id,
               .rule = {},
               .rule_at = {},
               .trace = {},
               .next = {}};
}

std::optional<Cause> retry_storm(const SpanTree& tree) {
  auto multiplied = storm_of_hops(*tree.root());
  return multiplied ? multiplied : storm_of_one_caller(tree);
}

std::optional<Cause> many_calls(const Node& node) {
  std::map<std::string, std::vector<const Node*>> by_callee;
  for (const Node* child : node.children) {
    if (child->span->hop == "outer" || child->span->hop == "egress") by_callee[child->span->callee].push_back(child);
  }
  for (const auto& [callee, calls] : by_callee) {
    std::size_t in_turn = 0;
    std::int64_t time = 0;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (i == 0 || calls[i]->span->start_us >= calls[i - 1]->end_us()) ++in_turn;
      time += calls[i]->span->duration_us;
    }
    if (in_turn < kMany || 2 * time < node.span->duration_us) continue;
    return Cause{.what = "many_calls",
                 .service = node.span->service,
                 .text = fmt::format("{} called {} {} times, one after the other: {} of {}", node.span->service, callee,
                                     calls.size(), duration_text(time), duration_text(node.span->duration_us)),
                 .span = node.span->id,
                 .rule = {},
                 .rule_at = {},
                 .trace = {},
                 .next = {}};
  }
  return std::nullopt;
}

}  // namespace bulkhead::collect
