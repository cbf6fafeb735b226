#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/backoff.hpp"

// The supervision of an application, as a machine without I/O: what is wanted (goals), what is there (slots), what
// happened (events), and `decide`, which says what to do next. Time and luck are passed in.
//
// A slot is a place for one instance of a service: "catalog-2". Each time an instance is started in it, its epoch
// grows, so that news of an earlier instance is told from news of this one.
namespace bulkhead::control {

using Time = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

enum class Phase : std::uint8_t {
  waiting,   // for what it needs
  starting,  // its keeper runs; the service does not yet
  unready,   // the service runs; its health check does not pass
  ready,
  stopping,  // told to stop; its keeper still runs
  backoff,   // it ended by itself; started again later
  done,      // a job that ended well
  failed,    // a job that ended badly
};
std::string_view to_string(Phase phase);

enum class Condition : std::uint8_t { started, ready, done };

struct Need {
  std::string service;
  Condition condition = Condition::ready;
  bool patient = false;  // from a declared call: given up after kPatience, as requests are held anyway
};

struct Goal {
  std::string service;
  int scale = 1;
  bool job = false;
  std::vector<Need> needs;
  std::string revision;  // instances of another revision are replaced
  Millis grace{10'000};
};

struct Slot {
  std::string id;  // "<service>-<number>"
  std::string service;
  int number = 1;
  std::uint64_t epoch = 0;
  Phase phase = Phase::waiting;
  std::string revision;
  std::string reason;  // why it is as it is, for a person
  Time since{};        // when it came into this phase
  Time started{};      // when this epoch's keeper was started
  Time until{};        // end of the backoff
  int restarts = 0;
  bool restart_wanted = false;
  bool kill_sent = false;
  Backoff backoff;

  bool alive() const {
    return phase == Phase::starting || phase == Phase::unready || phase == Phase::ready || phase == Phase::stopping;
  }
};

struct Action {
  enum class Kind : std::uint8_t { start, stop, kill };
  Kind kind;
  std::string slot;
  std::uint64_t epoch;
  Millis grace{0};
};
std::string to_string(const Action& action);

class Fleet {
 public:
  static constexpr Millis kPatience{10'000};       // how long a start waits for a callee to be ready
  static constexpr Millis kStartDeadline{60'000};  // keeper's start to service's start
  static constexpr Millis kKillAfter{15'000};      // beyond the grace, a stopping keeper is killed

  // Replaces what is wanted. Slots of services that are gone, or beyond the scale, are stopped.
  void want(std::vector<Goal> goals);
  // Everything is to stop: callers before what they call.
  void want_down() { down_ = true; }
  bool going_down() const { return down_; }
  // Each of the service's instances is stopped and started again, one at a time. False if there is no such service.
  bool restart(const std::string& service);

  // A slot found running by a controller that returned.
  void adopt(Slot slot);

  // Events. An epoch that is not the slot's is news of an instance that is gone, and ignored.
  void on_started(const std::string& id, std::uint64_t epoch, Time now);  // the service's process runs
  void on_health(const std::string& id, std::uint64_t epoch, bool ready, const std::string& detail, Time now);
  void on_exit_report(const std::string& id, std::uint64_t epoch, bool well, const std::string& reason);
  void on_gone(const std::string& id, std::uint64_t epoch, Time now, double luck);  // its keeper ended
  void on_start_failed(const std::string& id, std::uint64_t epoch, const std::string& reason, Time now, double luck);

  // What to do now. Acting on it is assumed: a slot told to start is `starting` afterwards.
  std::vector<Action> decide(Time now);
  // When `decide` wants to be asked again even if nothing happens. It may be past by now: what fell due since the last
  // decision is not lost.
  std::optional<Time> next_wake() const;

  const std::map<std::string, Slot>& slots() const { return slots_; }
  const std::map<std::string, Goal>& goals() const { return goals_; }
  bool empty() const;    // down, and nothing is left
  bool settled() const;  // every wanted instance is ready, or a job's end is reached

 private:
  Slot* find(const std::string& id, std::uint64_t epoch);
  void enter(Slot& slot, Phase phase, Time now, std::string reason = {});
  void fill_slots(Time now);
  void retire_unwanted(std::vector<Action>& actions, Time now);
  void stop_in_order(std::vector<Action>& actions, Time now);
  void start_waiting(std::vector<Action>& actions, Time now);
  void enforce_deadlines(std::vector<Action>& actions, Time now);
  void stop(Slot& slot, std::vector<Action>& actions, Time now, std::string reason);
  bool others_are_up(const Slot& slot) const;
  bool unwanted(const Slot& slot) const;
  std::string unmet_need(const Slot& slot, Time now) const;

  std::map<std::string, Goal> goals_;
  std::map<std::string, Slot> slots_;
  Time decided_ = Time::min();
  bool down_ = false;
};

// Needs that follow from calls, without those that lie on a cycle (which could never be met).
std::map<std::string, std::vector<Need>> needs_from_calls(const std::map<std::string, std::vector<std::string>>& calls);

}  // namespace bulkhead::control
