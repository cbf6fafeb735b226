#pragma once

// The life of one instance as a machine without I/O: events in, actions out. The keeper performs them. Every order of
// deaths is a transcript in lifetime_test.cpp. A second fact of the same kind (the sidecar ends twice) is ignored.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace bulkhead::compartments {

// How a process ended.
struct Ending {
  bool signalled = false;
  int value = 0;  // exit code or signal
  bool operator==(const Ending&) const = default;
};

namespace event {
struct Sealed {};  // the compartment stands and its doors are listening
struct SealFailed {
  std::string reason;
};  // it can't be built
struct SidecarReady {};  // listeners, identity, first configuration
struct ServiceStarted {
  int pid = 0;
};  // exec succeeded; pid as the host sees it
struct StartFailed {
  std::string reason;
};  // exec failed
struct ServiceExited {
  Ending ending;
  bool oom = false;
};
struct InitExited {};  // pid 1 is gone, and with it all of the compartment
struct SidecarDrained {};
struct SidecarExited {
  Ending ending;
};
struct StopRequested {
  std::uint32_t grace_ms = 0;
};  // 0: at once
struct Deadline {};  // the last armed deadline passed
}  // namespace event
using Event = std::variant<event::Sealed, event::SealFailed, event::SidecarReady, event::ServiceStarted,
                           event::StartFailed, event::ServiceExited, event::InitExited, event::SidecarDrained,
                           event::SidecarExited, event::StopRequested, event::Deadline>;

enum class Phase : std::uint8_t { sealing, sealed, sidecar_ready, running, draining, terminating, finishing, stopped };
std::string_view to_string(Phase phase);

struct Action {
  enum class Kind : std::uint8_t {
    greet_sidecar,  // send it its hello with the descriptors
    start_service,
    announce_service,  // to the sidecar: the service's process is there
    drain_sidecar,
    terminate_service,  // SIGTERM
    kill_compartment,   // SIGKILL to pid 1: nothing inside survives
    finish_sidecar,
    kill_sidecar,
    arm,           // one deadline, `value` milliseconds from now; replaces the previous
    report_state,  // to the controller: `text`
    report_exit,   // to the controller: ending, oom, `text` (reason)
    end,           // everything is gone: the keeper exits with code `value`
  };
  Kind kind;
  std::uint32_t value = 0;
  std::string text;
  Ending ending{};
  bool oom = false;
  bool operator==(const Action&) const = default;
};
std::string to_string(const Action& action);

struct LifetimeOptions {
  bool has_compartment = true;
  std::uint32_t ready_ms = 30'000;
  std::uint32_t drain_ms = 10'000;
  std::uint32_t finish_ms = 5'000;
};

class Lifetime {
 public:
  explicit Lifetime(LifetimeOptions options) : options_(options) {}

  std::vector<Action> begin();
  // Instead of begin(): of an instance that runs since before.
  void go_on();
  std::vector<Action> on(const Event& event);

  Phase phase() const { return phase_; }
  bool ended() const { return phase_ == Phase::stopped; }

 private:
  void handle(const event::Sealed&);
  void handle(const event::SealFailed& failed);
  void handle(const event::SidecarReady&);
  void handle(const event::ServiceStarted& started);
  void handle(const event::StartFailed& failed);
  void handle(const event::ServiceExited& exited);
  void handle(const event::InitExited&);
  void handle(const event::SidecarDrained&);
  void handle(const event::SidecarExited& exited);
  void handle(const event::StopRequested& stop);
  void handle(const event::Deadline&);

  void enter(Phase phase);
  void act(Action::Kind kind, std::uint32_t value = 0, std::string text = {});
  void report_exit_once(Ending ending, bool oom, std::string reason);
  void terminate();
  void finish();
  void end_if_all_gone();

  LifetimeOptions options_;
  Phase phase_ = Phase::sealing;
  std::vector<Action> actions_;
  std::uint32_t grace_ms_ = 0;
  bool service_started_ = false;
  bool compartment_gone_ = false;
  bool sidecar_gone_ = false;
  bool sidecar_ready_ = false;
  bool exit_reported_ = false;
  bool stop_requested_ = false;
  std::uint32_t exit_code_ = 0;
};

}  // namespace bulkhead::compartments
