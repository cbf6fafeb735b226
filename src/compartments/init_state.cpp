#include "compartments/init_state.hpp"

#include <nlohmann/json.hpp>

#include "compartments/keeper_state.hpp"

namespace bulkhead::compartments {

std::vector<int> InitState::descriptors() const {
  std::vector<int> all{spec, keeper, desks[0], desks[1], secrets};
  all.insert(all.end(), cgroup_procs.begin(), cgroup_procs.end());
  std::erase(all, -1);
  return all;
}

std::string to_json(const InitState& state) {
  return nlohmann::json{{"protocol", kKeeperProtocol},
                        {"spec", state.spec},
                        {"keeper", state.keeper},
                        {"service", state.service},
                        {"cgroup_procs", state.cgroup_procs},
                        {"desks", state.desks},
                        {"secrets", state.secrets},
                        {"secrets_version", state.secrets_version}}
      .dump();
}

Result<InitState> parse_init_state(std::string_view text) {
  try {
    const nlohmann::json value = nlohmann::json::parse(text);
    if (value.at("protocol") != kKeeperProtocol) return fail(Cause::invalid, "an init's state of another protocol");
    return InitState{.spec = value.at("spec"),
                     .keeper = value.at("keeper"),
                     .service = value.at("service"),
                     .cgroup_procs = value.at("cgroup_procs"),
                     .desks = value.at("desks"),
                     .secrets = value.at("secrets"),
                     .secrets_version = value.at("secrets_version")};
  } catch (const nlohmann::json::exception& error) {
    return fail(Cause::invalid, "an init's state is not as expected: {}", error.what());
  }
}

}  // namespace bulkhead::compartments
