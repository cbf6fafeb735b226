// doctor: what this host has and lacks; and the short form of it that stands before `up` and `resume`.

#include "control/doctor.hpp"

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "control/host.hpp"

namespace bulkhead::cli {

using control::Finding;
using nlohmann::json;

namespace {

Tone tone_of(Finding::State state) {
  switch (state) {
    case Finding::State::good: return Tone::green;
    case Finding::State::missing: return Tone::red;
    case Finding::State::limited:
    case Finding::State::unknown: return Tone::yellow;
  }
  return Tone::plain;
}

json to_json(const std::vector<Finding>& findings) {
  json list = json::array();
  for (const Finding& each : findings) {
    json entry{{"number", each.number},
               {"what", each.what},
               {"state", control::to_string(each.state)},
               {"found", each.found},
               {"document", control::document_of(each)}};
    if (!each.fix.empty()) entry["fix"] = each.fix;
    list.push_back(std::move(entry));
  }
  return {{"can_run", control::can_run(findings)}, {"checks", std::move(list)}};
}

void print(const std::vector<Finding>& findings) {
  std::vector<std::vector<Cell>> rows;
  for (const Finding& each : findings)
    rows.push_back({{std::to_string(each.number), Tone::dim, true},
                    {each.what, Tone::bold},
                    {control::to_string(each.state), tone_of(each.state)},
                    {each.found}});
  fmt::print("{}", table({"", "WHAT", "STATE", "FOUND"}, rows));
  for (const Finding& each : findings)
    if (!each.fix.empty()) fmt::print("\n{} {}\n  fix: {}\n", each.number, each.what, each.fix);
  const auto count = [&](Finding::State state) { return std::ranges::count(findings, state, &Finding::state); };
  say(fmt::format("\n{}; {} limited. Each number is explained in docs/doctor.md (man bulkhead-doctor).",
                  control::can_run(findings)
                      ? std::string("Services can be sealed here")
                      : fmt::format("No service can run here: {} missing", count(Finding::State::missing)),
                  count(Finding::State::limited)));
}

}  // namespace

bool host_is_able() {
  const auto missing = control::missing_on_host();
  for (const auto& each : missing)
    fmt::print(
        stderr,
        "bulkhead: this host can not seal a service: {}: {}\n  fix: {}\n  all that matters here: bulkhead doctor\n",
        each.what, each.reason, each.fix);
  return missing.empty();
}

int doctor(const Context& context) {
  const std::vector<Finding> findings = control::judge(control::look_at_host());
  if (context.json)
    say(to_json(findings).dump(2));
  else
    print(findings);
  return control::can_run(findings) ? kDone : kFailed;
}

}  // namespace bulkhead::cli
