// policy suggest, policy try: the manifest held against the calls that were really made.

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/collector.hpp"
#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "policy/decide.hpp"
#include "policy/model.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

// One kind of call that was made or tried.
struct Made {
  std::string from, to, protocol, method, path, verdict, allow;
  std::uint16_t port = 0;
  std::int64_t count = 0, first_ms = 0, last_ms = 0;
  std::string trace;
};

Made made_of(const json& call) {
  Made made;
  made.from = call.value("from", "");
  made.to = call.value("to", "");
  made.protocol = call.value("protocol", "");
  made.method = call.value("method", "");
  made.path = call.value("path", "");
  made.verdict = call.value("verdict", "");
  made.allow = call.value("allow", "");
  made.port = call.value("port", std::uint16_t{0});
  made.count = call.value("count", std::int64_t{0});
  made.first_ms = call.value("first_ms", std::int64_t{0});
  made.last_ms = call.value("last_ms", std::int64_t{0});
  const json traces = call.value("traces", json::array());
  if (!traces.empty()) made.trace = traces[0];
  return made;
}

bool is_of(const policy::Edge& edge, const Made& made) {
  return edge.from == made.from && edge.to == made.to && (made.port == 0 || edge.port.number == made.port);
}

std::string evidence(const Made& made) {
  return fmt::format("{} times, {} to {}{}", made.count, local_time(made.first_ms * 1000, "%d %b %H:%M:%S"),
                     local_time(made.last_ms * 1000, "%d %b %H:%M:%S"),
                     made.trace.empty() ? "" : ", trace " + made.trace);
}

json evidence_json(const Made& made) {
  return {{"count", made.count}, {"first_ms", made.first_ms}, {"last_ms", made.last_ms}, {"trace", made.trace}};
}

std::string spoken(const std::string& service) { return service == policy::kGateway ? "gateway" : service; }

// The lines that are missing, each once, by who would have them.
std::map<std::pair<std::string, std::string>, Made> missing_lines(const std::vector<Made>& calls) {
  std::map<std::pair<std::string, std::string>, Made> lines;
  for (const Made& made : calls) {
    if (!policy::is_added(made.allow)) continue;
    const auto [place, is_new] = lines.try_emplace({made.from, made.allow}, made);
    if (is_new) continue;
    Made& line = place->second;
    line.count += made.count;
    line.first_ms = std::min(line.first_ms, made.first_ms);
    line.last_ms = std::max(line.last_ms, made.last_ms);
    // What passed says more than what was refused.
    if (made.verdict != "denied") line.verdict = made.verdict;
  }
  return lines;
}

struct Unused {
  std::string rule, text;
  manifest::Position position;
};

// What is declared and no call of the window used.
std::vector<Unused> unused_rules(const policy::Model& model, const std::vector<Made>& calls) {
  std::vector<Unused> unused;
  const auto used = [&](const policy::Edge& edge, const policy::Permission* permission) {
    return std::ranges::any_of(calls, [&](const Made& made) {
      return made.verdict == "allowed" && is_of(edge, made) &&
             (permission == nullptr || permission->covers(made.method, made.path));
    });
  };
  for (const policy::Edge& edge : model.edges) {
    if (!edge.is_declared()) continue;
    if (!used(edge, nullptr)) {
      unused.push_back({edge.id, "all of it", edge.position});
      continue;
    }
    for (const policy::Permission& permission : edge.permissions)
      if (!used(edge, &permission)) unused.push_back({permission.id, permission.text, permission.position});
  }
  return unused;
}

std::expected<std::pair<json, std::vector<Made>>, int> recorded_calls(const Context& context,
                                                                      const policy::Model& model,
                                                                      const std::string& since) {
  auto answer = ask_collector(context, "GET", "/api/v1/calls" + Query().add("from", since).text());
  if (!answer) return std::unexpected(answer.error());
  std::vector<Made> calls;
  // The collector calls the gateway so where no service has that name.
  for (const json& call : (*answer)["calls"]) {
    calls.push_back(made_of(call));
    if (calls.back().from == "gateway" && model.service("gateway") == nullptr) calls.back().from = policy::kGateway;
  }
  return std::pair(std::move(*answer), std::move(calls));
}

manifest::Protocol protocol_of(const policy::Model& model, const Made& made) {
  for (const policy::Edge& edge : model.edges)
    if (is_of(edge, made)) return edge.protocol;
  return made.protocol == "tcp"    ? manifest::Protocol::tcp
         : made.protocol == "grpc" ? manifest::Protocol::grpc
                                   : manifest::Protocol::http;
}

// "allowed", "denied", or "depends" where a real request's fields or user decide.
std::pair<std::string, policy::Decision> verdict_of(const policy::Model& model, const Made& made) {
  policy::Attempt attempt{made.from, made.to, {made.port}, protocol_of(model, made), made.method, made.path};
  if (made.port == 0)  // a refusal knows it only where the connection was raw: the callee's first
    for (const policy::Edge& edge : model.edges)
      if (edge.from == made.from && edge.to == made.to) {
        attempt.port = edge.port;
        break;
      }
  policy::Decision decision = policy::decide(model.edges, attempt);
  if (decision.verdict == policy::Verdict::unknown) return {"depends", decision};
  return {decision.allowed() ? decision.enforced() ? "allowed" : "not enforced" : "denied", decision};
}

}  // namespace

int policy_suggest(const Context& context, const std::string& since) {
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  const auto recorded = recorded_calls(context, opened->loaded.model, since);
  if (!recorded) return recorded.error();
  const auto& [answer, calls] = *recorded;
  const auto lines = missing_lines(calls);
  const auto unused = unused_rules(opened->loaded.model, calls);
  if (context.json) {
    json shown = {{"add", json::array()}, {"unused", json::array()}, {"window", answer["window"]}};
    for (const auto& [key, made] : lines)
      shown["add"].push_back({{"service", spoken(key.first)},
                              {"line", key.second},
                              {"verdict", made.verdict},
                              {"evidence", evidence_json(made)}});
    for (const Unused& each : unused)
      shown["unused"].push_back({{"rule", each.rule}, {"text", each.text}, {"at", manifest::to_string(each.position)}});
    return say(shown.dump(2)), kDone;
  }
  bool passed = false, refused = false;
  for (const auto& [key, made] : lines) (made.verdict == "denied" ? refused : passed) = true;
  if (passed) say(tinted("Passed though no rule covers it; these lines would:", Tone::bold));
  for (const auto& [key, made] : lines)
    if (made.verdict != "denied")
      say(fmt::format("  {:<14} {}\n  {:<14} {}", spoken(key.first), key.second, "",
                      tinted(evidence(made), Tone::dim)));
  if (refused) say(tinted("Was refused; these lines would allow it, if it is meant to be:", Tone::bold));
  for (const auto& [key, made] : lines)
    if (made.verdict == "denied")
      say(fmt::format("  {:<14} {}\n  {:<14} {}", spoken(key.first), key.second, "",
                      tinted(evidence(made), Tone::dim)));
  if (!unused.empty()) say(tinted("Declared, and never used:", Tone::bold));
  for (const Unused& each : unused)
    say(fmt::format("  {:<34} {}  {}", each.rule, each.text, tinted(manifest::to_string(each.position), Tone::dim)));
  if (lines.empty() && unused.empty()) say("the manifest allows what was called, and nothing besides");
  say_window(answer);
  return kDone;
}

int policy_try(const Context& context, const std::string& file, const std::string& since) {
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  Context changed = context;
  changed.files = {file};
  changed.named_files = true;
  changed.file = file;
  const auto tried = open_manifest(changed);
  if (!tried) return tried.error();
  const auto recorded = recorded_calls(context, opened->loaded.model, since);
  if (!recorded) return recorded.error();
  const auto& [answer, calls] = *recorded;
  json differences = json::array();
  std::vector<std::vector<Cell>> rows;
  for (const Made& made : calls) {
    const auto [before, old_decision] = verdict_of(opened->loaded.model, made);
    const auto [after, decision] = verdict_of(tried->loaded.model, made);
    if (before == after) continue;
    const manifest::Position* position = decision.position();
    const std::string at = position == nullptr ? "" : manifest::to_string(*position);
    differences.push_back({{"from", spoken(made.from)},
                           {"to", made.to},
                           {"method", made.method},
                           {"path", made.path},
                           {"protocol", made.protocol},
                           {"before", before},
                           {"after", after},
                           {"rule", decision.rule()},
                           {"rule_at", at},
                           {"reason", decision.reason},
                           {"evidence", evidence_json(made)}});
    rows.push_back({{spoken(made.from)},
                    {made.to},
                    {made.method.empty() ? made.protocol : made.method + " " + made.path},
                    {before},
                    {after, after == "denied"    ? Tone::red
                            : after == "allowed" ? Tone::green
                                                 : Tone::yellow},
                    {fmt::format("{}", made.count), Tone::plain, true},
                    {at, Tone::dim}});
  }
  if (context.json) {
    say(json{{"changes", differences}, {"calls", calls.size()}, {"window", answer["window"]}}.dump(2));
  } else {
    if (rows.empty()) {
      say(fmt::format("none of the {} kinds of calls would be decided otherwise", calls.size()));
    } else {
      fmt::print("{}", table({"FROM", "TO", "REQUEST", "BEFORE", "AFTER", "TIMES", "RULE"}, rows));
    }
    say_window(answer);
  }
  return rows.empty() ? kDone : kFailed;
}

}  // namespace bulkhead::cli
