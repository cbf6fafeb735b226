#include "control/fleet.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/format.h>

namespace bulkhead::control {

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::waiting: return "waiting";
    case Phase::starting: return "starting";
    case Phase::unready: return "unready";
    case Phase::ready: return "ready";
    case Phase::stopping: return "stopping";
    case Phase::backoff: return "backoff";
    case Phase::done: return "done";
    case Phase::failed: return "failed";
  }
  return "unknown";
}

std::string to_string(const Action& action) {
  switch (action.kind) {
    case Action::Kind::start: return fmt::format("start {}#{}", action.slot, action.epoch);
    case Action::Kind::stop: return fmt::format("stop {}#{}", action.slot, action.epoch);
    case Action::Kind::kill: return fmt::format("kill {}#{}", action.slot, action.epoch);
  }
  return {};
}

void Fleet::want(std::vector<Goal> goals) {
  down_ = false;
  goals_.clear();
  for (Goal& goal : goals) {
    std::string name = goal.service;
    goals_.insert_or_assign(std::move(name), std::move(goal));
  }
}

bool Fleet::restart(const std::string& service) {
  if (!goals_.contains(service)) return false;
  for (auto& [id, slot] : slots_) {
    if (slot.service != service) continue;
    if (slot.alive() && slot.phase != Phase::stopping) slot.restart_wanted = true;
    if (slot.phase == Phase::backoff || slot.phase == Phase::done || slot.phase == Phase::failed)
      slot.phase = Phase::waiting;
  }
  return true;
}

void Fleet::adopt(Slot slot) {
  std::string id = slot.id;
  slots_.insert_or_assign(std::move(id), std::move(slot));
}

Slot* Fleet::find(const std::string& id, std::uint64_t epoch) {
  const auto it = slots_.find(id);
  return it == slots_.end() || it->second.epoch != epoch || !it->second.alive() ? nullptr : &it->second;
}

void Fleet::enter(Slot& slot, Phase phase, Time now, std::string reason) {
  if (slot.phase != phase) slot.since = now;
  slot.phase = phase;
  slot.reason = std::move(reason);
}

void Fleet::on_started(const std::string& id, std::uint64_t epoch, Time now) {
  Slot* slot = find(id, epoch);
  if (slot != nullptr && slot->phase == Phase::starting)
    enter(*slot, Phase::unready, now, "its health check has not passed yet");
}

void Fleet::on_health(const std::string& id, std::uint64_t epoch, bool ready, const std::string& detail, Time now) {
  Slot* slot = find(id, epoch);
  if (slot == nullptr || slot->phase == Phase::stopping) return;
  enter(*slot, ready ? Phase::ready : Phase::unready, now, ready ? std::string() : detail);
}

void Fleet::on_exit_report(const std::string& id, std::uint64_t epoch, bool well, const std::string& reason) {
  Slot* slot = find(id, epoch);
  if (slot == nullptr) return;
  const auto goal = goals_.find(slot->service);
  const bool job = goal != goals_.end() && goal->second.job;
  if (slot->phase != Phase::stopping || job) slot->reason = reason;
  if (slot->phase == Phase::ready) slot->phase = Phase::unready;
  if (job && !down_ && !slot->restart_wanted) slot->phase = well ? Phase::done : Phase::failed;
}

void Fleet::on_gone(const std::string& id, std::uint64_t epoch, Time now, double luck) {
  const auto it = slots_.find(id);
  if (it == slots_.end() || it->second.epoch != epoch) return;
  Slot& slot = it->second;
  if (slot.phase == Phase::done || slot.phase == Phase::failed) return;
  if (!slot.alive()) return;
  if (slot.phase == Phase::stopping) {
    if (down_ || unwanted(slot)) {
      slots_.erase(it);
      return;
    }
    slot.restart_wanted = false;
    enter(slot, Phase::waiting, now);
    return;
  }
  const Millis wait = slot.backoff.after_run(std::chrono::duration_cast<Millis>(now - slot.started), luck);
  std::string reason = slot.reason;
  if (reason.empty()) reason = "its keeper ended without a report (killed?)";
  enter(slot, Phase::backoff, now, std::move(reason));
  slot.until = now + wait;
  ++slot.restarts;
}

void Fleet::on_start_failed(const std::string& id, std::uint64_t epoch, const std::string& reason, Time now,
                            double luck) {
  Slot* slot = find(id, epoch);
  if (slot == nullptr) return;
  slot->reason = reason;
  on_gone(id, epoch, now, luck);
}

bool Fleet::unwanted(const Slot& slot) const {
  const auto goal = goals_.find(slot.service);
  return goal == goals_.end() || slot.number > goal->second.scale;
}

// With several instances, a replacement waits until every other is up: never more than one is missing.
bool Fleet::others_are_up(const Slot& slot) const {
  return std::ranges::all_of(slots_, [&](const auto& entry) {
    const Slot& other = entry.second;
    return other.service != slot.service || other.id == slot.id || other.phase == Phase::ready || unwanted(other) ||
           (other.phase == Phase::backoff && other.restarts > 2);
  });
}

void Fleet::stop(Slot& slot, std::vector<Action>& actions, Time now, std::string reason) {
  const auto goal = goals_.find(slot.service);
  const Millis grace = goal == goals_.end() ? Millis(10'000) : goal->second.grace;
  enter(slot, Phase::stopping, now, std::move(reason));
  slot.until = now + grace + kKillAfter;
  slot.kill_sent = false;
  actions.push_back({Action::Kind::stop, slot.id, slot.epoch, grace});
}

void Fleet::fill_slots(Time now) {
  for (const auto& [name, goal] : goals_) {
    for (int number = 1; number <= goal.scale; ++number) {
      const std::string id = fmt::format("{}-{}", name, number);
      if (slots_.contains(id)) continue;
      Slot slot;
      slot.id = id;
      slot.service = name;
      slot.number = number;
      slot.revision = goal.revision;
      slot.since = now;
      slots_.emplace(id, std::move(slot));
    }
  }
}

void Fleet::retire_unwanted(std::vector<Action>& actions, Time now) {
  for (auto it = slots_.begin(); it != slots_.end();) {
    Slot& slot = it->second;
    if (unwanted(slot) && !slot.alive()) {
      it = slots_.erase(it);
      continue;
    }
    ++it;
    if (slot.phase == Phase::stopping) continue;
    if (unwanted(slot)) {
      stop(slot, actions, now, "no longer wanted");
      continue;
    }
    const Goal& goal = goals_.at(slot.service);
    const bool outdated = slot.revision != goal.revision;
    if (!slot.alive()) {
      if (outdated) enter(slot, Phase::waiting, now);
      slot.revision = goal.revision;
    } else if ((outdated || slot.restart_wanted) && (goal.scale == 1 || others_are_up(slot))) {
      stop(slot, actions, now, outdated ? "replaced by a new revision" : "restarted on request");
    }
  }
}

// On the way down, an instance is stopped as soon as nobody who needs it is left.
void Fleet::stop_in_order(std::vector<Action>& actions, Time now) {
  std::erase_if(slots_, [](const auto& entry) { return !entry.second.alive(); });
  std::set<std::string> needed;
  for (const auto& [id, slot] : slots_) {
    const auto goal = goals_.find(slot.service);
    if (goal == goals_.end()) continue;
    for (const Need& need : goal->second.needs) needed.insert(need.service);
  }
  for (auto& [id, slot] : slots_)
    if (slot.phase != Phase::stopping && !needed.contains(slot.service))
      stop(slot, actions, now, "the application goes down");
}

std::string Fleet::unmet_need(const Slot& slot, Time now) const {
  for (const Need& need : goals_.at(slot.service).needs) {
    if (need.patient && (slot.restarts > 0 || now - slot.since >= kPatience)) continue;
    bool met = false;
    bool any = false;
    bool fell = false;
    for (const auto& [id, other] : slots_) {
      if (other.service != need.service) continue;
      any = true;
      fell = fell || other.restarts > 0;
      switch (need.condition) {
        case Condition::started:
          met = met || other.phase == Phase::unready || other.phase == Phase::ready || other.phase == Phase::done;
          break;
        case Condition::ready: met = met || other.phase == Phase::ready || other.phase == Phase::done; break;
        case Condition::done: met = met || other.phase == Phase::done; break;
      }
    }
    if (met || (need.patient && (!any || fell))) continue;
    return fmt::format("waits for {} to be {}", need.service,
                       need.condition == Condition::started ? "started"
                       : need.condition == Condition::ready ? "ready"
                                                            : "done");
  }
  return {};
}

void Fleet::start_waiting(std::vector<Action>& actions, Time now) {
  for (auto& [id, slot] : slots_) {
    if (slot.phase == Phase::backoff && now >= slot.until) {
      enter(slot, Phase::waiting, now, std::move(slot.reason));
    }
    if (slot.phase != Phase::waiting) continue;
    if (std::string unmet = unmet_need(slot, now); !unmet.empty()) {
      slot.reason = std::move(unmet);
      continue;
    }
    ++slot.epoch;
    slot.restart_wanted = false;
    slot.kill_sent = false;
    slot.started = now;
    enter(slot, Phase::starting, now);
    actions.push_back({Action::Kind::start, slot.id, slot.epoch});
  }
}

void Fleet::enforce_deadlines(std::vector<Action>& actions, Time now) {
  for (auto& [id, slot] : slots_) {
    if (slot.phase == Phase::stopping && now >= slot.until && !slot.kill_sent) {
      slot.kill_sent = true;
      actions.push_back({Action::Kind::kill, slot.id, slot.epoch});
    }
    if (slot.phase == Phase::starting && now - slot.started >= kStartDeadline && !slot.kill_sent) {
      slot.kill_sent = true;
      slot.reason = fmt::format("did not start within {} s", kStartDeadline.count() / 1000);
      actions.push_back({Action::Kind::kill, slot.id, slot.epoch});
    }
  }
}

std::vector<Action> Fleet::decide(Time now) {
  decided_ = now;
  std::vector<Action> actions;
  if (down_) {
    stop_in_order(actions, now);
  } else {
    fill_slots(now);
    retire_unwanted(actions, now);
    start_waiting(actions, now);
  }
  enforce_deadlines(actions, now);
  return actions;
}

std::optional<Time> Fleet::next_wake() const {
  std::optional<Time> next;
  const auto at = [&](Time time) {
    if (time > decided_ && (!next || time < *next)) next = time;
  };
  for (const auto& [id, slot] : slots_) {
    if (slot.phase == Phase::backoff || slot.phase == Phase::stopping) at(slot.until);
    if (slot.phase == Phase::waiting) at(slot.since + kPatience);
    if (slot.phase == Phase::starting) at(slot.started + kStartDeadline);
  }
  return next;
}

bool Fleet::empty() const { return down_ && slots_.empty(); }

bool Fleet::settled() const {
  for (const auto& [name, goal] : goals_) {
    int up = 0;
    for (const auto& [id, slot] : slots_) {
      if (slot.service != name) continue;
      if (slot.revision != goal.revision || slot.restart_wanted || slot.number > goal.scale) return false;
      if (slot.phase == Phase::ready || slot.phase == Phase::done) ++up;
    }
    if (up < goal.scale) return false;
  }
  return true;
}

std::map<std::string, std::vector<Need>> needs_from_calls(
    const std::map<std::string, std::vector<std::string>>& calls) {
  const auto reaches = [&](const std::string& from, const std::string& to) {
    std::set<std::string> seen;
    std::vector<std::string> open{from};
    while (!open.empty()) {
      const std::string at = std::move(open.back());
      open.pop_back();
      if (at == to) return true;
      if (!seen.insert(at).second) continue;
      if (const auto next = calls.find(at); next != calls.end())
        open.insert(open.end(), next->second.begin(), next->second.end());
    }
    return false;
  };
  std::map<std::string, std::vector<Need>> needs;
  for (const auto& [caller, callees] : calls)
    for (const std::string& callee : callees)
      if (!reaches(callee, caller)) needs[caller].push_back({callee, Condition::ready, true});
  return needs;
}

}  // namespace bulkhead::control
