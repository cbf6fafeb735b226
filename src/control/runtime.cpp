#include "control/runtime.hpp"

#include <algorithm>
#include <optional>

#include "policy/model.hpp"

namespace bulkhead::control {

using nlohmann::json;

namespace {

constexpr Phase kPhases[] = {Phase::waiting, Phase::starting, Phase::unready, Phase::ready,    Phase::stopping,
                             Phase::backoff, Phase::done,     Phase::failed,  Phase::scheduled};

std::optional<Phase> phase_of(std::string_view text) {
  for (const Phase phase : kPhases)
    if (to_string(phase) == text) return phase;
  return std::nullopt;
}

json identity_json(const net::ProcessIdentity& identity) {
  return {{"pid", identity.pid}, {"start", identity.start_time}, {"boot", identity.boot_id}};
}

net::ProcessIdentity identity_of(const json& value) {
  return {value.at("pid").get<pid_t>(), value.at("start").get<std::uint64_t>(), value.at("boot").get<std::string>()};
}

json record_json(const Record& record) {
  json cgroups = json::array();
  for (const compartments::CgroupDirectory& directory : record.cgroups)
    cgroups.push_back({{"path", directory.path}, {"version", directory.version}});
  return {{"id", record.slot.id},
          {"service", record.slot.service},
          {"number", record.slot.number},
          {"epoch", record.slot.epoch},
          {"phase", to_string(record.slot.phase)},
          {"revision", record.slot.revision},
          {"restarts", record.slot.restarts},
          {"reason", record.slot.reason},
          {"keeper", identity_json(record.keeper)},
          {"sidecar", identity_json(record.sidecar)},
          {"address", record.address},
          {"not_after", record.not_after},
          {"cgroups", cgroups}};
}

Record record_of(const json& value) {
  Record record;
  record.slot.id = value.at("id");
  record.slot.service = value.at("service");
  record.slot.number = value.at("number");
  record.slot.epoch = value.at("epoch");
  record.slot.phase = phase_of(value.at("phase").get<std::string>()).value_or(Phase::unready);
  record.slot.revision = value.at("revision");
  record.slot.restarts = value.at("restarts");
  record.slot.reason = value.at("reason");
  record.keeper = identity_of(value.at("keeper"));
  record.sidecar = identity_of(value.at("sidecar"));
  record.address = value.at("address");
  record.not_after = value.at("not_after");
  for (const json& directory : value.at("cgroups"))
    record.cgroups.push_back({directory.at("path"), directory.at("version"), {}});
  return record;
}

}  // namespace

SidecarPeer* Runtime::peer_of(const net::FrameChannel& channel) {
  if (sidecar.channel == &channel) return &sidecar;
  return other.channel == &channel ? &other : nullptr;
}

void Runtime::add_not_enforced(const json& hello) {
  const auto list = hello.find("not_enforced");
  if (list == hello.end()) return;
  for (const json& each : *list) {
    NotEnforced missing{each.at("what").get<std::string>(), each.value("reason", ""), each.value("fix", "")};
    if (std::ranges::find(not_enforced, missing) == not_enforced.end()) not_enforced.push_back(std::move(missing));
  }
}

bool is_alive(const net::ProcessIdentity& identity) {
  if (identity.pid <= 0) return false;
  const auto now = net::identify_process(identity.pid);
  return now && *now == identity;
}

std::string to_json(const Left& left) {
  json list = json::array();
  for (const Record& record : left.records) list.push_back(record_json(record));
  return json{{"desired", left.desired}, {"revisions", left.revisions}, {"secrets", left.secrets}, {"instances", list}}
      .dump(-1, ' ', false, json::error_handler_t::replace);  // reasons may name a file
}

Result<Left> left_from_json(std::string_view text) {
  auto value = policy::read_json(text);
  if (!value) return fail(within("the list of instances", std::move(value.error())));
  try {
    Left left;
    left.desired = value->value("desired", "");
    left.revisions = value->value("revisions", left.revisions);
    left.secrets = value->value("secrets", left.secrets);
    for (const json& each : value->at("instances")) left.records.push_back(record_of(each));
    return left;
  } catch (const json::exception& error) {
    return fail(Cause::invalid, "the list of instances is not as expected: {}", error.what());
  }
}

}  // namespace bulkhead::control
