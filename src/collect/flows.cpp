#include "collect/flows.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <nlohmann/json.hpp>

#include "collect/counts.hpp"
#include "policy/model.hpp"
#include "telemetry/histogram.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

struct Sum {
  std::int64_t requests = 0, errors = 0, sent = 0, received = 0, last_ms = 0, denied = 0;
  std::int64_t classes[6] = {};
  telemetry::Histogram latency;
};

using EdgeName = std::tuple<std::string, std::string, std::int64_t>;  // caller, callee, port

constexpr const char* kFlows =
    "SELECT at, caller_side, caller, callee, port, requests, errors, sent, received, c0, c1, c2, c3, c4, c5, latency "
    "FROM flows WHERE at BETWEEN ? AND ?";

// Calls `take(window, row)` for each row of `sql` within the range.
template <class Take>
Result<> each_row(Reader& reader, Range range, const std::string& sql, std::vector<std::string>& not_seen,
                  const Take& take) {
  for (WindowReader* window : reader.windows(range, not_seen)) {
    const auto statement = window->statement(sql);
    if (!statement) return fail(statement.error());
    Statement& select = **statement;
    select.bind(1, range.from_ms);
    select.bind(2, range.to_ms);
    Result<bool> row = select.step();
    for (; row && *row; row = select.step()) take(*window, select);
    select.reset();
    if (!row) return fail(std::move(row.error()));
  }
  return {};
}

void add_row(Sum& sum, const Statement& row) {
  sum.requests += row.integer(5);
  sum.errors += row.integer(6);
  sum.sent += row.integer(7);
  sum.received += row.integer(8);
  for (int i = 0; i < 6; ++i) sum.classes[i] += row.integer(9 + i);
  sum.last_ms = std::max(sum.last_ms, row.integer(0));
  if (const auto latency = telemetry::Histogram::decode(row.text(15))) sum.latency.merge(*latency);
}

void add_quantiles(json& value, const telemetry::Histogram& latency) {
  if (latency.count() == 0) return;
  value["p50_us"] = latency.quantile_micros(0.5);
  value["p90_us"] = latency.quantile_micros(0.9);
  value["p99_us"] = latency.quantile_micros(0.99);
}

json edge_json(const Sum& sum) {
  json edge = {{"requests", sum.requests}, {"errors", sum.errors}, {"denied", sum.denied},
               {"classes", sum.classes},   {"sent", sum.sent},     {"received", sum.received},
               {"last_ms", sum.last_ms}};
  add_quantiles(edge, sum.latency);
  return edge;
}

// Who called whom before `ms`, as far back as anything is kept.
Result<std::set<std::pair<std::string, std::string>>> called_before(Reader& reader, std::int64_t ms,
                                                                    std::vector<std::string>& not_seen) {
  std::set<std::pair<std::string, std::string>> called;
  const std::string pairs =
      "SELECT caller, callee FROM flows WHERE at BETWEEN ? AND ? AND requests > 0 GROUP BY caller, callee";
  auto read = each_row(reader, {0, ms - 1}, pairs, not_seen, [&](WindowReader& window, const Statement& row) {
    called.emplace(window.name(row.integer(0)), window.name(row.integer(1)));
  });
  if (!read) return fail(std::move(read.error()));
  return called;
}

}  // namespace

Result<json> graph(Reader& reader, const Question& question, const json& declared, std::vector<std::string>& not_seen) {
  std::map<EdgeName, Sum> sums[2];  // as the callee's side counted, and as the caller's
  auto read = each_row(reader, question.range, kFlows, not_seen, [&](WindowReader& window, const Statement& row) {
    const EdgeName name{window.name(row.integer(2)), window.name(row.integer(3)), row.integer(4)};
    add_row(sums[row.integer(1) != 0 ? 1 : 0][name], row);
  });
  if (!read) return fail(std::move(read.error()));

  json attempts = json::array(), noted = json::array();
  std::map<std::pair<std::string, std::string>, std::int64_t> denied;
  const std::string kinds =
      "SELECT max(at), caller, callee, method, path, reason, sum(count) FROM attempts WHERE at BETWEEN ? AND ? "
      "GROUP BY caller, callee, method, path, reason";
  read = each_row(reader, question.range, kinds, not_seen, [&](WindowReader& window, const Statement& row) {
    const std::string caller(window.name(row.integer(1))), callee(window.name(row.integer(2)));
    const std::string_view reason = window.name(row.integer(5));
    if (is_refusal(reason)) denied[{caller, callee}] += row.integer(6);
    const std::string method(row.text(3)), path(row.text(4));
    (is_refusal(reason) ? attempts : noted)
        .push_back({{"from", caller},
                    {"to", callee},
                    {"target", method.empty() || path.empty() ? method + path : method + " " + path},
                    {"reason", reason},
                    {"count", row.integer(6)},
                    {"last_ms", row.integer(0)}});
  });
  if (!read) return fail(std::move(read.error()));

  std::map<EdgeName, Sum> edges = std::move(sums[1]);
  for (const auto& [name, sum] : sums[0]) edges.try_emplace(name, sum);
  json shown = json::array();
  const auto show = [&](const EdgeName& name, Sum sum, const json* rule) {
    const auto& [from, to, port] = name;
    const auto refused = denied.find({from, to});
    sum.denied = refused == denied.end() ? 0 : refused->second;
    json edge = edge_json(sum);
    edge["from"] = from;
    edge["to"] = to;
    edge["port"] = port;
    edge["declared"] = rule != nullptr && rule->value("declared", true);
    if (rule != nullptr) {
      edge["id"] = (*rule)["id"];
      edge["protocol"] = (*rule)["protocol"];
      edge["kind"] = (*rule)["kind"];
    }
    shown.push_back(std::move(edge));
  };
  std::map<EdgeName, const json*> rules;
  if (declared.is_array())
    for (const json& edge : declared)
      rules.try_emplace(
          {edge["from"].get<std::string>(), edge["to"].get<std::string>(), edge["port"].get<std::int64_t>()}, &edge);
  for (const auto& [name, sum] : edges) {
    const auto rule = rules.find(name);
    show(name, sum, rule == rules.end() ? nullptr : rule->second);
  }
  for (const auto& [name, rule] : rules)
    if (!edges.contains(name)) show(name, Sum(), rule);
  const auto before = called_before(reader, question.range.from_ms, not_seen);
  if (!before) return fail(before.error());
  for (json& edge : shown)
    if (edge["last_ms"] != 0 && !before->contains({edge["from"], edge["to"]})) edge["new"] = true;
  // What was refused on an edge is counted there; attempts are the others.
  std::set<std::pair<std::string, std::string>> on_edges;
  for (const json& edge : shown) on_edges.emplace(edge["from"], edge["to"]);
  json others = json::array();
  for (json& attempt : attempts)
    if (!on_edges.contains({attempt["from"], attempt["to"]})) others.push_back(std::move(attempt));
  return json{{"edges", std::move(shown)}, {"attempts", std::move(others)}, {"noted", std::move(noted)}};
}

Result<json> series(Reader& reader, const Question& question, std::vector<std::string>& not_seen) {
  const std::int64_t step = question.step_s * 1000;
  const std::int64_t first = question.range.from_ms / step * step;
  const auto count = static_cast<std::size_t>((question.range.to_ms - first) / step + 1);
  std::vector<Sum> points(count);
  const auto point_of = [&](std::int64_t at_ms) -> Sum& {
    const auto index = static_cast<std::size_t>(std::max<std::int64_t>((at_ms - first) / step, 0));
    return points[std::min(index, count - 1)];
  };
  // A service is asked what it answered, which its own sidecar counts; the gateway what it asked, an edge its caller.
  const bool by_edge = !question.caller.empty() || !question.callee.empty();
  const bool caller_side = by_edge || question.service == policy::kGateway;
  const std::string& caller = by_edge                                ? question.caller
                              : question.service == policy::kGateway ? question.service
                                                                     : std::string();
  const std::string callee = by_edge                                ? question.callee
                             : question.service == policy::kGateway ? std::string()
                                                                    : question.service;
  const bool everything = !by_edge && question.service.empty();
  auto read = each_row(reader, question.range, kFlows, not_seen, [&](WindowReader& window, const Statement& row) {
    const bool from_caller = row.integer(1) != 0;
    const std::string_view from = window.name(row.integer(2)), to = window.name(row.integer(3));
    // The whole application's are those of its gateway; where it has none, those that each service answered.
    if (everything ? !from_caller || from != policy::kGateway : from_caller != caller_side) return;
    if (!everything && ((!caller.empty() && from != caller) || (!callee.empty() && to != callee))) return;
    add_row(point_of(row.integer(0)), row);
  });
  if (!read) return fail(std::move(read.error()));
  const std::string refusals = "SELECT at, caller, callee, count, reason FROM attempts WHERE at BETWEEN ? AND ?";
  read = each_row(reader, question.range, refusals, not_seen, [&](WindowReader& window, const Statement& row) {
    const std::string_view from = window.name(row.integer(1)), to = window.name(row.integer(2));
    if (!is_refusal(window.name(row.integer(4)))) return;
    if (by_edge ? from != question.caller || to != question.callee
                : !everything && from != question.service && to != question.service)
      return;
    point_of(row.integer(0)).denied += row.integer(3);
  });
  if (!read) return fail(std::move(read.error()));
  json shown = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    json point = {{"at_ms", first + static_cast<std::int64_t>(i) * step},
                  {"requests", points[i].requests},
                  {"errors", points[i].errors},
                  {"denied", points[i].denied}};
    add_quantiles(point, points[i].latency);
    shown.push_back(std::move(point));
  }
  return json{{"step_ms", step}, {"points", std::move(shown)}};
}

void tell_losses(Reader& reader, Range range, std::vector<std::string>& not_seen) {
  std::vector<std::string> unread;
  const std::string sql = "SELECT source, why, sum(lines) FROM losses WHERE at BETWEEN ? AND ? GROUP BY source, why";
  const auto read = each_row(reader, range, sql, unread, [&](WindowReader&, const Statement& row) {
    not_seen.push_back(fmt::format("{} lines of {}: {}", row.integer(2), row.text(0), row.text(1)));
  });
  static_cast<void>(read);  // a window that can't be read was told already
  std::int64_t thinned = 0;
  for (WindowReader* window : reader.windows(range, unread)) thinned += window->thinned();
  if (thinned > 0)
    not_seen.push_back(fmt::format(
        "{} spans of requests that were neither slow nor failed nor refused were thinned out; counts are whole",
        thinned));
}

}  // namespace bulkhead::collect
