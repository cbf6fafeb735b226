// How a call or a route behaves when things break: what is said by numbers. read_detours.cpp reads where else requests
// go.

#include <algorithm>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr Duration kShortest{1};
constexpr std::uint32_t kMostTries = 10;
constexpr std::uint32_t kMostRequests = 1'000'000;
constexpr std::string_view kRetriesAllowed = "2, off, {max: 2, per_try: 500ms}";
constexpr std::string_view kStatusesAllowed = "429, 500 to 599";

void read_statuses(Context& context, const Fields& fields, Retries& retries) {
  const Node* node = fields.find("on");
  if (!node) return;
  for (const Text& text : read_texts(context, *node, fields.what("on"), kStatusesAllowed)) {
    auto status = whole_number(text.value);
    if (!status || (*status != 429 && (*status < 500 || *status > 599))) {
      Mistake& mistake =
          context.report.add(text.mark, "bad-value", fields.what("on") + " must be statuses that another try may mend");
      mistake.found = fmt::format("'{}'", text.value);
      mistake.allowed = kStatusesAllowed;
      mistake.help.emplace_back("502, 503, 504 and an answer that breaks off count as failed already");
      continue;
    }
    auto wanted = static_cast<std::uint16_t>(*status);
    if (std::ranges::find(retries.on, wanted) == retries.on.end()) retries.on.push_back(wanted);
  }
}

class ResilienceReader {
 public:
  ResilienceReader(Context& context, const Fields& fields, ResilienceDraft& draft)
      : context_(context), fields_(fields), draft_(draft), value_(draft.value) {}

  void run() {
    fields_.read_duration_into("timeout", kShortest, hours(24), value_.timeout);
    read_retries();
    read_breaker();
    read_outliers();
    fields_.read_duration_into("slow_start", Duration(0), hours(1), value_.slow_start);
    for (std::string_view key : {"timeout", "retries", "breaker", "outliers", "fallback", "faults", "split"})
      if (fields_.find(key)) draft_.of_requests.push_back({std::string(key), fields_.mark(key)});
  }

 private:
  std::string inside(std::string_view key) const { return fmt::format("'{}' of {}", key, draft_.owner); }

  // The word that stands there instead of a map; "" where it is no word.
  std::string word(const Node& node, std::string_view key) {
    if (node.kind != Node::Kind::scalar) return "";
    auto text = read_text(context_, node, fields_.what(key));
    return text ? text->value : "";
  }

  void read_retries() {
    const Node* node = fields_.find("retries");
    if (!node) return;
    if (node->kind == Node::Kind::map) return read_retries_map(*node);
    std::string text = word(*node, "retries");
    auto number = text == "off" ? std::optional<std::uint32_t>(0) : whole_number(text);
    if (number && *number <= kMostTries)
      value_.retries.max = *number;
    else
      refuse_value(context_, *node, fields_.what("retries"),
                   fmt::format("a number from 0 to {}, off or a map", kMostTries), kRetriesAllowed);
  }

  void read_retries_map(const Node& node) {
    Fields fields(context_, node, Section::retries, inside("retries"));
    Retries& retries = value_.retries;
    fields.read_number_into("max", 0, kMostTries, retries.max);
    read_statuses(context_, fields, retries);
    fields.read_bool_into("unsafe", retries.unsafe);
    fields.read_duration_into("per_try", kShortest, hours(24), retries.per_try);
    fields.read_duration_into("backoff", Duration(0), minutes(1), retries.backoff);
    retries.most_backoff = std::max(retries.most_backoff, retries.backoff);
    fields.read_duration_into("most_backoff", Duration(0), minutes(1), retries.most_backoff);
    fields.read_share_into("budget", retries.budget);
    if (retries.most_backoff < retries.backoff) {
      context_.report.add(
          fields.mark("most_backoff"), "resilience",
          fmt::format("{} is below its 'backoff' of {}", fields.what("most_backoff"), to_string(retries.backoff)));
    }
    bool both = fields.find("per_try") && fields_.find("timeout") && value_.timeout > Duration(0);
    if (both && retries.per_try >= value_.timeout) {
      context_.report
          .add(fields.mark("per_try"), "resilience",
               fmt::format("{} must be below its 'timeout' of {}", fields.what("per_try"), to_string(value_.timeout)))
          .help.emplace_back("'timeout' is for all tries together: nothing of it would be left for a second one");
    }
  }

  void read_breaker() {
    const Node* node = fields_.find("breaker");
    if (!node) return;
    if (node->kind == Node::Kind::map) return read_breaker_map(*node);
    std::string text = word(*node, "breaker");
    if (text == "on")
      value_.breaker.emplace();
    else if (text != "off")
      refuse_value(context_, *node, fields_.what("breaker"), "on, off or a map", "on, off, {errors: 50%, open: 5s}");
  }

  void read_breaker_map(const Node& node) {
    Fields fields(context_, node, Section::breaker, inside("breaker"));
    Breaker& breaker = value_.breaker.emplace();
    fields.read_share_into("errors", breaker.errors);
    fields.read_number_into("requests", 1, kMostRequests, breaker.requests);
    fields.read_duration_into("over", Duration(100), minutes(10), breaker.over);
    fields.read_duration_into("open", Duration(100), minutes(10), breaker.open);
  }

  void read_outliers() {
    const Node* node = fields_.find("outliers");
    if (!node) return;
    if (node->kind == Node::Kind::map) return read_outliers_map(*node);
    if (word(*node, "outliers") == "off")
      value_.outliers.failures = 0;
    else
      refuse_value(context_, *node, fields_.what("outliers"), "off or a map", "off, {failures: 5, eject: 10s}");
  }

  void read_outliers_map(const Node& node) {
    Fields fields(context_, node, Section::outliers, inside("outliers"));
    Outliers& outliers = value_.outliers;
    fields.read_number_into("failures", 1, 1000, outliers.failures);
    fields.read_duration_into("eject", Duration(100), hours(1), outliers.eject);
    fields.read_share_into("most", outliers.most);
  }

  Context& context_;
  const Fields& fields_;
  ResilienceDraft& draft_;
  Resilience& value_;
};

}  // namespace

void read_resilience(Context& context, const Fields& fields, ResilienceDraft& draft) {
  ResilienceReader(context, fields, draft).run();
  read_detours(context, fields, draft);
}

void read_concurrency(Context& context, const Fields& fields, ServiceDraft& draft) {
  const Node* node = fields.find("concurrency");
  if (!node) return;
  draft.concurrency = fields.mark("concurrency");
  Concurrency& concurrency = draft.service.concurrency;
  if (node->kind == Node::Kind::scalar)
    return fields.read_number_into("concurrency", 1, kMostRequests, concurrency.max);
  if (node->kind != Node::Kind::map) {
    return refuse_value(context, *node, fields.what("concurrency"), "a number of requests or a map",
                        "64, {max: 64, per_caller: 16, queue: 1024}");
  }
  Fields inner(context, *node, Section::concurrency, fmt::format("'concurrency' of service '{}'", draft.service.name));
  inner.read_number_into("max", 1, kMostRequests, concurrency.max);
  inner.read_number_into("per_caller", 1, kMostRequests, concurrency.per_caller);
  inner.read_number_into("queue", 0, kMostRequests, concurrency.queue);
  if (concurrency.max != 0 && concurrency.per_caller > concurrency.max) {
    context.report.add(inner.mark("per_caller"), "resilience",
                       fmt::format("{} is above its 'max' of {}", inner.what("per_caller"), concurrency.max));
  }
}

}  // namespace bulkhead::manifest
