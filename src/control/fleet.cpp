#include "control/fleet.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "manifest/units.hpp"

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
    case Phase::scheduled: return "scheduled";
  }
  return "unknown";
}

std::string to_string(const Action& action) {
  switch (action.kind) {
    case Action::Kind::start: return fmt::format("start {}#{}", action.slot, action.epoch);
    case Action::Kind::stop: return fmt::format("stop {}#{}", action.slot, action.epoch);
    case Action::Kind::kill: return fmt::format("kill {}#{}", action.slot, action.epoch);
    case Action::Kind::proven: return fmt::format("proven {}", action.slot);
    case Action::Kind::give_up: return fmt::format("give up {}: {}", action.slot, action.reason);
  }
  return {};
}

void Fleet::want(std::vector<Goal> goals, Time now) {
  down_ = false;
  goals_.clear();
  given_up_.clear();
  for (Goal& goal : goals) {
    std::string name = goal.service;
    goals_.insert_or_assign(std::move(name), std::move(goal));
  }
  renew_idle(now);  // who asks before the next decision doesn't see failures of a revision that nobody wants any more
}

bool Fleet::restart(const std::string& service) {
  if (!goals_.contains(service)) return false;
  for (auto& [id, slot] : slots_) {
    if (slot.service != service) continue;
    if (slot.alive() && slot.phase != Phase::stopping) slot.restart_wanted = true;
    if (slot.alive() || slot.phase == Phase::waiting) continue;
    slot.restarts = 0;
    slot.phase = Phase::waiting;
  }
  return true;
}

void Fleet::adopt(Slot slot) {
  std::string id = slot.id;
  epochs_[id] = std::max(epochs_[id], slot.epoch);
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
  if (slot == nullptr || slot->phase != Phase::starting) return;
  enter(*slot, Phase::unready, now, "its health check has not passed yet");
  if (const auto known = std::exchange(slot->health, {})) on_health(id, epoch, known->ready, known->detail, now);
}

void Fleet::on_health(const std::string& id, std::uint64_t epoch, bool ready, const std::string& detail, Time now) {
  Slot* slot = find(id, epoch);
  if (slot == nullptr || slot->phase == Phase::stopping) return;
  if (slot->phase == Phase::starting) {  // the sidecar's word, before there is a program
    slot->health = Health{ready, detail};
    return;
  }
  slot->was_ready = slot->was_ready || ready;
  enter(*slot, ready ? Phase::ready : Phase::unready, now, ready ? std::string() : detail);
}

void Fleet::on_exit_report(const std::string& id, std::uint64_t epoch, bool well, const std::string& reason) {
  Slot* slot = find(id, epoch);
  if (slot == nullptr) return;
  const auto goal = goals_.find(slot->service);
  const bool job = goal != goals_.end() && goal->second.job;
  if (slot->phase != Phase::stopping || job) slot->reason = reason;
  if (slot->phase == Phase::ready) slot->phase = Phase::unready;
  if (slot->phase == Phase::unready) slot->fell = slot->fell || slot->was_ready;
  if (!job || down_ || slot->restart_wanted) return;
  if (slot->overdue) slot->reason = "did not end within " + manifest::to_string(goal->second.time_limit);
  if (well && !slot->overdue) {
    slot->phase = Phase::done;
  } else if (slot->restarts >= goal->second.retries) {
    slot->phase = Phase::failed;
  } else if (slot->overdue) {
    slot->phase = Phase::unready;  // it ends by itself, as far as what follows is concerned
  }
}

bool Fleet::on_due(const std::string& service, Time now) {
  for (auto& [id, slot] : slots_) {
    if (slot.service != service) continue;
    if (slot.alive() || slot.phase == Phase::backoff || slot.phase == Phase::waiting) return false;
    slot.restarts = 0;
    slot.backoff = Backoff();
    enter(slot, Phase::waiting, now);
  }
  return true;
}

void Fleet::on_gone(const std::string& id, std::uint64_t epoch, Time now, double luck) {
  const auto it = slots_.find(id);
  if (it == slots_.end() || it->second.epoch != epoch) return;
  Slot& slot = it->second;
  if (slot.phase == Phase::done || slot.phase == Phase::failed) return;
  if (!slot.alive()) return;
  if (slot.phase == Phase::stopping) {
    slots_.erase(it);  // where another is wanted in its place, the next decision makes it
    return;
  }
  const Millis wait = slot.backoff.after_run(std::chrono::duration_cast<Millis>(now - slot.started), luck);
  std::string reason = slot.reason;
  if (reason.empty()) reason = "its keeper ended without a report (killed?)";
  enter(slot, Phase::backoff, now, std::move(reason));
  slot.until = now + wait;
  slot.fell = slot.fell || slot.was_ready;
  ++slot.restarts;
  renew_idle(now);
}

void Fleet::on_start_failed(const std::string& id, std::uint64_t epoch, const std::string& reason, Time now,
                            double luck) {
  Slot* slot = find(id, epoch);
  if (slot == nullptr) return;
  slot->reason = reason;
  on_gone(id, epoch, now, luck);
}

bool Fleet::is_outdated(const Slot& slot, const Goal& goal) const {
  return slot.revision != goal.revision || slot.restart_wanted;
}

Millis Fleet::hold(const Goal& goal) {
  return goal.proven || !goal.can_go_back ? goal.update.pause : std::max(goal.update.pause, goal.update.watch);
}

bool Fleet::is_available(const Slot& slot, const Goal& goal, Time now) {
  if (slot.phase == Phase::done) return true;
  const bool held = slot.revision != goal.revision || now - slot.since >= hold(goal);
  return slot.phase == Phase::ready && held;
}

void Fleet::stop(Slot& slot, std::vector<Action>& actions, Time now, std::string reason) {
  const auto goal = goals_.find(slot.service);
  const Millis grace = goal == goals_.end() ? Millis(10'000) : goal->second.grace;
  enter(slot, Phase::stopping, now, std::move(reason));
  slot.until = now + 2 * grace + kKillAfter;
  slot.kill_sent = false;
  actions.push_back({Action::Kind::stop, slot.id, slot.epoch, grace});
}

void Fleet::add_slot(const Goal& goal, Time now) {
  Slot slot;
  while (slots_.contains(slot.id = fmt::format("{}-{}", goal.service, slot.number))) ++slot.number;
  slot.service = goal.service;
  slot.epoch = epochs_[slot.id];
  slot.revision = goal.revision;
  slot.since = now;
  if (goal.scheduled) slot.phase = Phase::scheduled;
  const std::string id = slot.id;
  slots_.emplace(id, std::move(slot));
}

// What belongs to no goal any more.
void Fleet::retire_unwanted(std::vector<Action>& actions, Time now) {
  std::erase_if(slots_,
                [&](const auto& entry) { return !entry.second.alive() && !goals_.contains(entry.second.service); });
  for (auto& [id, slot] : slots_)
    if (!goals_.contains(slot.service) && slot.phase != Phase::stopping) stop(slot, actions, now, "no longer wanted");
}

Fleet::Crew Fleet::crew_of(const Goal& goal) {
  Crew crew;
  for (auto& [id, slot] : slots_) {
    if (slot.service != goal.service) continue;
    if (slot.phase == Phase::stopping) {
      ++crew.stopping;
    } else {
      (is_outdated(slot, goal) ? crew.outdated : crew.current).push_back(&slot);
    }
  }
  const auto by_number = [](const Slot* left, const Slot* right) { return left->number < right->number; };
  std::ranges::sort(crew.current, by_number);
  std::ranges::sort(crew.outdated, by_number);
  return crew;
}

// What does not run is made anew where it is.
void Fleet::renew_idle(Time now) {
  for (auto& [id, slot] : slots_) {
    const auto goal = goals_.find(slot.service);
    if (goal == goals_.end() || slot.alive() || !is_outdated(slot, goal->second)) continue;
    slot.revision = goal->second.revision;
    slot.restart_wanted = false;
    slot.restarts = 0;
    slot.fell = false;
    enter(slot, goal->second.scheduled ? Phase::scheduled : Phase::waiting, now);
  }
}

// Brings a service to its scale in its revision: what runs is replaced within the rules.
void Fleet::roll(Goal& goal, std::vector<Action>& actions, Time now) {
  Crew crew = crew_of(goal);
  shrink(crew, goal, actions, now);
  take_down_outdated(crew, goal, actions, now);
  const std::size_t wanted = static_cast<std::size_t>(goal.scale);
  const std::size_t room =
      wanted + static_cast<std::size_t>(crew.outdated.empty() && crew.stopping == 0 ? 0 : goal.update.max_surge);
  std::size_t all = crew.current.size() + crew.outdated.size() + static_cast<std::size_t>(crew.stopping);
  for (std::size_t current = crew.current.size(); current < wanted && all < room; ++current, ++all) add_slot(goal, now);
}

// Instances beyond the scale: those that do not run, then those with the highest numbers.
void Fleet::shrink(Crew& crew, const Goal& goal, std::vector<Action>& actions, Time now) {
  std::ranges::sort(crew.current, {}, [](const Slot* slot) { return std::pair(!slot->alive(), slot->number); });
  while (crew.current.size() > static_cast<std::size_t>(goal.scale)) {
    Slot& last = *crew.current.back();
    crew.current.pop_back();
    if (!last.alive()) {
      slots_.erase(std::string(last.id));
      continue;
    }
    stop(last, actions, now, "no longer wanted");
    ++crew.stopping;
  }
}

// One that serves nobody goes at once; one that is ready when enough others are available.
void Fleet::take_down_outdated(Crew& crew, const Goal& goal, std::vector<Action>& actions, Time now) {
  const auto is_free = [&](const Slot* slot) { return is_available(*slot, goal, now); };
  auto available = std::ranges::count_if(crew.current, is_free) + std::ranges::count_if(crew.outdated, is_free);
  std::erase_if(crew.outdated, [&](Slot* slot) {
    const bool ready = slot->phase == Phase::ready;
    if (ready && available - 1 < goal.scale - goal.update.max_unavailable) return false;
    if (ready) --available;
    stop(*slot, actions, now, slot->restart_wanted ? "restarted on request" : "replaced by a new revision");
    ++crew.stopping;
    return true;
  });
}

// A revision that is not proven yet: is it by now, or will it not be?
void Fleet::judge(Goal& goal, std::vector<Action>& actions, Time now) {
  if (goal.proven || given_up_.contains(goal.service)) return;
  const Crew crew = crew_of(goal);
  for (const Slot* slot : crew.current) {
    if (!goal.can_go_back) break;
    std::string reason;
    if (slot->fell && goal.update.watch.count() > 0) {
      reason = fmt::format("{} ended while it was watched: {}", slot->id, slot->reason);
    } else if (slot->restarts >= kGiveUpAfter) {
      reason = fmt::format("{} ended {} times, the last time: {}", slot->id, slot->restarts, slot->reason);
    } else if ((slot->phase == Phase::unready || slot->phase == Phase::starting) &&
               now - slot->started >= goal.update.ready_within) {
      reason = fmt::format("{} is not ready after {} s: {}", slot->id,
                           std::chrono::duration_cast<std::chrono::seconds>(goal.update.ready_within).count(),
                           slot->reason.empty() ? "it is still starting" : slot->reason);
    } else if (slot->phase == Phase::failed) {
      reason = fmt::format("{} failed: {}", slot->id, slot->reason);
    }
    if (reason.empty()) continue;
    given_up_.insert(goal.service);
    actions.push_back({Action::Kind::give_up, goal.service, 0, Millis(0), std::move(reason)});
    return;
  }
  const bool whole =
      crew.outdated.empty() && crew.stopping == 0 && crew.current.size() == static_cast<std::size_t>(goal.scale) &&
      std::ranges::all_of(crew.current, [&](const Slot* slot) { return is_available(*slot, goal, now); });
  if (!whole) return;
  goal.proven = true;
  actions.push_back({Action::Kind::proven, goal.service, 0});
}

bool Fleet::is_first_step(const std::string& service, Time now) const {
  const auto goal = goals_.find(service);
  if (goal == goals_.end() || goal->second.proven) return false;
  bool others = false;
  for (const auto& [id, slot] : slots_) {
    if (slot.service != service || !slot.alive()) continue;
    others = others || slot.revision != goal->second.revision;
    if (slot.revision == goal->second.revision && is_available(slot, goal->second, now)) return false;
  }
  return others;
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
    if (slot.phase != Phase::waiting || given_up_.contains(slot.service)) continue;
    if (std::string unmet = unmet_need(slot, now); !unmet.empty()) {
      slot.reason = std::move(unmet);
      continue;
    }
    slot.epoch = ++epochs_[id];
    slot.restart_wanted = slot.kill_sent = slot.overdue = slot.was_ready = false;
    slot.health.reset();
    slot.started = now;
    enter(slot, Phase::starting, now);
    actions.push_back({Action::Kind::start, slot.id, slot.epoch});
  }
}

void Fleet::end_overdue(Slot& slot, const Goal& goal, std::vector<Action>& actions, Time now) {
  const bool running = slot.phase == Phase::unready || slot.phase == Phase::ready;
  if (!running || slot.overdue || goal.time_limit.count() == 0 || now - slot.started < goal.time_limit) return;
  stop(slot, actions, now, "took too long");
  slot.overdue = true;
}

void Fleet::enforce_deadlines(std::vector<Action>& actions, Time now) {
  for (auto& [id, slot] : slots_) {
    if (slot.phase == Phase::stopping && now >= slot.until && !slot.kill_sent) {
      slot.kill_sent = true;
      actions.push_back({Action::Kind::kill, slot.id, slot.epoch});
    }
    if (const auto goal = goals_.find(slot.service); goal != goals_.end() && goal->second.job)
      end_overdue(slot, goal->second, actions, now);
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
    retire_unwanted(actions, now);
    renew_idle(now);
    for (auto& [name, goal] : goals_) roll(goal, actions, now);
    for (auto& [name, goal] : goals_) judge(goal, actions, now);
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
    const auto goal = goals_.find(slot.service);
    if (goal == goals_.end()) continue;
    if (goal->second.time_limit.count() > 0 && slot.alive()) at(slot.started + goal->second.time_limit);
    if (slot.phase == Phase::ready) at(slot.since + hold(goal->second));
    if (!goal->second.proven && slot.alive()) at(slot.started + goal->second.update.ready_within);
  }
  return next;
}

bool Fleet::empty() const { return down_ && slots_.empty(); }

bool Fleet::settled() const {
  for (const auto& [name, goal] : goals_) {
    if (goal.scheduled || goal.aside) continue;
    int up = 0;
    for (const auto& [id, slot] : slots_) {
      if (slot.service != name) continue;
      if (is_outdated(slot, goal) || slot.phase == Phase::stopping) return false;
      if (slot.phase == Phase::ready || slot.phase == Phase::done) ++up;
    }
    if (up != goal.scale || !goal.proven) return false;
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
