#include "collect/attempts.hpp"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr std::size_t kMost = 50;
constexpr std::int64_t kQuietMicros = 10'000'000;
constexpr std::int64_t kLongestMicros = 60'000'000;  // of requests that are counted as under way

struct Served {
  std::string service;
  std::int64_t from_us = 0, to_us = 0;
};

std::vector<Served> served_in(const json& trace) {
  std::vector<Served> served;
  for (const json& span : trace["spans"]) {
    if (span.value("hop", "") != "inner") continue;
    const std::int64_t start = span.value("start_us", std::int64_t{0});
    served.push_back({span.value("callee", ""), start, start + span.value("duration_us", std::int64_t{0})});
  }
  return served;
}

// How many requests of the service were under way, and so may have done it.
Result<std::int64_t> under_way(WindowReader& window, const std::string& service, std::int64_t at_us) {
  const auto statement = window.statement(
      "SELECT count(*) FROM spans WHERE start BETWEEN ? AND ? AND callee = ? AND hop = ? AND start + us >= ?");
  if (!statement) return fail(statement.error());
  Statement& select = **statement;
  select.bind(1, at_us - kLongestMicros);
  select.bind(2, at_us);
  select.bind(3, window.number(service));
  select.bind(4, window.number("inner"));
  select.bind(5, at_us);
  const Result<bool> row = select.step();
  const std::int64_t count = row && *row ? select.integer(0) : 0;
  select.reset();
  if (!row) return fail(row.error());
  return std::max<std::int64_t>(count, 1);
}

Result<std::vector<json>> attempts_in(WindowReader& window, std::int64_t from_us, std::int64_t to_us,
                                      const std::set<std::string>& services) {
  std::vector<json> found;
  const auto statement = window.statement(
      "SELECT at, kind, subject, action, allow, verdict, reason, count FROM decisions WHERE at BETWEEN ? AND ? AND "
      "kind "
      "<> 'request'");
  if (!statement) return fail(statement.error());
  Statement& select = **statement;
  select.bind(1, from_us);
  select.bind(2, to_us);
  Result<bool> row = select.step();
  for (; row && *row && found.size() < kMost; row = select.step()) {
    if (!services.contains(std::string(select.text(2)))) continue;
    found.push_back({{"at_us", select.integer(0)},
                     {"kind", select.text(1)},
                     {"subject", select.text(2)},
                     {"action", select.text(3)},
                     {"allow", select.text(4)},
                     {"verdict", select.text(5)},
                     {"reason", select.text(6)},
                     {"count", select.integer(7)}});
  }
  select.reset();
  if (!row) return fail(row.error());
  return found;
}

}  // namespace

Result<> add_attempts(Reader& reader, json& trace, std::vector<std::string>& not_seen) {
  const std::vector<Served> served = served_in(trace);
  if (served.empty()) return {};
  std::set<std::string> services;
  std::int64_t from = served.front().from_us, to = served.front().to_us;
  for (const Served& each : served) {
    services.insert(each.service);
    from = std::min(from, each.from_us);
    to = std::max(to, each.to_us);
  }
  from -= kQuietMicros;
  for (WindowReader* window : reader.windows({from / 1000, to / 1000}, not_seen)) {
    auto found = attempts_in(*window, from, to, services);
    if (!found) return fail(std::move(found.error()));
    for (json& attempt : *found) {
      const std::int64_t at = attempt["at_us"].get<std::int64_t>();
      const std::string& subject = attempt["subject"].get_ref<const std::string&>();
      const bool meanwhile = std::ranges::any_of(served, [&](const Served& each) {
        return each.service == subject && each.from_us <= at && at <= each.to_us;
      });
      double confidence = 0;
      if (meanwhile) {
        const auto others = under_way(*window, subject, at);
        if (!others) return fail(others.error());
        confidence = 1.0 / static_cast<double>(*others);
      }
      attempt["inferred"] = {{"confidence", confidence}};
      trace[meanwhile ? "denied" : "earlier"].push_back(std::move(attempt));
    }
  }
  return {};
}

}  // namespace bulkhead::collect
