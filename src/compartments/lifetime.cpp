#include "compartments/lifetime.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace bulkhead::compartments {

using Kind = Action::Kind;

std::string_view to_string(Phase phase) {
  constexpr std::array<std::string_view, 8> kNames = {"sealing",  "sealed",      "sidecar_ready", "running",
                                                      "draining", "terminating", "finishing",     "stopped"};
  return kNames[static_cast<std::size_t>(phase)];
}

std::string to_string(const Action& action) {
  constexpr std::array<std::string_view, 12> kNames = {"greet sidecar",
                                                       "start service",
                                                       "announce service",
                                                       "drain sidecar",
                                                       "terminate service",
                                                       "kill compartment",
                                                       "finish sidecar",
                                                       "kill sidecar",
                                                       "arm",
                                                       "state",
                                                       "exit",
                                                       "end"};
  std::string text(kNames[static_cast<std::size_t>(action.kind)]);
  if (action.kind == Kind::arm || action.kind == Kind::end) text += fmt::format(" {}", action.value);
  if (action.kind == Kind::report_exit) {
    text += fmt::format(" {} {}", action.ending.signalled ? "signal" : "code", action.ending.value);
    if (action.oom) text += " oom";
  }
  if (!action.text.empty()) text += ' ' + action.text;
  return text;
}

void Lifetime::act(Kind kind, std::uint32_t value, std::string text) {
  actions_.push_back({kind, value, std::move(text)});
}

void Lifetime::enter(Phase phase) {
  if (phase_ == phase) return;
  phase_ = phase;
  act(Kind::report_state, 0, std::string(to_string(phase)));
}

void Lifetime::report_exit_once(Ending ending, bool oom, std::string reason) {
  if (std::exchange(exit_reported_, true)) return;
  if (!stop_requested_) exit_code_ = ending.signalled || ending.value != 0 ? 1 : 0;
  actions_.push_back({Kind::report_exit, 0, std::move(reason), ending, oom});
}

std::vector<Action> Lifetime::begin() {
  act(Kind::arm, options_.ready_ms);
  if (!options_.has_compartment) {
    compartment_gone_ = true;
    act(Kind::greet_sidecar);
  }
  return std::exchange(actions_, {});
}

void Lifetime::go_on() {
  phase_ = Phase::running;
  sidecar_ready_ = true;
  service_started_ = options_.has_compartment;
  compartment_gone_ = !options_.has_compartment;
}

std::vector<Action> Lifetime::on(const Event& event) {
  if (!ended()) std::visit([this](const auto& e) { handle(e); }, event);
  return std::exchange(actions_, {});
}

// sealing → sealed: the sidecar may now have its doors.
void Lifetime::handle(const event::Sealed&) {
  if (phase_ != Phase::sealing) return;
  enter(Phase::sealed);
  act(Kind::greet_sidecar);
}

void Lifetime::handle(const event::SealFailed& failed) {
  report_exit_once({false, 1}, false, failed.reason);
  finish();
}

// sealed → sidecar_ready: only now may the service exist. A gateway has none and runs.
void Lifetime::handle(const event::SidecarReady&) {
  if (sidecar_ready_ || phase_ > Phase::sealed) return;
  sidecar_ready_ = true;
  enter(Phase::sidecar_ready);
  if (options_.has_compartment) {
    act(Kind::start_service);
  } else {
    act(Kind::arm, 0);
    enter(Phase::running);
  }
}

// sidecar_ready → running.
void Lifetime::handle(const event::ServiceStarted&) {
  service_started_ = true;
  if (phase_ != Phase::sidecar_ready) return;
  act(Kind::announce_service);
  act(Kind::arm, 0);
  enter(Phase::running);
}

void Lifetime::handle(const event::StartFailed& failed) {
  report_exit_once({false, 127}, false, failed.reason);
  finish();
}

// Whatever was planned: without its service the instance ends, outbound last.
void Lifetime::handle(const event::ServiceExited& exited) {
  service_started_ = false;
  report_exit_once(exited.ending, exited.oom, {});
  finish();
}

void Lifetime::handle(const event::InitExited&) {
  if (std::exchange(compartment_gone_, true)) return;
  service_started_ = false;
  if (phase_ < Phase::finishing) report_exit_once({true, 9}, false, "the compartment's init was killed");
  finish();
  end_if_all_gone();
}

void Lifetime::handle(const event::SidecarDrained&) {
  if (phase_ == Phase::draining) terminate();
}

// A service without its sidecar has no network: it goes at once, nobody could reach it.
void Lifetime::handle(const event::SidecarExited& exited) {
  if (std::exchange(sidecar_gone_, true)) return;
  if (phase_ < Phase::finishing) {
    report_exit_once(exited.ending.signalled || exited.ending.value != 0 ? exited.ending : Ending{false, 1}, false,
                     "the sidecar ended");
    enter(Phase::finishing);
    if (!compartment_gone_) act(Kind::kill_compartment);
  }
  end_if_all_gone();
}

// → draining: nothing new comes in, what is in flight ends. Before the service runs there is nothing to drain.
void Lifetime::handle(const event::StopRequested& stop) {
  if (std::exchange(stop_requested_, true) || phase_ >= Phase::draining) return;
  grace_ms_ = stop.grace_ms;
  if (phase_ != Phase::running) {
    report_exit_once({false, 0}, false, "stopped before it ran");
    return finish();
  }
  enter(Phase::draining);
  act(Kind::drain_sidecar);
  act(Kind::arm, options_.drain_ms == 0 ? 1 : options_.drain_ms);
}

// draining → terminating: the service is asked to end, then made to.
void Lifetime::terminate() {
  if (!options_.has_compartment) return finish();
  enter(Phase::terminating);
  act(Kind::terminate_service);
  act(Kind::arm, grace_ms_ == 0 ? 1 : grace_ms_);
}

// → finishing: the compartment is emptied first, so that the sidecar closes outbound last.
void Lifetime::finish() {
  if (phase_ >= Phase::finishing) return;
  enter(Phase::finishing);
  if (!compartment_gone_) act(Kind::kill_compartment);
  if (!sidecar_gone_) {
    act(Kind::finish_sidecar);
    act(Kind::arm, options_.finish_ms == 0 ? 1 : options_.finish_ms);
  }
}

void Lifetime::handle(const event::Deadline&) {
  switch (phase_) {
    case Phase::sealing:
    case Phase::sealed:
    case Phase::sidecar_ready:
      report_exit_once({false, 1}, false, fmt::format("not ready within {} ms", options_.ready_ms));
      return finish();
    case Phase::draining: return terminate();
    case Phase::terminating: report_exit_once({true, 9}, false, "did not end within its grace period"); return finish();
    case Phase::finishing:
      if (!sidecar_gone_) act(Kind::kill_sidecar);
      if (!compartment_gone_) act(Kind::kill_compartment);
      return act(Kind::arm, 1000);
    case Phase::running:
    case Phase::stopped: return;
  }
}

void Lifetime::end_if_all_gone() {
  if (!compartment_gone_ || !sidecar_gone_ || ended()) return;
  if (phase_ < Phase::finishing) enter(Phase::finishing);
  enter(Phase::stopped);
  act(Kind::end, exit_code_);
}

}  // namespace bulkhead::compartments
