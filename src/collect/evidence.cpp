#include "collect/evidence.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "collect/why.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

// Around a request, what others saw of the same services.
constexpr std::int64_t kAroundMillis = 60'000;

std::string text_of(const json& value, const char* member) { return value.value(member, ""); }

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
  record.user = text_of(span, "user");
  record.start_us = span.value("start_us", std::int64_t{0});
  record.duration_us = span.value("duration_us", std::int64_t{0});
  record.attempts = span.value("attempts", 1U);
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
  return record;
}

Result<std::vector<InstanceRecord>> instances_around(Reader& reader, const std::set<std::string>& services, Range range,
                                                     std::vector<std::string>& not_seen) {
  std::map<std::pair<std::string, std::string>, InstanceRecord> found;
  for (WindowReader* window : reader.windows(range, not_seen)) {
    const auto statement = window->statement(
        "SELECT instance, count(*), sum(failed), avg(us) FROM spans WHERE start BETWEEN ? AND ? AND callee = ? AND hop "
        "= ? "
        "GROUP BY instance");
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    for (const std::string& service : services) {
      select.bind(1, range.from_us());
      select.bind(2, range.to_us());
      select.bind(3, window->number(service));
      select.bind(4, window->number("inner"));
      Result<bool> row = select.step();
      for (; row && *row; row = select.step()) {
        const std::string instance(window->name(select.integer(0)));
        InstanceRecord& record = found[{service, instance}];
        record.service = service;
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

// A name that was looked up without being declared stands in no trace: what the trace's services tried about then.
Result<> add_dials(Reader& reader, const std::set<std::string>& services, Range range, Evidence& evidence,
                   std::vector<std::string>& not_seen) {
  constexpr std::size_t kMost = 50;
  for (WindowReader* window : reader.windows(range, not_seen)) {
    const auto statement = window->statement(
        "SELECT at, kind, subject, action, allow FROM decisions WHERE at BETWEEN ? AND ? AND kind <> 'request'");
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, range.from_us());
    select.bind(2, range.to_us());
    Result<bool> row = select.step();
    for (; row && *row && evidence.denials.size() < kMost; row = select.step()) {
      DenialRecord record;
      record.at_us = select.integer(0);
      record.kind = select.text(1);
      record.subject = select.text(2);
      record.action = select.text(3);
      record.allow = select.text(4);
      record.verdict = "denied";
      if (services.contains(record.subject)) evidence.denials.push_back(std::move(record));
    }
    select.reset();
    if (!row) return fail(std::move(row.error()));
  }
  return {};
}

json why_json(const Why& why, const json& trace) {
  json shown = {
      {"trace", trace.value("id", "")}, {"summary", why.summary}, {"cause", nullptr}, {"steps", json::array()}};
  if (why.cause) {
    shown["cause"] = {{"what", why.cause->what}, {"service", why.cause->service}, {"text", why.cause->text}};
    const std::pair<const char*, const std::string&> more[] = {
        {"span", why.cause->span}, {"rule", why.cause->rule}, {"rule_at", why.cause->rule_at}};
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
  std::set<std::string> services;
  for (const json& span : trace["spans"]) {
    evidence.spans.push_back(span_record(span));
    for (const std::string& name : {evidence.spans.back().caller, evidence.spans.back().callee})
      if (!name.empty()) services.insert(name);
  }
  for (const json& denial : trace["denied"]) evidence.denials.push_back(denial_record(denial));
  for (const json& line : trace["logs"])
    evidence.logs.push_back({text_of(line, "service"), text_of(line, "text"), text_of(line, "severity"),
                             line.value("at_us", std::int64_t{0})});
  if (application.is_object())
    for (const json& service : application.value("services", json::array()))
      evidence.declared.push_back(text_of(service, "name"));
  const std::int64_t start = trace.value("start_us", std::int64_t{0}) / 1000,
                     took = trace.value("duration_us", std::int64_t{0}) / 1000;
  auto instances = instances_around(reader, services, {start - kAroundMillis, start + took + kAroundMillis}, not_seen);
  if (!instances) return fail(std::move(instances.error()));
  evidence.instances = std::move(*instances);
  if (auto added = add_dials(reader, services, {start, start + took}, evidence, not_seen); !added)
    return fail(std::move(added.error()));
  return why_json(explain(evidence), trace);
}

}  // namespace bulkhead::collect
