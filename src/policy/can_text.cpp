#include <iterator>

#include <fmt/ranges.h>

#include "policy/can.hpp"
#include "policy/walk.hpp"

namespace bulkhead::policy {

using nlohmann::json;

namespace {

std::string rule_of(const Step& step) {
  const Position* position = step.decision.position();
  return position ? fmt::format("{}, {}", step.decision.rule(), manifest::to_string(*position)) : "";
}

std::string_view spoken_verdict(const Step& step) {
  if (step.decision.audited) return "allowed, as it is only audited";
  if (step.decision.learned) return "allowed, as it is learned";
  return step.decision.verdict == Verdict::unknown ? "depends" : to_string(step.decision.verdict);
}

void write_step(std::string& text, const Step& step) {
  auto out = std::back_inserter(text);
  fmt::format_to(out, "  {} -> {}  {}  {}  ({})\n", spoken_party(step.edge->from), spoken_target(*step.edge), step.what,
                 spoken_verdict(step), rule_of(step));
  if (!step.depends.empty()) fmt::format_to(out, "      depends on {}\n", fmt::join(step.depends, ", "));
  if (!step.decision.reason.empty()) fmt::format_to(out, "      {}\n", step.decision.reason);
  for (const std::string& each : step.except) fmt::format_to(out, "      but not {}\n", each);
}

std::string spoken_asker(const Asker& user) {
  return user.nobody() ? "nobody in particular" : fmt::format("{} of {}", user.subject, user.provider);
}

json step_json(const Step& step) {
  json value{{"from", step.edge->from},
             {"to", step.edge->to},
             {"port", step.edge->port.number},
             {"what", step.what},
             {"verdict", to_string(step.decision.verdict)},
             {"audited", step.decision.audited},
             {"learned", step.decision.learned},
             {"rule", step.decision.rule()},
             {"reason", step.decision.reason},
             {"depends", step.depends},
             {"except", step.except}};
  if (const Position* position = step.decision.position()) value["position"] = manifest::to_string(*position);
  return value;
}

json steps_json(const std::vector<Step>& steps) {
  json list = json::array();
  for (const Step& step : steps) list.push_back(step_json(step));
  return list;
}

}  // namespace

std::string to_text(const Permit& permit, const Asking& asking) {
  std::string text = fmt::format("{}, {} {}{}: {}\n", spoken_asker(asking.user), asking.method, asking.host,
                                 asking.path, to_string(permit.verdict));
  auto out = std::back_inserter(text);
  if (!permit.why.empty()) fmt::format_to(out, "  {}\n", permit.why);
  if (permit.route) fmt::format_to(out, "At the gateway, by the route at {}\n", manifest::to_string(*permit.route));
  for (const Step& step : permit.gateway) write_step(text, step);
  if (!permit.depends.empty()) fmt::format_to(out, "  It also depends on {}\n", fmt::join(permit.depends, ", "));
  if (!permit.beyond.empty()) text += "What it may cause, where services hand the user on\n";
  for (const Step& step : permit.beyond) write_step(text, step);
  return text;
}

json to_json(const Permit& permit, const Asking& asking) {
  json value{{"user", asking.user.subject},
             {"provider", asking.user.provider},
             {"method", asking.method},
             {"host", asking.host},
             {"path", asking.path},
             {"verdict", to_string(permit.verdict)},
             {"why", permit.why},
             {"depends", permit.depends},
             {"gateway", steps_json(permit.gateway)},
             {"beyond", steps_json(permit.beyond)}};
  if (permit.route) value["route"] = manifest::to_string(*permit.route);
  return value;
}

}  // namespace bulkhead::policy
