#include "collect/evidence.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "collect/gateway_name.hpp"
#include "collect/infer_paths.hpp"
#include "collect/why.hpp"
#include "collect/why_tree.hpp"
#include "policy/model.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

// Around a request, what others saw of the same services.
constexpr std::int64_t kAroundMillis = 60'000;
// How many of its kind tell what is usual, and how many are enough to know.
constexpr std::size_t kFewestUsual = 20, kMostUsual = 1'000;

std::string text_of(const json& value, const char* member) { return value.value(member, ""); }

// Sidecars write of the gateway under the name by which it is known inside.
void name_gateway_in(std::string& text, std::string_view name) {
  if (name == policy::kGateway) return;
  for (std::size_t at = text.find(policy::kGateway); at != std::string::npos; at = text.find(policy::kGateway, at))
    text.replace(at, policy::kGateway.size(), name);
}

SpanRecord span_record(const json& span) {
  SpanRecord record;
  record.id = text_of(span, "id");
  record.parent = text_of(span, "parent");
  record.hop = text_of(span, "kind") == "program" ? "program" : text_of(span, "hop");
  record.service = text_of(span, "service");
  record.caller = text_of(span, "caller");
  record.callee = text_of(span, "callee");
  record.instance = text_of(span, "instance");
  record.method = text_of(span, "method");
  record.path = text_of(span, "path");
  record.name = text_of(span, "name");
  record.status = span.value("status", 0);
  record.grpc_status = span.value("grpc_status", -1);
  record.error = span.value("error", false);
  record.cause = text_of(span, "cause");
  record.fell_back = text_of(span, "fell_back");
  record.detail = text_of(span, "detail");
  record.rule = text_of(span, "rule");
  record.no_retry = text_of(span, "no_retry");
  record.user = text_of(span, "user");
  record.start_us = span.value("start_us", std::int64_t{0});
  record.duration_us = span.value("duration_us", std::int64_t{0});
  record.attempts = span.value("attempts", 1U);
  record.queued_us = span.value("queued_us", std::int64_t{0});
  record.injected_us = span.value("injected_us", std::int64_t{0});
  record.skew_us = span.value("skew_us", std::int64_t{0});
  if (span.contains("inferred")) record.confidence = span["inferred"].value("confidence", 0.0);
  return record;
}

DenialRecord denial_record(const json& denial) {
  DenialRecord record;
  record.kind = text_of(denial, "kind");
  record.subject = text_of(denial, "subject");
  record.object = text_of(denial, "object");
  record.action = text_of(denial, "action");
  record.verdict = text_of(denial, "verdict");
  record.rule = text_of(denial, "rule");
  record.rule_at = text_of(denial, "rule_at");
  record.reason = text_of(denial, "reason");
  record.allow = text_of(denial, "allow");
  record.at_us = denial.value("at_us", std::int64_t{0});
  // Of "dns acounts", "tcp 10.0.0.5:5432".
  if (record.kind != "request" && record.object.empty())
    record.object = record.action.substr(record.action.find(' ') + 1);
  if (denial.contains("inferred")) record.confidence = denial["inferred"].value("confidence", 0.0);
  return record;
}

// Requests of one kind: who sent them, to whom, by which method. Of the gateway's what it is called to people.
struct CallKind {
  std::string caller, callee, method;
  auto operator<=>(const CallKind&) const = default;
};

// How the instances answered requests of these kinds.
Result<std::vector<InstanceRecord>> instances_around(Reader& reader, const std::set<CallKind>& kinds,
                                                     std::string_view gateway, Range range,
                                                     std::vector<std::string>& not_seen) {
  std::map<std::pair<CallKind, std::string>, InstanceRecord> found;
  for (WindowReader* window : reader.windows(range, not_seen)) {
    const auto statement = window->statement(
        "SELECT instance, count(*), sum(failed), avg(us) FROM spans WHERE start BETWEEN ? AND ? AND callee = ? AND hop "
        "= ? AND caller = ? AND method = ? GROUP BY instance");
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    for (const CallKind& kind : kinds) {
      select.bind(1, range.from_us());
      select.bind(2, range.to_us());
      select.bind(3, window->number(kind.callee));
      select.bind(4, window->number("inner"));
      select.bind(5, window->number(kind.caller == gateway ? policy::kGateway : std::string_view(kind.caller)));
      select.bind(6, window->number(kind.method));
      Result<bool> row = select.step();
      for (; row && *row; row = select.step()) {
        const std::string instance(window->name(select.integer(0)));
        InstanceRecord& record = found[{kind, instance}];
        record.service = kind.callee;
        record.caller = kind.caller;
        record.method = kind.method;
        record.instance = instance;
        record.requests += static_cast<std::uint64_t>(select.integer(1));
        record.errors += static_cast<std::uint64_t>(select.integer(2));
        record.p50_us = select.integer(3);  // the mean stands for it
      }
      select.reset();
      if (!row) return fail(std::move(row.error()));
    }
  }
  std::vector<InstanceRecord> records;
  for (auto& [name, record] : found) records.push_back(std::move(record));
  return records;
}

// How long requests of the trace's kind took that were answered: their median; 0: too few.
Result<std::int64_t> usual_micros(Reader& reader, const SpanRecord& root, std::string_view gateway, Range range,
                                  std::vector<std::string>& not_seen) {
  if (root.hop == "program") return 0;
  const std::string kind = without_ids(root.path), caller = caller_of(root);
  std::vector<std::int64_t> took;
  for (WindowReader* window : reader.windows(range, not_seen)) {
    const auto statement = window->statement(
        "SELECT path, us FROM spans WHERE start BETWEEN ? AND ? AND callee = ? AND hop = ? AND caller = ? AND "
        "method = ? AND NOT failed");
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, range.from_us());
    select.bind(2, range.to_us());
    select.bind(3, window->number(root.callee));
    select.bind(4, window->number(root.hop));
    select.bind(5, window->number(caller == gateway ? policy::kGateway : std::string_view(caller)));
    select.bind(6, window->number(root.method));
    Result<bool> row = select.step();
    for (; row && *row && took.size() < kMostUsual; row = select.step()) {
      const bool itself = select.integer(1) == root.duration_us && select.text(0) == root.path;
      if (!itself && without_ids(select.text(0)) == kind) took.push_back(select.integer(1));
    }
    select.reset();
    if (!row) return fail(std::move(row.error()));
  }
  if (took.size() < kFewestUsual) return 0;
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::ranges::nth_element(took, middle);
  return *middle;
}

// What made the breaker of a call open: the last request that it let through, which failed.
Result<> look_up_opening(Reader& reader, Evidence& evidence, std::vector<std::string>& not_seen) {
  const auto refused = std::ranges::find(evidence.spans, "circuit_open", &SpanRecord::cause);
  if (refused == evidence.spans.end()) return {};
  constexpr std::int64_t kLongestMillis = 600'000;
  const std::int64_t at_ms = refused->start_us / 1000;
  for (WindowReader* window : reader.windows({at_ms - kLongestMillis, at_ms}, not_seen)) {
    const auto statement = window->statement(
        "SELECT trace, status, grpc, start FROM spans WHERE start BETWEEN ? AND ? AND callee = ? AND caller = ? AND "
        "hop = ? AND failed AND cause <> ? ORDER BY start DESC LIMIT 1");
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, refused->start_us - kLongestMillis * 1000);
    select.bind(2, refused->start_us);
    select.bind(3, window->number(refused->callee));
    select.bind(4, window->number(refused->hop == "gateway" ? policy::kGateway : std::string_view(refused->caller)));
    select.bind(5, window->number(refused->hop));
    select.bind(6, window->number("circuit_open"));
    const Result<bool> row = select.step();
    telemetry::TraceId id{};
    const bool found = row && *row && select.blob(0).size() == id.size();
    if (found) {
      std::ranges::copy(select.blob(0), id.begin());
      evidence.opening = OpeningRecord{telemetry::hex(id),
                                       select.integer(2) > 0    ? fmt::format("answered gRPC {}", select.integer(2))
                                       : select.integer(1) == 0 ? "not answered"
                                                                : fmt::format("answered {}", select.integer(1)),
                                       select.integer(3)};
    }
    select.reset();
    if (!row) return fail(row.error());
    if (found) return {};
  }
  return {};
}

void add_declared(const json& application, Evidence& evidence) {
  if (!application.is_object()) return;
  std::map<std::string, std::int64_t> since;
  for (const json& service : application.value("services", json::array())) {
    evidence.declared.push_back(text_of(service, "name"));
    for (const json& instance : service.value("instances", json::array()))
      since[text_of(instance, "id")] = instance.value("since_ms", std::int64_t{0}) * 1000;
  }
  std::map<std::pair<std::string, std::string>, int> edges;
  for (const json& edge : application.value("edges", json::array())) {
    const std::string id = text_of(edge, "id");
    evidence.rules[id] = text_of(edge, "at");
    auto& only = evidence.calls[{text_of(edge, "from"), text_of(edge, "to")}];
    only = edges[{text_of(edge, "from"), text_of(edge, "to")}]++ == 0 ? id : "";
  }
  for (InstanceRecord& record : evidence.instances) record.since_us = since[record.instance];
}

json why_json(const Why& why, const json& trace) {
  json shown = {
      {"trace", trace.value("id", "")}, {"summary", why.summary}, {"cause", nullptr}, {"steps", json::array()}};
  if (why.cause) {
    shown["cause"] = {{"what", why.cause->what}, {"service", why.cause->service}, {"text", why.cause->text}};
    const std::pair<const char*, const std::string&> more[] = {{"span", why.cause->span},
                                                               {"rule", why.cause->rule},
                                                               {"rule_at", why.cause->rule_at},
                                                               {"trace", why.cause->trace},
                                                               {"next", why.cause->next}};
    for (const auto& [name, text] : more)
      if (!text.empty()) shown["cause"][name] = text;
  }
  for (const Why::Step& step : why.steps)
    shown["steps"].push_back({{"at_us", step.at_us},
                              {"duration_us", step.duration_us},
                              {"depth", step.depth},
                              {"span", step.span},
                              {"text", step.text}});
  return shown;
}

}  // namespace

Result<json> why_trace(Reader& reader, const json& trace, const json& application, std::vector<std::string>& not_seen) {
  Evidence evidence;
  evidence.trace = text_of(trace, "id");
  std::set<CallKind> kinds;
  for (const json& span : trace["spans"]) {
    evidence.spans.push_back(span_record(span));
    const SpanRecord& last = evidence.spans.back();
    if (!last.callee.empty()) kinds.insert({caller_of(last), last.callee, last.method});
  }
  for (const json& denial : trace["denied"]) evidence.denials.push_back(denial_record(denial));
  for (const json& attempt : trace.value("earlier", json::array())) evidence.denials.push_back(denial_record(attempt));
  for (const json& line : trace["logs"])
    evidence.logs.push_back({text_of(line, "service"), text_of(line, "text"), text_of(line, "severity"),
                             line.value("at_us", std::int64_t{0})});
  const std::int64_t start = trace.value("start_us", std::int64_t{0}) / 1000,
                     took = trace.value("duration_us", std::int64_t{0}) / 1000;
  const std::string gateway = gateway_name(application);
  auto instances =
      instances_around(reader, kinds, gateway, {start - kAroundMillis, start + took + kAroundMillis}, not_seen);
  if (!instances) return fail(std::move(instances.error()));
  evidence.instances = std::move(*instances);
  if (const SpanTree tree(evidence.spans); tree.root() != nullptr) {
    const auto usual =
        usual_micros(reader, *tree.root()->span, gateway, {start - kAroundMillis, start + kAroundMillis}, not_seen);
    if (!usual) return fail(usual.error());
    evidence.usual_us = *usual;
  }
  for (SpanRecord& span : evidence.spans) name_gateway_in(span.detail, gateway);
  for (DenialRecord& denial : evidence.denials) name_gateway_in(denial.reason, gateway);
  if (auto added = look_up_opening(reader, evidence, not_seen); !added) return fail(std::move(added.error()));
  add_declared(application, evidence);
  return why_json(explain(evidence), trace);
}

}  // namespace bulkhead::collect
