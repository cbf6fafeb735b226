#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
  stopping,   // told to stop; its keeper still runs
  backoff,    // it ended by itself; started again later
  done,       // a job that ended well
  failed,     // a job that ended badly
  scheduled,  // a job whose time has not come
};
std::string_view to_string(Phase phase);

enum class Condition : std::uint8_t { started, ready, done };

struct Need {
  std::string service;
  Condition condition = Condition::ready;
  bool patient = false;  // from a declared call: given up after kPatience, as requests are held anyway
};

// How instances are replaced, of another revision or on request.
struct UpdateRules {
  int max_surge = 0;        // instances above the scale while others still run
  int max_unavailable = 1;  // instances below the scale; not 0 where max_surge is
  Millis pause{0};          // an instance counts as available when it has been ready this long
  Millis watch{0};          // the same, for those of a revision that is not proven yet
  Millis ready_within{60'000};
};

struct Goal {
  std::string service;
  int scale = 1;
  bool job = false;
  std::vector<Need> needs;
  std::string revision;  // instances of another revision are replaced
  Millis grace{10'000};
  UpdateRules update;
  bool proven = true;        // this revision has run as it should before; else `decide` tells when it does
  bool can_go_back = false;  // there is a revision to go back to; then `decide` tells when an unproven one fails
  int retries = 0;           // of a job: runs after the first that failed
  Millis time_limit{0};      // of a job's run; 0: none
  bool aside = false;        // nobody waits for it: what is settled is settled without it
  bool scheduled = false;    // a job that runs when on_due() says so
};

struct Health {
  bool ready = false;
  std::string detail;
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
  bool was_ready = false;  // in this epoch
  bool fell = false;       // in this revision, by itself after it had been ready
  bool restart_wanted = false;
  bool kill_sent = false;
  bool overdue = false;          // a job's run that took too long was told to stop
  std::optional<Health> health;  // what was said while it still starts
  Backoff backoff;

  bool alive() const {
    return phase == Phase::starting || phase == Phase::unready || phase == Phase::ready || phase == Phase::stopping;
  }
};

struct Action {
  enum class Kind : std::uint8_t {
    start,
    stop,
    kill,
    proven,   // `slot` is the service: every instance is of the new revision, and was ready for long enough
    give_up,  // `slot` is the service: the new revision does not get ready, and why
  };
  Kind kind;
  std::string slot;
  std::uint64_t epoch;
  Millis grace{0};
  std::string reason{};
};
std::string to_string(const Action& action);

class Fleet {
 public:
  static constexpr Millis kPatience{10'000};       // how long a start waits for a callee to be ready
  static constexpr Millis kStartDeadline{60'000};  // keeper's start to service's start
  static constexpr Millis kKillAfter{15'000};      // beyond the grace of drain and service, a stopping keeper is killed

  static constexpr int kGiveUpAfter = 3;  // ends of one instance of a revision that is not proven; while watched, 1

  // Replaces what is wanted. Slots of services that are gone, or beyond the scale, are stopped. A goal whose revision
  // is not proven is given up once at most: what follows is the caller's decision, by wanting something else.
  void want(std::vector<Goal> goals, Time now);
  // Everything is to stop: callers before what they call.
  void want_down() { down_ = true; }
  bool going_down() const { return down_; }
  // Each of the service's instances is replaced, by its rules of update. False if there is no such service.
  bool restart(const std::string& service);

  // A slot found running by a controller that returned.
  void adopt(Slot slot);

  // Events. An epoch that is not the slot's is news of an instance that is gone, and ignored.
  void on_started(const std::string& id, std::uint64_t epoch, Time now);  // the service's process runs
  void on_health(const std::string& id, std::uint64_t epoch, bool ready, const std::string& detail, Time now);
  void on_exit_report(const std::string& id, std::uint64_t epoch, bool well, const std::string& reason);
  void on_gone(const std::string& id, std::uint64_t epoch, Time now, double luck);  // its keeper ended
  void on_start_failed(const std::string& id, std::uint64_t epoch, const std::string& reason, Time now, double luck);

  // A scheduled job's time has come. False where its last run still goes on: then this one is left out.
  bool on_due(const std::string& service, Time now);

  // What to do now. Acting on it is assumed: a slot told to start is `starting` afterwards.
  std::vector<Action> decide(Time now);
  // When `decide` wants to be asked again even if nothing happens. It may be past by now: what fell due since the last
  // decision is not lost.
  std::optional<Time> next_wake() const;

  const std::map<std::string, Slot>& slots() const { return slots_; }
  const std::map<std::string, Goal>& goals() const { return goals_; }
  bool empty() const;    // down, and nothing is left
  bool settled() const;  // every wanted instance is ready, or a job's end is reached, and no other is left
  // Whether instances of another revision than the wanted one still run, and none of the wanted one is available.
  bool is_first_step(const std::string& service, Time now) const;

 private:
  // The slots of a service, told apart.
  struct Crew {
    std::vector<Slot*> current;   // of the wanted revision, not stopping
    std::vector<Slot*> outdated;  // alive, to be replaced, not stopping
    int stopping = 0;
  };

  Slot* find(const std::string& id, std::uint64_t epoch);
  void enter(Slot& slot, Phase phase, Time now, std::string reason = {});
  bool is_outdated(const Slot& slot, const Goal& goal) const;
  static Millis hold(const Goal& goal);
  static bool is_available(const Slot& slot, const Goal& goal, Time now);
  Crew crew_of(const Goal& goal);
  void add_slot(const Goal& goal, Time now);
  void retire_unwanted(std::vector<Action>& actions, Time now);
  void renew_idle(Time now);
  void roll(Goal& goal, std::vector<Action>& actions, Time now);
  void shrink(Crew& crew, const Goal& goal, std::vector<Action>& actions, Time now);
  void take_down_outdated(Crew& crew, const Goal& goal, std::vector<Action>& actions, Time now);
  void judge(Goal& goal, std::vector<Action>& actions, Time now);
  void stop_in_order(std::vector<Action>& actions, Time now);
  void start_waiting(std::vector<Action>& actions, Time now);
  void end_overdue(Slot& slot, const Goal& goal, std::vector<Action>& actions, Time now);
  void enforce_deadlines(std::vector<Action>& actions, Time now);
  void stop(Slot& slot, std::vector<Action>& actions, Time now, std::string reason);
  std::string unmet_need(const Slot& slot, Time now) const;

  std::map<std::string, Goal> goals_;
  std::map<std::string, Slot> slots_;
  std::map<std::string, std::uint64_t> epochs_;  // of slots, those that are gone too
  std::set<std::string> given_up_;               // services whose unproven revision failed, since the last want()
  Time decided_ = Time::min();
  bool down_ = false;
};

// Needs that follow from calls, without those that lie on a cycle (which could never be met).
std::map<std::string, std::vector<Need>> needs_from_calls(const std::map<std::string, std::vector<std::string>>& calls);

}  // namespace bulkhead::control
