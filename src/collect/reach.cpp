#include "collect/reach.hpp"

#include <deque>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>

namespace bulkhead::collect {

using nlohmann::json;

Result<json> reach_of(const json& application, const std::string& service) {
  if (!application.is_object())
    return fail(Cause::not_found, "the controller has not said yet what the application is");
  bool known = false;
  std::string names;
  for (const json& each : application.value("services", json::array())) {
    const std::string name = each.value("name", "");
    known = known || name == service;
    names += (names.empty() ? "" : ", ") + name;
  }
  if (!known) return fail(Cause::not_found, "no service is called '{}'; there are: {}", service, names);
  const json edges = application.value("edges", json::array());
  std::map<std::string, std::vector<std::string>> by;  // by which edges each was reached, on a shortest way
  by[service] = {};
  std::deque<std::string> next{service};
  json reaches = json::array(), outside = json::array();
  while (!next.empty()) {
    const std::string at = next.front();
    next.pop_front();
    for (const json& edge : edges) {
      if (edge.value("from", "") != at) continue;
      const std::string to = edge.value("to", "");
      std::vector<std::string> way = by[at];
      way.push_back(edge.value("id", ""));
      if (edge.value("kind", "") == "egress") {
        outside.push_back({{"name", to}, {"from", at}, {"by", way}});
      } else if (by.try_emplace(to, way).second) {
        reaches.push_back({{"service", to}, {"by", way}});
        next.push_back(to);
      }
    }
  }
  json not_seen = {
      "conditions and deny rules are not asked: what they refuse is counted as reachable here (bulkhead reach says "
      "more)"};
  return json{{"service", service},
              {"reaches", std::move(reaches)},
              {"outside", std::move(outside)},
              {"not_seen", std::move(not_seen)}};
}

}  // namespace bulkhead::collect
