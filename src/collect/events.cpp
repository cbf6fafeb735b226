#include "collect/events.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "collect/record_line.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr std::int64_t kDefaultDecisions = 100;
constexpr std::int64_t kDefaultLines = 200;

constexpr const char* kDecisionColumns =
    "at, kind, subject, object, owner, action, verdict, rule, rule_at, reason, allow, hop, user, request, trace, count";
constexpr const char* kLogColumns = "at, service, instance, stream, text, severity, trace, span";

json decision_in(const Statement& row) {
  DecisionRow decision;
  decision.at_us = row.integer(0);
  std::string_view* const texts[] = {&decision.kind,      &decision.subject, &decision.object, &decision.owner,
                                     &decision.action,    &decision.verdict, &decision.rule,   &decision.rule_at,
                                     &decision.reason,    &decision.allow,   &decision.hop,    &decision.user,
                                     &decision.request_id};
  int column = 1;
  for (std::string_view* text : texts) *text = row.text(column++);
  if (const auto trace = row.blob(14); trace.size() == decision.trace.size())
    std::ranges::copy(trace, decision.trace.begin());
  decision.count = row.integer(15);
  return decision_json(decision);
}

json log_in(WindowReader& window, const Statement& row) {
  json line = {{"at_us", row.integer(0)},
               {"service", window.name(row.integer(1))},
               {"instance", window.name(row.integer(2))},
               {"stream", window.name(row.integer(3))},
               {"text", row.text(4)}};
  if (const std::string_view severity = window.name(row.integer(5)); !severity.empty()) line["severity"] = severity;
  if (!row.is_null(6)) line["trace"] = telemetry::hex(row.blob(6));
  if (row.integer(7) != 0) line["span"] = span_id_text(static_cast<std::uint64_t>(row.integer(7)));
  return line;
}

// Rows of every window by `read`, up to `most`, and then whether there are more.
template <class Read>
Result<bool> collect_rows(Statement& select, std::size_t most, json& rows, const Read& read) {
  bool more = false;
  Result<bool> row = select.step();
  for (; row && *row; row = select.step()) {
    if (rows.size() == most) {
      more = true;
      break;
    }
    rows.push_back(read(select));
  }
  select.reset();
  if (!row) return fail(std::move(row.error()));
  return more;
}

template <class Read>
Result<json> of_trace(const std::vector<WindowReader*>& windows, const telemetry::TraceId& id, const std::string& sql,
                      const Read& read) {
  constexpr std::size_t kMost = 1000;
  json rows = json::array();
  for (WindowReader* window : windows) {
    const auto statement = window->statement(sql);
    if (!statement) return fail(statement.error());
    (*statement)->bind(1, std::span<const std::uint8_t>(id.data(), id.size()));
    const auto more = collect_rows(**statement, kMost, rows, [&](const Statement& row) { return read(*window, row); });
    if (!more) return fail(more.error());
  }
  std::sort(rows.begin(), rows.end(),
            [](const json& left, const json& right) { return left["at_us"] < right["at_us"]; });
  return rows;
}

}  // namespace

Result<json> decisions_of(const std::vector<WindowReader*>& windows, const telemetry::TraceId& id) {
  return of_trace(windows, id, fmt::format("SELECT {} FROM decisions WHERE trace = ?", kDecisionColumns),
                  [](WindowReader&, const Statement& row) { return decision_in(row); });
}

Result<json> logs_of(const std::vector<WindowReader*>& windows, const telemetry::TraceId& id) {
  return of_trace(windows, id, fmt::format("SELECT {} FROM logs WHERE trace = ?", kLogColumns),
                  [](WindowReader& window, const Statement& row) { return log_in(window, row); });
}

Result<json> search_decisions(Reader& reader, const Question& question, std::vector<std::string>& not_seen) {
  const auto limit = static_cast<std::size_t>(question.limit == 0 ? kDefaultDecisions : question.limit);
  json decisions = json::array();
  bool more = false;
  std::string sql = fmt::format("SELECT {} FROM decisions WHERE at BETWEEN ? AND ?", kDecisionColumns);
  if (!question.service.empty()) sql += " AND (subject = ? OR object = ?)";
  if (!question.verdict.empty()) sql += " AND verdict = ?";
  sql += " ORDER BY at DESC";
  for (WindowReader* window : reader.windows(question.range, not_seen)) {
    const auto statement = window->statement(sql);
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, question.range.from_us());
    select.bind(2, question.range.to_us());
    int parameter = 3;
    if (!question.service.empty()) {
      select.bind(parameter++, std::string_view(question.service));
      select.bind(parameter++, std::string_view(question.service));
    }
    if (!question.verdict.empty()) select.bind(parameter, std::string_view(question.verdict));
    const auto cut = collect_rows(select, limit, decisions, [](const Statement& row) { return decision_in(row); });
    if (!cut) return fail(cut.error());
    more = *cut;
    if (more) break;
  }
  return json{{"decisions", std::move(decisions)}, {"more", more}};
}

Result<json> search_logs(Reader& reader, const Question& question, std::vector<std::string>& not_seen) {
  const auto limit = static_cast<std::size_t>(question.limit == 0 ? kDefaultLines : question.limit);
  telemetry::TraceId trace{};
  if (!question.trace.empty() && !read_trace_id(question.trace, trace))
    return fail(Cause::invalid, "'trace' is '{}': 32 hexadecimal digits are a trace's id", question.trace);
  json lines = json::array();
  bool more = false;
  for (WindowReader* window : reader.windows(question.range, not_seen)) {
    std::string sql = fmt::format("SELECT {} FROM logs WHERE at BETWEEN ? AND ?", kLogColumns);
    const std::int64_t service = window->number(question.service);
    const std::int64_t stream = window->number(question.stream);
    if ((!question.service.empty() && service == 0) || (!question.stream.empty() && stream == 0)) continue;
    if (!question.service.empty()) sql += " AND service = ?";
    if (!question.stream.empty()) sql += " AND stream = ?";
    if (!question.trace.empty()) sql += " AND trace = ?";
    if (!question.q.empty()) sql += " AND instr(text, ?)";
    sql += " ORDER BY at DESC";
    const auto statement = window->statement(sql);
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, question.range.from_us());
    select.bind(2, question.range.to_us());
    int parameter = 3;
    if (!question.service.empty()) select.bind(parameter++, service);
    if (!question.stream.empty()) select.bind(parameter++, stream);
    if (!question.trace.empty()) select.bind(parameter++, std::span<const std::uint8_t>(trace.data(), trace.size()));
    if (!question.q.empty()) select.bind(parameter, std::string_view(question.q));
    const auto cut = collect_rows(select, limit, lines, [&](const Statement& row) { return log_in(*window, row); });
    if (!cut) return fail(cut.error());
    more = *cut;
    if (more) break;
  }
  std::reverse(lines.begin(), lines.end());
  return json{{"lines", std::move(lines)}, {"more", more}};
}

}  // namespace bulkhead::collect
