#include "collect/counts.hpp"

#include <algorithm>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

using EdgeId = std::tuple<bool, std::string, std::string, std::int64_t>;
using KindId = std::tuple<std::string, std::string, std::string, std::string, std::string>;

struct Counts {
  std::int64_t time_us = 0;
  std::map<EdgeId, Flow> flows;
  std::map<KindId, std::int64_t> attempts;
};

Result<Counts> read_counts(std::string_view line) {
  const auto value = read_json(line);
  if (!value || !value->is_object()) return fail(Cause::invalid, "a line of counts is no JSON object");
  Counts counts;
  try {
    counts.time_us = value->at("time_us").get<std::int64_t>();
    for (const json& edge : value->at("edges")) {
      Flow flow;
      flow.caller_side = edge.at("side").get<std::string>() == "caller";
      flow.caller = edge.at("from").get<std::string>();
      flow.callee = edge.at("to").get<std::string>();
      flow.port = edge.at("port").get<std::int64_t>();
      flow.requests = edge.at("requests").get<std::int64_t>();
      flow.errors = edge.at("errors").get<std::int64_t>();
      flow.sent = edge.at("sent").get<std::int64_t>();
      flow.received = edge.at("received").get<std::int64_t>();
      flow.open = edge.at("open").get<std::int64_t>();
      const json& classes = edge.at("classes");
      for (std::size_t i = 0; i < std::size(flow.classes); ++i) flow.classes[i] = classes.at(i).get<std::int64_t>();
      auto latency = telemetry::Histogram::decode(edge.at("histogram").get<std::string>());
      if (!latency) return fail(std::move(latency.error()));
      flow.latency = *latency;
      EdgeId id{flow.caller_side, flow.caller, flow.callee, flow.port};
      counts.flows.insert_or_assign(std::move(id), std::move(flow));
    }
    for (const json& kind : value->at("denied")) {
      KindId id{kind.at("caller").get<std::string>(), kind.at("callee").get<std::string>(),
                kind.at("method").get<std::string>(), kind.at("path").get<std::string>(),
                kind.at("reason").get<std::string>()};
      counts.attempts[std::move(id)] += kind.at("count").get<std::int64_t>();
    }
  } catch (const json::exception& error) {
    return fail(Cause::invalid, "a line of counts: {}", error.what());
  }
  return counts;
}

constexpr std::size_t kProcesses = 3;

// Which process a line of counts is of, without reading all of it.
std::string_view process_of(std::string_view line) {
  constexpr std::string_view kSince = "\"since_us\":";
  const std::size_t at = line.find(kSince);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + kSince.size());
  return line.substr(0, line.find_first_not_of("0123456789"));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void subtract(Flow& flow, const Flow& before) {
  flow.requests -= before.requests;
  flow.errors -= before.errors;
  flow.sent -= before.sent;
  flow.received -= before.received;
  for (std::size_t i = 0; i < std::size(flow.classes); ++i) flow.classes[i] -= before.classes[i];
  flow.latency.subtract(before.latency);
}

}  // namespace

bool is_refusal(std::string_view reason) { return reason != "undeclared_answer" && reason != "would be denied"; }

std::string remember(std::string_view last, std::string_view line) {
  std::vector<std::string_view> kept = lines_of(last);
  std::erase_if(kept, [&](std::string_view each) { return process_of(each) == process_of(line); });
  kept.push_back(line);
  if (kept.size() > kProcesses) kept.erase(kept.begin());
  return fmt::format("{}", fmt::join(kept, "\n"));
}

Result<Flowed> flowed_since(std::string_view all_last, std::string_view after) {
  auto counts = read_counts(after);
  if (!counts) return fail(std::move(counts.error()));
  Counts last;
  for (const std::string_view line : lines_of(all_last)) {
    if (process_of(line) != process_of(after)) continue;
    auto read = read_counts(line);
    if (read) last = std::move(*read);
  }
  Flowed flowed;
  flowed.at_ms = counts->time_us / 1000;
  for (auto& [id, flow] : counts->flows) {
    if (const auto known = last.flows.find(id); known != last.flows.end()) subtract(flow, known->second);
    if (!flow.empty()) flowed.flows.push_back(std::move(flow));
  }
  for (const auto& [id, count] : counts->attempts) {
    const auto known = last.attempts.find(id);
    const std::int64_t more = count - (known == last.attempts.end() ? 0 : known->second);
    if (more <= 0) continue;
    const auto& [caller, callee, method, path, reason] = id;
    flowed.attempts.push_back({caller, callee, method, path, reason, more});
  }
  return flowed;
}

}  // namespace bulkhead::collect
