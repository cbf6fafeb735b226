#include "cli/status_view.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/table.hpp"
#include "policy/decide.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

Tone tone_of(const std::string& state) {
  if (state == "ready" || state == "done" || state == "scheduled") return Tone::green;
  if (state == "backoff" || state == "failed") return Tone::red;
  return Tone::yellow;
}

// "ready", or what is the matter with how many: "1 ready, 1 backoff".
Cell state_cell(const json& service) {
  std::map<std::string, int> count;
  for (const json& instance : service["instances"]) ++count[instance["state"].get<std::string>()];
  if (count.empty()) return {"stopped", Tone::dim};
  if (count.size() == 1) return {count.begin()->first, tone_of(count.begin()->first)};
  std::string text;
  Tone tone = Tone::green;
  for (const auto& [state, number] : count) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", number, state);
    if (tone_of(state) != Tone::green) tone = tone_of(state);
  }
  return {text, tone};
}

std::string certificate_text(const json& service, std::int64_t now) {
  std::int64_t first = 0;
  for (const json& instance : service["instances"])
    if (const auto end = instance.value("not_after", std::int64_t{0}); end > 0 && (first == 0 || end < first))
      first = end;
  return first == 0 ? "-" : time_left_text(first - now);
}

std::vector<Cell> row_of(const json& service, std::int64_t now) {
  const json& totals = service["totals"];
  const auto number = [](const json& value) {
    return Cell{fmt::format("{}", value.get<std::uint64_t>()), Tone::plain, true};
  };
  const bool quiet = totals["requests"].get<std::uint64_t>() == 0;
  const auto latency = [&](const char* key) {
    return Cell{quiet ? "-" : duration_text(totals[key].get<std::int64_t>()), Tone::plain, true};
  };
  std::size_t up = 0;
  for (const json& instance : service["instances"])
    up += instance["state"] == "ready" || instance["state"] == "done" ? 1 : 0;
  Cell errors = number(totals["errors"]);
  if (totals["errors"].get<std::uint64_t>() > 0) errors.tone = Tone::red;
  return {{service["name"].get<std::string>(), Tone::bold},
          {fmt::format("{}/{}", up, service["scale"].get<int>()), Tone::plain, true},
          state_cell(service),
          {service["spiffe_id"].get<std::string>(), Tone::dim},
          {certificate_text(service, now), Tone::plain, true},
          number(totals["requests"]),
          errors,
          latency("p50_us"),
          latency("p99_us")};
}

// How far the service's update is, and why it is not what the manifest says.
void add_update(std::string& text, const json& service) {
  const std::string name = service["name"];
  if (const std::string why = service.value("pinned", ""); !why.empty())
    text += fmt::format("\n{}: {}; `bulkhead up` tries the manifest again", name, tinted(why, Tone::yellow));
  if (!service.contains("updating")) return;
  const json& updating = service["updating"];
  const int left = updating.value("left", 0);
  text += fmt::format("\n{}: becomes revision {}{}{}", name, service.value("revision", 0),
                      updating.value("canary", false) ? ", whose first instance is watched" : "",
                      left == 0 ? "" : fmt::format("; {} of an earlier one still there", left));
}

void add_reasons(std::string& text, const json& status) {
  for (const json& service : status["services"]) {
    add_update(text, service);
    for (const json& instance : service["instances"]) {
      const std::string reason = instance.value("reason", "");
      const std::string rejected = instance.value("rejected", "");
      if (!reason.empty() && instance["state"] != "ready") {
        text += fmt::format("\n{}: {}: {}", instance["id"].get<std::string>(), instance["state"].get<std::string>(),
                            reason);
        if (const int restarts = instance.value("restarts", 0); restarts > 0)
          text += fmt::format(" (restarted {} times)", restarts);
        if (instance.contains("retry_ms"))
          text += fmt::format(", again in {} ms", instance["retry_ms"].get<std::int64_t>());
      }
      if (!rejected.empty())
        text += fmt::format("\n{}: refused its configuration: {}", instance["id"].get<std::string>(), rejected);
      if (rejected.empty() && instance["state"] == "ready" && instance.value("behind", false))
        text += fmt::format("\n{}: its sidecar still goes by what was before the last change",
                            instance["id"].get<std::string>());
    }
  }
}

void add_not_enforced(std::string& text, const json& status) {
  std::map<std::string, std::set<std::string>> concerned;
  for (const json& service : status["services"])
    for (const json& instance : service["instances"])
      for (const json& each : instance.value("not_enforced", json::array()))
        concerned[fmt::format("not enforced: {}: {}. {}", each["what"].get<std::string>(),
                              each["reason"].get<std::string>(), each["fix"].get<std::string>())]
            .insert(service["name"]);
  for (const auto& [line, services] : concerned) {
    std::string names;
    for (const std::string& name : services) names += (names.empty() ? "" : ", ") + name;
    text += "\n" + tinted(line, Tone::yellow) + " (" + names + ")";
  }
}

double seconds_of(const json& each) { return static_cast<double>(each.value("ms_left", std::int64_t{0})) / 1000; }

// Calls that do not go through for now, and instances that a caller leaves alone.
void add_calls(std::string& text, const json& status) {
  for (const json& call : status.value("calls", json::array())) {
    const std::string who = fmt::format("\n{}: {} to {}:{}: ", call.value("seen_by", ""), call.value("rule", ""),
                                        call.value("to", ""), call.value("port", 0));
    if (call.contains("breaker")) {
      const json& breaker = call["breaker"];
      text += who + tinted("circuit " + breaker.value("state", ""), Tone::yellow) + ": " + breaker.value("reason", "");
      if (const double left = seconds_of(breaker); left > 0) text += fmt::format(", tried again in {:.1f} s", left);
    }
    for (const json& each : call.value("ejected", json::array()))
      text += who + fmt::format("{} failed in a row and is left alone for {:.1f} s", each.value("instance", ""),
                                seconds_of(each));
  }
}

// " (team shop)": whom to ask.
std::string owner_of(const json& status, const std::string& service) {
  for (const json& each : status["services"])
    if (each["name"] == service && !each.value("owner", "").empty())
      return fmt::format(" ({})", each["owner"].get<std::string>());
  return {};
}

void add_modes(std::string& text, const json& status) {
  std::vector<std::string> learning;
  for (const json& service : status["services"]) {
    const std::string mode = service.value("mode", "");
    if (mode == "audit")
      text += fmt::format("\n{} requests to {} are audited: what its rules do not cover passes",
                          tinted("not enforced:", Tone::red), service["name"].get<std::string>());
    if (mode == "learn") learning.push_back(service["name"]);
  }
  if (!learning.empty())
    text += fmt::format("\n{} {} {}: calls between services that learn pass, declared or not",
                        tinted("not enforced:", Tone::red), fmt::join(learning, ", "),
                        learning.size() == 1 ? "learns" : "learn");
}

// What passes only as it is learned, with what to write.
void add_learned(std::string& text, const json& status) {
  constexpr std::size_t kMostKinds = 12;  // of one caller and callee
  std::map<std::string, std::map<std::string, std::uint64_t>> calls;
  for (const json& each : status.value("learned", json::array())) {
    const std::string caller = each.value("caller", "");
    const std::string allow = each.value("allow", "");
    std::string kind;
    for (const char* part : {"method", "path"})
      if (const std::string value = each.value(part, ""); !value.empty()) kind += " " + value;
    if (policy::is_added(allow)) kind += fmt::format("; to keep it, write under {}: {}", caller, allow);
    calls[fmt::format("{} -> {}", caller, each.value("callee", ""))][kind] += each.value("count", std::uint64_t{0});
  }
  for (const auto& [call, kinds] : calls) {
    std::size_t shown = 0;
    for (const auto& [kind, count] : kinds)
      if (shown++ < kMostKinds)
        text += fmt::format("\n{} {}{} ({} times)", tinted("learned:", Tone::red), call, kind, count);
    if (kinds.size() > kMostKinds)
      text += fmt::format("\n{} {}: {} other kinds; status --json has all", tinted("learned:", Tone::red), call,
                          kinds.size() - kMostKinds);
  }
}

void add_denied(std::string& text, const json& status) {
  std::map<std::string, std::uint64_t> kinds;
  for (const json& denial : status["denied"]) {
    const std::string caller = denial.value("caller", ""), callee = denial.value("callee", "");
    const std::string allow = denial.value("allow", "");
    const std::string where = policy::is_added(allow) ? "under " + caller : "in the rule that refuses it";
    const std::string how = allow.empty() ? "" : fmt::format("; to allow it, write {}: {}", where, allow);
    kinds[fmt::format("{} -> {}{} {} {}: {}{}", caller, callee, owner_of(status, callee), denial.value("method", ""),
                      denial.value("path", ""), denial.value("reason", ""), how)] +=
        denial.value("count", std::uint64_t{0});
  }
  for (const auto& [line, count] : kinds)
    text += fmt::format("\n{} {} ({} times)", tinted("denied:", Tone::red), line, count);
}

std::string table_text(const json& status, std::int64_t unix_now) {
  std::vector<std::string> head{"SERVICE",  "UP",     "STATE", "IDENTITY", "CERTIFICATE",
                                "REQUESTS", "ERRORS", "P50",   "P99"};
  const bool owned =
      std::ranges::any_of(status["services"], [](const json& service) { return !service.value("owner", "").empty(); });
  if (owned) head.emplace_back("OWNER");
  std::vector<std::vector<Cell>> rows;
  for (const json& service : status["services"]) {
    rows.push_back(row_of(service, unix_now));
    if (owned) rows.back().push_back({service.value("owner", "")});
  }
  return rows.empty() ? std::string() : table(head, rows);
}

}  // namespace

std::string status_text(const json& status, std::int64_t unix_now) {
  std::string text = table_text(status, unix_now);
  std::string notes;
  add_reasons(notes, status);
  add_not_enforced(notes, status);
  add_modes(notes, status);
  add_calls(notes, status);
  add_learned(notes, status);
  add_denied(notes, status);
  for (const json& run : status.value("runs", json::array()))
    notes += fmt::format("\n{}: {} runs a command {} {}", run.value("instance", ""), run.value("by", ""),
                         run.value("beside", false) ? "beside" : "in the place of", run.value("service", ""));
  std::vector<std::string> idle;
  for (const json& service : status.value("not_started", json::array())) idle.push_back(service);
  if (!idle.empty()) notes += fmt::format("\nnot started: {}; bulkhead up starts everything", fmt::join(idle, ", "));
  for (const json& problem : status.value("problems", json::array()))
    notes += "\n" + tinted("problem: ", Tone::red) + problem.get<std::string>();
  if (!notes.empty()) text += notes + "\n";
  if (status.contains("gateway"))
    for (const json& url : status["gateway"]["urls"])
      text += "\ngateway: " + tinted(url.get<std::string>(), Tone::bold) + "\n";
  return text;
}

}  // namespace bulkhead::cli
