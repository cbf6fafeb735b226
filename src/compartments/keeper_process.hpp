#pragma once

// The keeper from inside; only its own sources include this. keeper.cpp has its life, keeper_words.cpp what it hears
// from init, sidecar and controller, and tells them.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

#include "base/fd.hpp"
#include "base/not_enforced.hpp"
#include "base/result.hpp"
#include "compartments/controller_link.hpp"
#include "compartments/init.hpp"
#include "compartments/keeper_state.hpp"
#include "compartments/lifetime.hpp"
#include "compartments/output.hpp"
#include "compartments/rights.hpp"
#include "compartments/sessions.hpp"
#include "compartments/sidecar.hpp"
#include "compartments/spec.hpp"
#include "compartments/succession.hpp"

namespace bulkhead::compartments {

class Keeper {
 public:
  explicit Keeper(Spec spec)
      : spec_(std::move(spec)),
        lifetime_({spec_.compartment.has_value(), spec_.ready_ms, spec_.drain_ms, spec_.finish_ms}),
        output_(spec_.log),
        controller_(spec_.controller_socket, [this] { return greeting(); }),
        sessions_(controller_),
        succession_(succession_parts(), {spec_.ready_ms, std::max(spec_.grace_ms, spec_.drain_ms), spec_.finish_ms}) {
    if (spec_.compartment) output_.know(spec_.compartment->secrets);
  }

  // Each gives the process's exit code.
  int run();
  int go_on(const KeeperState& state);

 private:
  using Json = nlohmann::json;
  using Millis = ControllerLink::Millis;

  Result<> begin();
  int serve();
  Result<> watch_signals();
  Result<> launch_sidecar(Sidecar& sidecar, const SidecarSpec& spec);
  Result<> launch_compartment();
  void make_limits();
  void turn();
  int poll_timeout() const;

  void feed(const Event& event);
  void perform(const Action& action);
  void greet_sidecar();
  Result<> greet(Sidecar& sidecar, const SidecarSpec& spec, Fd vendor);
  void tell_init(InitMessage::Kind kind);
  void kill_init();
  void report_state(const std::string& state);
  void report_exit(const Action& action);

  void on_signals();
  void reap();
  void on_init();
  void on_init_message(const InitMessage& message, Received& received);
  void change_doors(const Json& list);
  void change_secrets(const Json& list);
  Result<> hand_in(const std::vector<SecretFile>& secrets);
  void on_sidecar();
  void on_controller(short revents);
  void obey(const Json& message);
  void hand_out_listeners();
  Succession::Keeper succession_parts();
  void report_sidecar(std::string_view what, std::string_view problem);
  Result<> become(const std::string& executable);
  Result<> move_init(const std::string& build, std::vector<Fd> program);
  static Millis now_ms();
  // Where guests are asked for; -1 while there is no service.
  int guests_of() const { return lifetime_.phase() == Phase::running ? init_.get() : -1; }
  std::string greeting() const;

  Spec spec_;
  Lifetime lifetime_;
  Output output_;
  ControllerLink controller_;
  Sessions sessions_;
  Succession succession_;
  Fd signals_, init_;
  Sidecar sidecar_;
  pid_t init_pid_ = -1;
  std::string init_build_, init_becomes_;  // of which it is, and of which it was told to be
  pid_t service_pid_ = -1;
  Cgroups cgroups_;
  std::vector<NotEnforced> not_enforced_;
  std::vector<std::pair<std::string, Fd>> sockets_;  // that outlive the sidecar which serves them
  Fd vendor_;                                        // until the first sidecar has it
  bool writes_to_second_ = false;                    // of the sidecar's two sources, the one that serves
  std::optional<Millis> deadline_;
  std::optional<int> exit_code_;
};

}  // namespace bulkhead::compartments
