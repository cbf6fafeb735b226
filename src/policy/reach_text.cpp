#include <iterator>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "policy/reach.hpp"
#include "policy/walk.hpp"

namespace bulkhead::policy {

using nlohmann::json;

namespace {

void write_hop(std::string& text, const Hop& hop, std::string_view indent) {
  fmt::format_to(std::back_inserter(text), "{}{} -> {}  {}  ({}, {})\n", indent, spoken_party(hop.edge->from),
                 spoken_target(*hop.edge), fmt::join(hop.what, ", "), hop.edge->id,
                 manifest::to_string(hop.edge->position));
  for (const std::string& each : hop.except)
    fmt::format_to(std::back_inserter(text), "{}    but not {}\n", indent, each);
  fmt::format_to(std::back_inserter(text), "{}    {}\n", indent, hop.assumption);
}

void write_list(std::string& text, std::string_view title, const std::vector<Reachable>& list) {
  if (list.empty()) return;
  fmt::format_to(std::back_inserter(text), "{}\n", title);
  for (const Reachable& each : list) {
    fmt::format_to(std::back_inserter(text), "  {}{}\n", each.name,
                   each.secrets.empty() ? "" : fmt::format("  holds the secrets: {}", fmt::join(each.secrets, ", ")));
    for (const auto& path : each.paths) {
      for (const Hop& hop : path) write_hop(text, hop, "    ");
    }
  }
}

json hop_json(const Hop& hop) {
  const Edge& edge = *hop.edge;
  return {{"from", edge.from},
          {"to", edge.to},
          {"port", edge.port.number},
          {"kind", to_string(edge.kind)},
          {"declared", edge.is_declared()},
          {"what", hop.what},
          {"except", hop.except},
          {"assumption", hop.assumption},
          {"rule", edge.id},
          {"position", manifest::to_string(edge.position)}};
}

json path_json(const std::vector<Hop>& path) {
  json list = json::array();
  for (const Hop& hop : path) list.push_back(hop_json(hop));
  return list;
}

json list_json(const std::vector<Reachable>& reachable) {
  json list = json::array();
  for (const Reachable& each : reachable) {
    json paths = json::array();
    for (const auto& path : each.paths) paths.push_back(path_json(path));
    list.push_back(
        {{"name", each.name}, {"outside", each.outside}, {"secrets", each.secrets}, {"paths", std::move(paths)}});
  }
  return list;
}

}  // namespace

std::string to_text(const Reach& reach) {
  std::string text;
  std::string from = spoken_party(reach.from);
  if (!reach.secrets.empty()) text += fmt::format("{} holds the secrets: {}\n", from, fmt::join(reach.secrets, ", "));
  if (reach.direct.empty()) text += fmt::format("{} can call nobody\n", from);
  write_list(text, fmt::format("{} can call directly", from), reach.direct);
  write_list(text, fmt::format("{} can reach through others", from), reach.through);
  text += "Not seen\n";
  for (const std::string& sentence : reach.unseen) text += fmt::format("  {}\n", sentence);
  return text;
}

std::string to_text(const Answer& answer, std::string_view from, std::string_view to) {
  std::string text = fmt::format("{} -> {}: {}", from, to, to_string(answer.verdict));
  if (answer.verdict != answer.indirect) text += fmt::format("; through others: {}", to_string(answer.indirect));
  text += fmt::format("\n  {}\n", answer.why);
  for (const Hop& hop : answer.path) write_hop(text, hop, "  ");
  return text;
}

json to_json(const Reach& reach) {
  return {{"from", reach.from},
          {"secrets", reach.secrets},
          {"direct", list_json(reach.direct)},
          {"through", list_json(reach.through)},
          {"unseen", reach.unseen}};
}

json to_json(const Answer& answer, std::string_view from, std::string_view to) {
  json value{{"from", from},
             {"to", to},
             {"verdict", to_string(answer.verdict)},
             {"indirect", to_string(answer.indirect)},
             {"why", answer.why},
             {"path", path_json(answer.path)}};
  if (answer.denied_by)
    value["denied_by"] = {{"rule", answer.denied_by->id},
                          {"position", manifest::to_string(answer.denied_by->position)}};
  if (answer.rule) {
    value["rule"] = answer.rule->id;
    value["position"] = manifest::to_string(answer.rule->position);
  }
  return value;
}

}  // namespace bulkhead::policy
