#include "compartments/keeper_state.hpp"

#include <nlohmann/json.hpp>

namespace bulkhead::compartments {

using Json = nlohmann::json;

std::vector<int> KeeperState::descriptors() const {
  std::vector<int> all{init, sidecar};
  for (const auto& each : sockets) all.push_back(each.fd);
  for (const auto& each : output) all.push_back(each.fd);
  for (const auto& each : spec.listeners) all.push_back(each.fd);
  std::erase(all, -1);
  return all;
}

std::string to_json(const KeeperState& state) {
  Json sockets = Json::array();
  for (const auto& each : state.sockets) sockets.push_back({{"name", each.name}, {"fd", each.fd}});
  Json output = Json::array();
  // Bytes that are no text: by their numbers.
  for (const auto& each : state.output)
    output.push_back({{"fd", each.fd}, {"rest", std::vector<std::uint8_t>(each.rest.begin(), each.rest.end())}});
  Json missing = Json::array();
  for (const auto& each : state.not_enforced)
    missing.push_back({{"what", each.what}, {"reason", each.reason}, {"fix", each.fix}});
  return Json{{"protocol", kKeeperProtocol},
              {"spec", to_json(state.spec)},
              {"init", state.init},
              {"init_pid", state.init_pid},
              {"init_build", state.init_build},
              {"service_pid", state.service_pid},
              {"sidecar", state.sidecar},
              {"sidecar_pid", state.sidecar_pid},
              {"sockets", std::move(sockets)},
              {"output", std::move(output)},
              {"writes_to_second", state.writes_to_second},
              {"not_enforced", std::move(missing)}}
      .dump();
}

Result<KeeperState> parse_keeper_state(std::string_view text) {
  try {
    const Json value = Json::parse(text);
    if (value.at("protocol") != kKeeperProtocol) return fail(Cause::invalid, "a keeper's state of another protocol");
    KeeperState state;
    auto spec = parse_spec(value.at("spec").get<std::string>());
    if (!spec) return fail(within("a keeper's state", spec.error()));
    state.spec = std::move(*spec);
    state.init = value.at("init");
    state.init_pid = value.at("init_pid");
    state.init_build = value.value("init_build", "");
    state.service_pid = value.at("service_pid");
    state.sidecar = value.at("sidecar");
    state.sidecar_pid = value.at("sidecar_pid");
    for (const Json& each : value.at("sockets")) state.sockets.push_back({each.at("name"), each.at("fd")});
    const Json& output = value.at("output");
    for (std::size_t i = 0; i < state.output.size(); ++i) {
      const auto rest = output.at(i).at("rest").get<std::vector<std::uint8_t>>();
      state.output[i] = {output.at(i).at("fd"), std::string(rest.begin(), rest.end())};
    }
    state.writes_to_second = value.at("writes_to_second");
    for (const Json& each : value.at("not_enforced"))
      state.not_enforced.push_back({each.at("what"), each.at("reason"), each.at("fix")});
    return state;
  } catch (const Json::exception& error) {
    return fail(Cause::invalid, "a keeper's state is not as expected: {}", error.what());
  }
}

}  // namespace bulkhead::compartments
