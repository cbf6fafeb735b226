#include "collect/calls.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include "telemetry/trace.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr std::size_t kMostKinds = 20'000;
constexpr std::size_t kTraces = 3;  // of each kind, as examples

struct Kind {
  std::string from, to, protocol, method, path, verdict;
  std::int64_t port = 0;
  auto operator<=>(const Kind&) const = default;
};

struct Made {
  std::int64_t count = 0;
  std::int64_t first_us = INT64_MAX;
  std::int64_t last_us = 0;
  std::string allow;
  std::vector<std::string> traces;
};

class MadeCalls {
 public:
  void add(Kind kind, std::int64_t count, std::int64_t first_us, std::int64_t last_us,
           std::span<const std::uint8_t> trace, std::string_view allow) {
    if (made_.size() >= kMostKinds && !made_.contains(kind)) {
      cut_ = true;
      return;
    }
    Made& made = made_[std::move(kind)];
    made.count += count;
    made.first_us = std::min(made.first_us, first_us);
    made.last_us = std::max(made.last_us, last_us);
    if (made.allow.empty()) made.allow = allow;
    if (!trace.empty() && made.traces.size() < kTraces) made.traces.push_back(telemetry::hex(trace));
  }

  bool cut() const { return cut_; }
  json to_json() const {
    json list = json::array();
    for (const auto& [kind, made] : made_) {
      json call = {{"from", kind.from},
                   {"to", kind.to},
                   {"protocol", kind.protocol},
                   {"verdict", kind.verdict},
                   {"count", made.count},
                   {"first_ms", made.first_us / 1000},
                   {"last_ms", made.last_us / 1000},
                   {"traces", made.traces}};
      if (kind.port != 0) call["port"] = kind.port;
      if (!kind.method.empty()) call["method"] = kind.method;
      if (!kind.path.empty()) call["path"] = kind.path;
      if (!made.allow.empty()) call["allow"] = made.allow;
      list.push_back(std::move(call));
    }
    return list;
  }

 private:
  std::map<Kind, Made> made_;
  bool cut_ = false;
};

// What came through a callee's wall, or went outside.
Result<> add_spans(WindowReader& window, Range range, MadeCalls& calls) {
  const auto statement = window.statement(
      "SELECT caller, callee, port, protocol, method, path, count(*), min(start), max(start), max(trace) FROM spans "
      "WHERE start BETWEEN ? AND ? AND hop IN (?, ?) AND NOT (status = 403 AND cause <> 0) "
      "GROUP BY caller, callee, port, protocol, method, path");
  if (!statement) return fail(statement.error());
  Statement& select = **statement;
  select.bind(1, range.from_us());
  select.bind(2, range.to_us());
  select.bind(3, window.number("inner"));
  select.bind(4, window.number("egress"));
  Result<bool> row = select.step();
  for (; row && *row; row = select.step()) {
    const auto name = [&](int column) { return std::string(window.name(select.integer(column))); };
    calls.add({name(0), name(1), name(3), name(4), std::string(select.text(5)), "allowed", select.integer(2)},
              select.integer(6), select.integer(7), select.integer(8), select.blob(9), "");
  }
  select.reset();
  if (!row) return fail(std::move(row.error()));
  return {};
}

// What was refused, and what passed although no rule covers it.
Result<> add_decisions(WindowReader& window, Range range, MadeCalls& calls) {
  const auto statement = window.statement(
      "SELECT subject, object, action, verdict, max(allow), sum(count), min(at), max(at), max(trace) FROM decisions "
      "WHERE at BETWEEN ? AND ? AND kind = 'request' GROUP BY subject, object, action, verdict");
  if (!statement) return fail(statement.error());
  Statement& select = **statement;
  select.bind(1, range.from_us());
  select.bind(2, range.to_us());
  Result<bool> row = select.step();
  for (; row && *row; row = select.step()) {
    Kind kind;
    kind.from = select.text(0);
    kind.to = select.text(1);
    kind.verdict = select.text(3);
    const std::string_view action = select.text(2);  // "POST /charges", or "tcp :5432"
    const std::size_t space = std::min(action.find(' '), action.size());
    const std::string_view rest = action.substr(std::min(space + 1, action.size()));
    if (rest.starts_with(':')) {
      kind.protocol = action.substr(0, space);
      kind.port = std::atoi(std::string(rest.substr(1)).c_str());  // NOLINT(cert-err34-c): 0 is no port
    } else {
      kind.method = action.substr(0, space);
      kind.path = rest;
    }
    calls.add(std::move(kind), select.integer(5), select.integer(6), select.integer(7), select.blob(8), select.text(4));
  }
  select.reset();
  if (!row) return fail(std::move(row.error()));
  return {};
}

}  // namespace

Result<json> made_calls(Reader& reader, const Question& question, std::vector<std::string>& not_seen) {
  MadeCalls calls;
  for (WindowReader* window : reader.windows(question.range, not_seen)) {
    if (auto added = add_spans(*window, question.range, calls); !added) return fail(std::move(added.error()));
    if (auto added = add_decisions(*window, question.range, calls); !added) return fail(std::move(added.error()));
  }
  if (calls.cut())
    not_seen.push_back(
        fmt::format("kinds of calls beyond the first {}: paths with ids in them are each a kind", kMostKinds));
  return json{{"calls", calls.to_json()}};
}

}  // namespace bulkhead::collect
