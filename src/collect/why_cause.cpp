#include "collect/why_cause.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/nearest.hpp"

namespace bulkhead::collect {

namespace {

using Node = SpanTree::Node;
using Cause = Why::Cause;

constexpr std::int64_t kLong = 1'000'000;      // of a request of which nothing is known
constexpr std::int64_t kTimesUsual = 3;        // that are long
constexpr std::uint64_t kTellingRequests = 5;  // requests of an instance
constexpr std::int64_t kTimesOthers = 5;       // slower than the other instances
constexpr unsigned kStorm = 4;                 // calls for what should be one
constexpr std::size_t kMany = 10;              // calls to one callee, one after the other
constexpr std::int64_t kSkew = 5'000;          // less is within what two clocks of a host's processors differ

// Names of proxy::RefusalCause; {0} is the caller, {1} the callee.
struct Words {
  std::string_view cause, what, text;
};
constexpr Words kWords[] = {
    {"overloaded", "shed", "{1} had too much to do: its queue was full, and this request was shed"},
    {"hold_full", "shed", "too many requests were waiting for an instance of {1} already, and this one was shed"},
    {"circuit_open", "breaker_open",
     "{0}'s breaker for {1} was open: most of its last requests had failed, and none is sent for a while"},
    {"contract", "contract", "what {0} sent or {1} answered is not what the contract of {1} describes"},
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
};

std::string caller_of(const SpanRecord& span) {
  return !span.caller.empty() ? span.caller : span.hop == "gateway" ? "gateway" : span.service;
}

// Not only recorded, as by `mode: audit` and `learn`.
bool was_refused(const DenialRecord& denial) { return denial.verdict != "audited" && denial.verdict != "learned"; }

const DenialRecord* denial_of(const Evidence& evidence, const SpanRecord& span) {
  for (const DenialRecord& denial : evidence.denials) {
    if (denial.kind == "request" && denial.object == span.callee && was_refused(denial)) return &denial;
  }
  return nullptr;
}

Cause of_denial(const Evidence& evidence, const DenialRecord& denial, const std::string& span) {
  bool undeclared = denial.kind != "request" || denial.verdict == "unknown" || denial.rule.empty();
  Cause cause{.what = undeclared ? "undeclared_call" : "denied",
              .service = denial.subject,
              .text = {},
              .span = span,
              .rule = denial.rule,
              .rule_at = denial.rule_at};
  bool expired = denial.reason.find("expired") != std::string::npos;
  if (expired) {
    cause.what = "user_token_expired";
    cause.text = fmt::format("the user's token had expired: {}", denial.reason);
    return cause;
  }
  std::string subject = denial.subject.empty() ? "a stranger" : denial.subject;
  std::string meant = undeclared ? nearest(denial.object, evidence.declared) : "";
  if (std::ranges::find(evidence.declared, denial.object) != evidence.declared.end()) meant.clear();
  if (denial.kind == "request") {
    cause.text = fmt::format("{} may not call {}: {}", subject, denial.object, denial.action);
  } else {
    cause.text = fmt::format("{} tried {}, which nobody declared", subject, denial.object);
  }
  if (!denial.reason.empty() && denial.kind == "request") cause.text += ". " + denial.reason;
  if (!meant.empty()) cause.text += fmt::format(". Did you mean {}?", meant);
  if (!denial.allow.empty() && meant.empty()) cause.text += fmt::format(". This would allow it: {}", denial.allow);
  return cause;
}

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

// The instance that answered, if others of its service fare much better.
std::optional<Cause> bad_instance(const Evidence& evidence, const SpanRecord& span) {
  const InstanceRecord* one = nullptr;
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  std::int64_t fastest_other = 0;
  for (const InstanceRecord& record : evidence.instances) {
    if (record.service != span.callee) continue;
    if (record.instance == span.instance) {
      one = &record;
      continue;
    }
    requests += record.requests;
    errors += record.errors;
    if (record.p50_us > 0) fastest_other = std::max(fastest_other, record.p50_us);
  }
  if (one == nullptr || one->requests < kTellingRequests || requests < kTellingRequests) return std::nullopt;
  bool failing = failed(span) && 2 * one->errors >= one->requests && 20 * errors <= requests;
  bool slow = !failed(span) && fastest_other > 0 && one->p50_us >= kTimesOthers * fastest_other;
  if (!failing && !slow) return std::nullopt;
  std::string text =
      failing ? fmt::format("{} of the last {} requests to {} failed; of the other instances' {}, {} did", one->errors,
                            one->requests, one->instance, requests, errors)
              : fmt::format("{} answers in {} mostly, the other instances of {} in at most {}", one->instance,
                            duration_text(one->p50_us), span.callee, duration_text(fastest_other));
  return Cause{
      .what = "bad_instance", .service = span.callee, .text = text, .span = span.id, .rule = {}, .rule_at = {}};
}

// Tries multiply where several hops try again.
std::optional<Cause> retry_storm(const Node& from) {
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
  if (calls < kStorm) return std::nullopt;
  std::string text;
  for (const SpanRecord* span : retrying) {
    text += fmt::format("{}{} tried {} {} times", text.empty() ? "" : ", and each time ", caller_of(*span),
                        span->callee, span->attempts);
  }
  const SpanRecord& last = *retrying.back();
  if (retrying.size() > 1) text += fmt::format(": {} calls to {} for one request", calls, last.callee);
  return Cause{.what = "retry_storm", .service = last.callee, .text = text, .span = last.id, .rule = {}, .rule_at = {}};
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
                 .rule_at = {}};
  }
  return std::nullopt;
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

Cause slow(const Node& root, const Node& node) {
  const SpanRecord& span = *node.span;
  std::int64_t own = SpanTree::own_time(node);
  bool waiting = span.hop != "inner" && span.hop != "program";
  std::string service = waiting ? span.callee : span.service;
  bool first = service == root.span->callee || service == root.span->service;
  std::string text;
  if (span.hop == "program") {
    text = fmt::format("{} of {} went into {} of {}", duration_text(own), duration_text(root.span->duration_us),
                       span.name, service);
  } else if (waiting) {
    text = fmt::format("{} waited {} of {} for {}: {}", caller_of(span), duration_text(own),
                       duration_text(root.span->duration_us), service, action_text(span));
  } else {
    text = fmt::format("{} itself took {} of {}, for {}", service, duration_text(own),
                       duration_text(root.span->duration_us), action_text(span));
    if (!node.children.empty()) text += fmt::format("; its own calls took {}", duration_text(span.duration_us - own));
  }
  return {.what = first ? "slow_service" : "slow_dependency",
          .service = service,
          .text = text,
          .span = span.id,
          .rule = {},
          .rule_at = {}};
}

std::optional<Cause> clock_skew(const Node& root) {
  for (const Node* child : root.children) {
    std::int64_t early = root.span->start_us - child->span->start_us;
    if (early > kSkew && !child->span->confidence) {
      return Cause{.what = "clock_skew",
                   .service = child->span->service,
                   .text = fmt::format(
                       "{} began {} before {} called it: their clocks differ, and times between them mean little",
                       child->span->service, duration_text(early), root.span->service),
                   .span = child->span->id,
                   .rule = {},
                   .rule_at = {}};
    }
    if (auto below = clock_skew(*child)) return below;
  }
  return std::nullopt;
}

// The last error that the service wrote meanwhile.
std::string last_words(const Evidence& evidence, const Node& node, const std::string& service) {
  const LogRecord* last = nullptr;
  for (const LogRecord& log : evidence.logs) {
    bool meanwhile = log.at_us >= node.span->start_us && log.at_us <= node.end_us();
    if (log.service == service && meanwhile && (log.severity == "error" || log.severity == "fatal")) last = &log;
  }
  return last == nullptr ? "" : fmt::format(". It wrote: {}", last->text);
}

Cause failure(const Evidence& evidence, const Node& root, const Node& node) {
  const SpanRecord& span = *node.span;
  Cause cause{.what = span.cause, .service = span.callee, .text = {}, .span = span.id, .rule = {}, .rule_at = {}};
  if (span.hop == "program") {
    cause.what = "program_error";
    cause.service = span.service;
    cause.text = fmt::format("{} failed in {}", span.name, span.service) + last_words(evidence, node, span.service);
    return cause;
  }
  if (span.cause == "timed_out") {
    cause.what = "slow_dependency";
    cause.text = fmt::format("{} gave {} no answer within {}, and the call was ended", span.callee, caller_of(span),
                             duration_text(span.duration_us));
    const Node& slowest = where_time_went(node);
    if (slowest.span != &span) cause.text += ". " + slow(root, slowest).text;
    return cause;
  }
  for (const Words& words : kWords) {
    if (words.cause != span.cause) continue;
    if (!words.what.empty()) cause.what = words.what;
    cause.text = fmt::format(fmt::runtime(words.text), caller_of(span), span.callee);
    return cause;
  }
  if (!span.cause.empty()) {
    cause.text = fmt::format("{} to {} was refused: {}", action_text(span), span.callee, span.cause);
    return cause;
  }
  cause.what = "program_error";
  cause.text = fmt::format("{} answered {} with {}", span.callee, action_text(span), outcome_text(span)) +
               last_words(evidence, node, span.callee);
  return cause;
}

}  // namespace

std::optional<Why::Cause> cause_without_spans(const Evidence& evidence) {
  const auto denial = std::ranges::find_if(evidence.denials, was_refused);
  if (denial == evidence.denials.end()) return std::nullopt;
  return of_denial(evidence, *denial, "");
}

std::optional<Why::Cause> find_cause(const Evidence& evidence, const SpanTree& tree) {
  const Node& root = *tree.root();
  if (failed(*root.span)) {
    const Node& node = first_failure(root);
    const SpanRecord& span = *node.span;
    const DenialRecord* denial = denial_of(evidence, span);
    if (denial != nullptr && (span.cause == "denied" || span.cause == "unauthenticated"))
      return of_denial(evidence, *denial, span.id);
    for (const DenialRecord& attempt : evidence.denials) {  // a program that may not dial fails of it without a span
      if (span.cause.empty() && attempt.kind != "request" && attempt.subject == span.callee)
        return of_denial(evidence, attempt, span.id);
    }
    if (auto storm = retry_storm(root)) return storm;
    if (auto bad = bad_instance(evidence, span)) return bad;
    return failure(evidence, root, node);
  }
  std::int64_t most = evidence.usual_us > 0 ? kTimesUsual * evidence.usual_us : kLong;
  if (root.span->duration_us >= most) {
    if (auto storm = retry_storm(root)) return storm;
    const Node* waiting = &root;
    for (const Node* node : tree.in_order()) {
      if (auto many = many_calls(*node)) return many;
      if (node->span->hop != "inner" && node->span->hop != "program" &&
          2 * node->span->duration_us >= root.span->duration_us)
        waiting = node;
    }
    if (auto bad = bad_instance(evidence, *waiting->span)) return bad;
    return slow(root, where_time_went(root));
  }
  // The program went on without what it was refused.
  for (const DenialRecord& denial : evidence.denials)
    if (was_refused(denial)) return of_denial(evidence, denial, "");
  return clock_skew(root);
}

}  // namespace bulkhead::collect
