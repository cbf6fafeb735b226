#include "control/difference.hpp"

#include <algorithm>
#include <set>

#include "control/settings.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

namespace {

constexpr std::string_view kEnvironment = "environment.";

std::string shown(const std::string& key, const std::string* value) {
  if (value == nullptr) return "";
  return key.starts_with(kEnvironment) ? "(not shown)" : *value;
}

const std::string* find(const Settings& settings, const std::string& key) {
  const auto found = settings.find(key);
  return found == settings.end() ? nullptr : &found->second;
}

void compare(const std::string& subject, const Settings& before, const Settings& after, std::vector<Change>& into) {
  std::set<std::string> keys;
  for (const auto& [key, value] : before) keys.insert(key);
  for (const auto& [key, value] : after) keys.insert(key);
  for (const std::string& key : keys) {
    const std::string* old = find(before, key);
    const std::string* next = find(after, key);
    if (old != nullptr && next != nullptr && *old == *next) continue;
    into.push_back({subject, key, shown(key, old), shown(key, next)});
  }
}

Settings roles_of(const manifest::Operators& operators) {
  Settings settings;
  const auto add = [&](const char* role, const std::vector<manifest::Operators::Group>& groups) {
    std::string text;
    for (const auto& group : groups) text += (text.empty() ? "" : ", ") + group.name;
    if (!text.empty()) settings[role] = std::move(text);
  };
  add("operators.viewer", operators.viewer);
  add("operators.operator", operators.operate);
  add("operators.admin", operators.admin);
  return settings;
}

Settings providers_of(const manifest::Application& application) {
  Settings settings;
  for (const manifest::Provider& provider : application.auth) settings.merge(settings_of(provider));
  return settings;
}

Settings denies_of(const manifest::Application& application) {
  Settings settings;
  for (const manifest::DenyRule& rule : application.denies) settings.merge(settings_of(rule));
  return settings;
}

constexpr const char* kGatewayName = "gateway";

void compare_gateways(const manifest::Application* before, const manifest::Application& after,
                      std::vector<Change>& into) {
  const bool was = before != nullptr && before->gateway;
  if (was && after.gateway)
    return compare(kGatewayName, settings_of(*before->gateway), settings_of(*after.gateway), into);
  if (was) into.push_back({kGatewayName, "", "declared", ""});
  if (after.gateway) into.push_back({kGatewayName, "", "", "declared"});
}

}  // namespace

std::vector<Change> changes(const manifest::Service& before, const manifest::Service& after) {
  std::vector<Change> all;
  compare(after.name, settings_of(before), settings_of(after), all);
  return all;
}

std::vector<Change> changes(const manifest::Application* before, const manifest::Application& after) {
  std::vector<Change> all;
  for (const manifest::Service& service : after.services) {
    const manifest::Service* old = before == nullptr ? nullptr : before->service(service.name);
    if (old == nullptr)
      all.push_back({service.name, "", "", "declared"});
    else
      compare(service.name, settings_of(*old), settings_of(service), all);
  }
  for (const manifest::Service& service : before == nullptr ? std::vector<manifest::Service>() : before->services)
    if (after.service(service.name) == nullptr) all.push_back({service.name, "", "declared", ""});
  compare_gateways(before, after, all);
  if (before != nullptr) compare(after.name, providers_of(*before), providers_of(after), all);
  if (before != nullptr) compare(after.name, settings_of(before->telemetry), settings_of(after.telemetry), all);
  if (before != nullptr) compare(after.name, denies_of(*before), denies_of(after), all);
  if (before != nullptr) compare(after.name, roles_of(before->operators), roles_of(after.operators), all);
  if (before != nullptr && before->svid_ttl != after.svid_ttl)
    all.push_back({after.name, "svid_ttl", manifest::to_string(before->svid_ttl), manifest::to_string(after.svid_ttl)});
  return all;
}

std::string_view to_string(Effect::Kind kind) {
  switch (kind) {
    case Effect::Kind::start: return "start";
    case Effect::Kind::stop: return "stop";
    case Effect::Kind::replace: return "replace";
    case Effect::Kind::scale: return "scale";
    case Effect::Kind::none: return "none";
  }
  return "none";
}

std::vector<Effect> effects(const std::map<std::string, Goal>& before, const std::vector<Goal>& after,
                            const std::vector<Change>& changed) {
  const auto name_of = [](const std::string& service) -> std::string {
    return service == policy::kGateway ? kGatewayName : service;
  };
  std::vector<Effect> all;
  for (const Goal& goal : after) {
    const auto old = before.find(goal.service);
    Effect effect{name_of(goal.service), Effect::Kind::none, 0, goal.scale};
    if (old == before.end()) {
      effect.kind = Effect::Kind::start;
    } else {
      effect.before = old->second.scale;
      const bool same = old->second.revision == goal.revision;
      if (!same) effect.kind = Effect::Kind::replace;
      if (same && effect.before != effect.after) effect.kind = Effect::Kind::scale;
    }
    if (effect.kind != Effect::Kind::none ||
        std::ranges::find(changed, effect.subject, &Change::subject) != changed.end())
      all.push_back(std::move(effect));
  }
  for (const auto& [service, goal] : before)
    if (std::ranges::find(after, service, &Goal::service) == after.end())
      all.push_back({name_of(service), Effect::Kind::stop, goal.scale, 0});
  return all;
}

}  // namespace bulkhead::control
