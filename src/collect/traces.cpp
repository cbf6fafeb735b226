#include "collect/traces.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "collect/blocks.hpp"
#include "collect/events.hpp"
#include "collect/record_line.hpp"
#include "collect/skew.hpp"

namespace bulkhead::collect {

using nlohmann::json;
using telemetry::TraceId;

namespace {

constexpr std::int64_t kDefaultLimit = 50;
constexpr std::size_t kMostSpans = 10'000;  // of one trace that is shown
// Spans that are looked at for one search: a filter that little passes must not read for minutes.
constexpr std::size_t kMostLooked = 400'000;

constexpr const char* kColumns =
    "span, parent, start, us, hop, caller, callee, instance, port, protocol, method, path, status, grpc, cause, "
    "fell_back, "
    "attempts, sent, received, user, request, extra";

std::span<const std::uint8_t> octets_of(const TraceId& id) { return {id.data(), id.size()}; }

std::optional<TraceId> trace_in(std::span<const std::uint8_t> blob) {
  TraceId id{};
  if (blob.size() != id.size()) return std::nullopt;
  std::ranges::copy(blob, id.begin());
  return id;
}

void put_text(json& value, const char* member, std::string_view text) {
  if (!text.empty()) value[member] = text;
}

json program_span(WindowReader& window, const Statement& row) {
  json span = json::parse(row.text(21), nullptr, false);
  if (!span.is_object()) span = json::object();
  span["kind"] = "program";
  span["service"] = window.name(row.integer(6));
  put_text(span, "instance", window.name(row.integer(7)));
  return span;
}

json hop_span(WindowReader& window, const Statement& row) {
  json span = {{"kind", "hop"}};
  const std::string_view hop = window.name(row.integer(4));
  span["hop"] = hop;
  span["service"] = window.name(row.integer(hop == "inner" ? 6 : 5));
  put_text(span, "caller", window.name(row.integer(5)));
  put_text(span, "callee", window.name(row.integer(6)));
  put_text(span, "instance", window.name(row.integer(7)));
  if (row.integer(8) != 0) span["port"] = row.integer(8);
  put_text(span, "protocol", window.name(row.integer(9)));
  put_text(span, "method", window.name(row.integer(10)));
  put_text(span, "path", row.text(11));
  span["status"] = row.integer(12);
  if (row.integer(13) >= 0) span["grpc_status"] = row.integer(13);
  put_text(span, "cause", window.name(row.integer(14)));
  put_text(span, "fell_back", window.name(row.integer(15)));
  span["attempts"] = row.integer(16);
  span["sent"] = row.integer(17);
  span["received"] = row.integer(18);
  put_text(span, "user", row.text(19));
  const json more = json::parse(row.text(21), nullptr, false);
  if (more.is_object()) span.update(more);
  return span;
}

json span_json(WindowReader& window, const Statement& row, const TraceId& trace) {
  const bool program = window.name(row.integer(4)) == "program";
  json span = program ? program_span(window, row) : hop_span(window, row);
  span["id"] = span_id_text(static_cast<std::uint64_t>(row.integer(0)));
  if (row.integer(1) != 0) span["parent"] = span_id_text(static_cast<std::uint64_t>(row.integer(1)));
  span["start_us"] = row.integer(2);
  span["duration_us"] = row.integer(3);
  if (!program) span["request_id"] = row.is_null(20) ? telemetry::request_id_of(trace) : std::string(row.text(20));
  return span;
}

// All spans of one trace, by start.
Result<std::vector<json>> spans_of(const std::vector<WindowReader*>& windows, const TraceId& id) {
  std::vector<json> spans;
  for (WindowReader* window : windows) {
    const auto statement =
        window->statement(fmt::format("SELECT {} FROM spans WHERE trace = ? LIMIT {}", kColumns, kMostSpans));
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, octets_of(id));
    Result<bool> row = select.step();
    for (; row && *row && spans.size() < kMostSpans; row = select.step())
      spans.push_back(span_json(*window, select, id));
    select.reset();
    if (!row) return fail(row.error());
  }
  straighten(spans);
  std::ranges::sort(spans, {}, [](const json& span) { return span["start_us"].get<std::int64_t>(); });
  return spans;
}

// The span that no other one of the trace is above; of several the first.
const json& root_of(const std::vector<json>& spans) {
  std::set<std::string_view> ids;
  for (const json& span : spans) ids.insert(span["id"].get_ref<const std::string&>());
  const auto root = std::ranges::find_if(spans, [&](const json& span) {
    return !span.contains("parent") || !ids.contains(span["parent"].get_ref<const std::string&>());
  });
  return root == spans.end() ? spans.front() : *root;
}

bool is_failed(const json& span) {
  return span.value("status", 0) >= 500 || span.value("grpc_status", 0) > 0 || span.contains("cause") ||
         span.value("error", false);
}

std::int64_t end_of(const json& span) {
  return span["start_us"].get<std::int64_t>() + span["duration_us"].get<std::int64_t>();
}

json summary_of(const TraceId& id, const std::vector<json>& spans, std::int64_t denied) {
  const json& root = root_of(spans);
  std::int64_t end = end_of(root), errors = 0, attempts = 1;
  std::set<std::string> services;
  for (const json& span : spans) {
    end = std::max(end, end_of(span));
    errors += is_failed(span) ? 1 : 0;
    attempts = std::max<std::int64_t>(attempts, span.value("attempts", 1));
    for (const char* member : {"caller", "callee", "service"})
      if (span.contains(member)) services.insert(span[member].get<std::string>());
  }
  json summary = {{"id", telemetry::hex(id)},
                  {"start_us", root["start_us"]},
                  {"duration_us", end - root["start_us"].get<std::int64_t>()},
                  {"spans", spans.size()},
                  {"errors", errors},
                  {"denied", denied},
                  {"attempts", attempts},
                  {"services", services},
                  {"inferred", false}};
  for (const char* member : {"method", "path", "service", "status", "grpc_status", "user", "request_id", "cause",
                             "name", "protocol", "callee"})
    if (root.contains(member)) summary[member] = root[member];
  return summary;
}

// SQL that finds traces, and what is bound to it.
struct Search {
  std::string sql;
  std::vector<std::int64_t> numbers;
  std::vector<std::string> texts;  // bound after them
};

// False: it is enough.
using Take = std::function<Result<bool>(const TraceId& id)>;

Result<Statement*> bound(WindowReader& window, const Search& search) {
  const auto statement = window.statement(search.sql);
  if (!statement) return statement;
  int parameter = 1;
  for (const std::int64_t number : search.numbers) (*statement)->bind(parameter++, number);
  for (const std::string& text : search.texts) (*statement)->bind(parameter++, std::string_view(text));
  return statement;
}

// False: it was enough.
Result<bool> each_row(WindowReader& window, const Search& search, const Take& take) {
  const auto statement = bound(window, search);
  if (!statement) return fail(statement.error());
  Statement& select = **statement;
  Result<bool> row = select.step();
  Result<bool> go_on = true;
  for (; row && *row && go_on && *go_on; row = select.step())
    if (const auto id = trace_in(select.blob(0))) go_on = take(*id);
  select.reset();
  if (!row) return fail(std::move(row.error()));
  return go_on;
}

// What a span must be; the plus signs keep SQLite from walking an index where rows that are next to each other are
// read. Nothing where this window can't have any.
std::optional<Search> conditions_in(WindowReader& window, const Question& question) {
  Search search{" AND +start BETWEEN ? AND ?", {question.range.from_us(), question.range.to_us()}, {}};
  if (!question.service.empty()) {
    const std::int64_t service = window.number(question.service);
    if (service == 0) return std::nullopt;
    search.sql += " AND (+callee = ? OR caller = ?)";
    search.numbers.insert(search.numbers.end(), {service, service});
  }
  if (question.error) search.sql += " AND failed";
  if (question.min_us > 0) {
    search.sql += " AND us >= ?";
    search.numbers.push_back(question.min_us);
  }
  if (!question.route.empty()) {
    search.sql += " AND instr(path, ?) = 1";
    search.texts.push_back(question.route);
  }
  if (!question.q.empty()) {
    search.sql += " AND (instr(path, ?) OR request = ? OR user = ? OR instr(extra, ?))";
    search.texts.insert(search.texts.end(), 4, question.q);
  }
  return search;
}

// The traces of spans of one window, the latest first; one may come more than once.
Result<bool> each_hit(WindowReader& window, const Question& question, const Take& take) {
  if (question.denied)
    return each_row(window,
                    {"SELECT trace FROM decisions WHERE trace IS NOT NULL AND at BETWEEN ? AND ? ORDER BY rowid DESC",
                     {question.range.from_us(), question.range.to_us()},
                     {}},
                    take);
  auto search = conditions_in(window, question);
  if (!search) return true;
  if (!window.has_blocks()) {
    // What is written now comes in the order of time.
    search->sql = "SELECT trace FROM spans WHERE true" + search->sql + " ORDER BY rowid DESC";
    return each_row(window, *search, take);
  }
  const auto blocks = blocks_with(window, {.range = question.range,
                                           .service = window.number(question.service),
                                           .failed = question.error,
                                           .min_us = question.min_us,
                                           .path = question.route,
                                           .text = question.q});
  if (!blocks) return fail(blocks.error());
  search->sql = "SELECT trace, start FROM spans WHERE rowid BETWEEN ? AND ?" + search->sql;
  search->numbers.insert(search->numbers.begin(), {0, 0});
  // Blocks overlap where records were read late: a hit is the latest once no further block can have a later one.
  std::vector<std::pair<std::int64_t, TraceId>> waiting;
  const auto pass_on = [&](std::int64_t later_than) -> Result<bool> {
    std::ranges::sort(waiting);
    for (; !waiting.empty() && waiting.back().first > later_than; waiting.pop_back())
      if (auto go_on = take(waiting.back().second); !go_on || !*go_on) return go_on;
    return true;
  };
  for (const Block& block : *blocks) {
    if (auto go_on = pass_on(block.ends_us); !go_on || !*go_on) return go_on;
    search->numbers[0] = block.first;
    search->numbers[1] = block.last;
    const auto statement = bound(window, *search);
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    Result<bool> row = select.step();
    for (; row && *row; row = select.step())
      if (const auto id = trace_in(select.blob(0))) waiting.emplace_back(select.integer(1), *id);
    select.reset();
    if (!row) return fail(std::move(row.error()));
  }
  return pass_on(INT64_MIN);
}

Result<std::int64_t> denials_of(const std::vector<WindowReader*>& windows, const TraceId& id) {
  std::int64_t count = 0;
  for (WindowReader* window : windows) {
    const auto statement = window->statement("SELECT count(*) FROM decisions WHERE trace = ?");
    if (!statement) return fail(statement.error());
    (*statement)->bind(1, octets_of(id));
    const auto row = (*statement)->step();
    if (row && *row) count += (*statement)->integer(0);
    (*statement)->reset();
    if (!row) return fail(row.error());
  }
  return count;
}

}  // namespace

Result<json> search_traces(Reader& reader, const Question& question, std::vector<std::string>& not_seen) {
  const auto limit = static_cast<std::size_t>(question.limit == 0 ? kDefaultLimit : question.limit);
  const auto windows = reader.windows(question.range, not_seen);
  // A trace may have begun before the range, or ended after it.
  constexpr std::int64_t kAround = 600'000;
  const auto all = reader.windows({question.range.from_ms - kAround, question.range.to_ms + kAround}, not_seen);
  std::set<TraceId> seen;
  json found = json::array();
  bool more = false;
  std::size_t looked = 0;
  const Take take = [&](const TraceId& id) -> Result<bool> {
    if (++looked > kMostLooked) {
      not_seen.emplace_back(
          "the search ended early, as very many spans had to be looked at: a shorter range sees all of it");
      return false;
    }
    if (!seen.insert(id).second) return true;
    const auto spans = spans_of(all, id);
    if (!spans) return fail(spans.error());
    if (spans->empty()) return true;
    const auto denied = denials_of(all, id);
    if (!denied) return fail(denied.error());
    json summary = summary_of(id, *spans, *denied);
    if (summary["duration_us"].get<std::int64_t>() < question.min_us) return true;
    more = found.size() == limit;
    if (!more) found.push_back(std::move(summary));
    return !more;
  };
  for (WindowReader* window : windows) {
    const auto go_on = each_hit(*window, question, take);
    if (!go_on) return fail(go_on.error());
    if (!*go_on) break;
  }
  std::sort(found.begin(), found.end(),
            [](const json& left, const json& right) { return left["start_us"] > right["start_us"]; });
  return json{{"traces", std::move(found)}, {"more", more}};
}

Result<TraceId> find_trace_id(Reader& reader, std::string_view text, std::vector<std::string>& not_seen) {
  TraceId id{};
  if (read_trace_id(text, id)) return id;
  if (!telemetry::is_request_id(text))
    return fail(Cause::invalid, "'{}' is neither a trace's id (32 hexadecimal digits) nor a request's",
                text.substr(0, 128));
  // A request id that was made here is the trace's own, but for six bits of its version and variant.
  std::string digits(text);
  std::erase(digits, '-');
  TraceId low{}, high{};
  if (read_trace_id(digits, low)) {
    high = low;
    low[6] = 0, high[6] = 0xff;
    for (std::size_t i = 7; i < low.size(); ++i) low[i] = 0, high[i] = 0xff;
  }
  for (WindowReader* window : reader.all(not_seen)) {
    const auto statement = window->statement("SELECT trace FROM spans WHERE trace BETWEEN ? AND ?");
    if (!statement) return fail(statement.error());
    (*statement)->bind(1, octets_of(low));
    (*statement)->bind(2, octets_of(high));
    Result<bool> row = (*statement)->step();
    std::optional<TraceId> found;
    for (; row && *row && !found; row = (*statement)->step()) {
      const auto candidate = trace_in((*statement)->blob(0));
      if (candidate && telemetry::request_id_of(*candidate) == text) found = candidate;
    }
    (*statement)->reset();
    if (found) return *found;
    const auto named = window->statement("SELECT trace FROM spans WHERE request = ? LIMIT 1");
    if (!named) return fail(named.error());
    (*named)->bind(1, text);
    row = (*named)->step();
    if (row && *row) found = trace_in((*named)->blob(0));
    (*named)->reset();
    if (found) return *found;
  }
  return fail(Cause::not_found, "nothing is kept of a request '{}'", text);
}

namespace {

// The joins of one trace, by one of its two columns.
Result<std::vector<TraceJoin>> joins_of(const std::vector<WindowReader*>& windows, const TraceId& id, bool as_child) {
  std::vector<TraceJoin> joins;
  for (WindowReader* window : windows) {
    const auto statement =
        window->statement(fmt::format("SELECT child, child_span, parent, parent_span, percent FROM joins WHERE {} = ?",
                                      as_child ? "child" : "parent"));
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, octets_of(id));
    Result<bool> row = select.step();
    for (; row && *row; row = select.step()) {
      const auto child = trace_in(select.blob(0)), parent = trace_in(select.blob(2));
      if (child && parent)
        joins.push_back({*child, *parent, static_cast<std::uint64_t>(select.integer(1)),
                         static_cast<std::uint64_t>(select.integer(3)), static_cast<double>(select.integer(4)) / 100});
    }
    select.reset();
    if (!row) return fail(row.error());
  }
  return joins;
}

// The trace that began it all, as far as joins tell.
Result<TraceId> first_cause(const std::vector<WindowReader*>& windows, TraceId id) {
  std::set<TraceId> seen{id};
  for (;;) {
    const auto above = joins_of(windows, id, true);
    if (!above) return fail(above.error());
    if (above->empty() || !seen.insert(above->front().parent).second) return id;
    id = above->front().parent;
  }
}

// The spans of a trace and of those that it caused without a header's word.
Result<std::vector<json>> joined_spans(const std::vector<WindowReader*>& windows, const TraceId& first,
                                       std::set<TraceId>& traces) {
  std::vector<json> all;
  std::vector<TraceId> next{first};
  traces.insert(first);
  while (!next.empty() && all.size() < kMostSpans) {
    const TraceId id = next.back();
    next.pop_back();
    auto spans = spans_of(windows, id);
    if (!spans) return spans;
    const auto above = joins_of(windows, id, true), below = joins_of(windows, id, false);
    if (!above || !below) return fail(above ? below.error() : above.error());
    for (json& span : *spans) {
      for (const TraceJoin& join : *above) {
        if (id == first || span["id"] != span_id_text(join.child_span)) continue;
        span["parent"] = span_id_text(join.parent_span);
        span["inferred"] = {{"confidence", join.confidence}};
      }
      all.push_back(std::move(span));
    }
    for (const TraceJoin& join : *below)
      if (traces.insert(join.child).second) next.push_back(join.child);
  }
  std::ranges::sort(all, {}, [](const json& span) { return span["start_us"].get<std::int64_t>(); });
  return all;
}

}  // namespace

Result<json> whole_trace(Reader& reader, const TraceId& id, std::vector<std::string>& not_seen) {
  const auto windows = reader.all(not_seen);
  const auto first = first_cause(windows, id);
  if (!first) return fail(first.error());
  std::set<TraceId> traces;
  auto spans = joined_spans(windows, *first, traces);
  if (!spans) return fail(std::move(spans.error()));
  json denied = json::array(), logs = json::array();
  for (const TraceId& each : traces) {
    auto decisions = decisions_of(windows, each), lines = logs_of(windows, each);
    if (!decisions || !lines) return fail(decisions ? std::move(lines.error()) : std::move(decisions.error()));
    denied.insert(denied.end(), decisions->begin(), decisions->end());
    logs.insert(logs.end(), lines->begin(), lines->end());
  }
  if (spans->empty() && denied.empty())
    return fail(Cause::not_found, "nothing is kept of the trace {}", telemetry::hex(id));
  json trace = {{"id", telemetry::hex(*first)}, {"denied", std::move(denied)}, {"logs", std::move(logs)}};
  if (spans->empty()) {
    trace["spans"] = json::array();
    return trace;
  }
  trace["start_us"] = spans->front()["start_us"];
  std::int64_t end = 0;
  for (const json& span : *spans) end = std::max(end, end_of(span));
  trace["duration_us"] = end - spans->front()["start_us"].get<std::int64_t>();
  if (spans->size() >= kMostSpans)
    not_seen.push_back(fmt::format("spans of this trace beyond the first {}", kMostSpans));
  trace["spans"] = std::move(*spans);
  return trace;
}

}  // namespace bulkhead::collect
