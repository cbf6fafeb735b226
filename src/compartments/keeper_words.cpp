// What the keeper hears from init, sidecar and controller, and tells them (keeper.hpp has the messages).

#include <array>
#include <span>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "base/build_id.hpp"
#include "compartments/door_sets.hpp"
#include "compartments/keeper_process.hpp"
#include "compartments/memory.hpp"
#include "compartments/secret_files.hpp"
#include "net/instance_link.hpp"

namespace bulkhead::compartments {
namespace {

std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void Keeper::report_state(const std::string& state) {
  Json message = {{"type", "state"}, {"state", state}};
  if (service_pid_ > 0) message["service_pid"] = service_pid_;
  controller_.send(dump(message));
}

void Keeper::report_exit(const Action& action) {
  Json message = {{"type", "exited"}, {"oom", action.oom}};
  message[action.ending.signalled ? "signal" : "code"] = action.ending.value;
  if (!action.text.empty()) message["reason"] = action.text;
  controller_.send(dump(message));
  output_.say(to_string(action));
}

void Keeper::on_init() {
  while (init_) {
    InitMessage message;
    auto received = receive_with_rights(init_.get(), std::as_writable_bytes(std::span(&message, 1)));
    if (!received && received.error().cause == Cause::exhausted) return;
    if (!received || received->size != sizeof message) {
      // Its end; waitpid says how.
      init_.reset();
      return;
    }
    message.text.back() = '\0';
    on_init_message(message, *received);
  }
}

void Keeper::on_init_message(const InitMessage& message, Received& received) {
  switch (message.kind) {
    case InitMessage::Kind::sealed: {
      std::istringstream names(message.text.data());
      for (auto& fd : received.rights) {
        std::string name;
        std::getline(names, name);
        if (name == net::kVendor) {
          vendor_ = std::move(fd);
        } else {
          sockets_.emplace_back(name, std::move(fd));
        }
      }
      return feed(event::Sealed{});
    }
    case InitMessage::Kind::started:
      service_pid_ = received.pid.value_or(-1);
      return feed(event::ServiceStarted{service_pid_});
    case InitMessage::Kind::exited: {
      const bool oom = spec_.compartment && oom_kills(spec_.compartment->cgroups) > 0;
      service_pid_ = -1;
      return feed(event::ServiceExited{{message.signalled, message.value}, oom});
    }
    case InitMessage::Kind::failed: {
      const std::string reason = message.text.data();
      if (lifetime_.phase() == Phase::sealing) return feed(event::SealFailed{reason});
      return feed(event::StartFailed{reason});
    }
    case InitMessage::Kind::doors_set:
      return controller_.send(dump({{"type", "doors"}, {"problem", message.text.data()}}));
    case InitMessage::Kind::secrets_set:
      return controller_.send(dump({{"type", "secrets"}, {"problem", message.text.data()}}));
    case InitMessage::Kind::became: {
      const std::string problem = message.text.data();
      if (problem.empty()) init_build_ = init_becomes_;
      return controller_.send(dump({{"type", "init"}, {"build", init_build_}, {"problem", problem}}));
    }
    case InitMessage::Kind::vendor_opened:
      return succession_.on_vendor(received.rights.size() == 1
                                       ? Result<Fd>(std::move(received.rights.front()))
                                       : fail(Cause::io, "no vendor socket: {}", message.text.data()),
                                   now_ms());
    default: return sessions_.on_init(message, received);
  }
}

// The compartment's filter lets through what is declared now.
void Keeper::change_doors(const Json& list) {
  std::vector<Door> doors;
  for (const Json& each : list) {
    if (!each.is_object()) return;
    doors.push_back({each.value("address", ""), each.value("port", std::uint16_t{0})});
  }
  if (!init_ || !spec_.compartment || doors == spec_.compartment->doors) return;
  const auto packed = pack_doors(doors);
  if (!packed) return controller_.send(dump({{"type", "doors"}, {"problem", packed.error().message}}));
  const InitMessage message{InitMessage::Kind::doors};
  const std::array rights{packed->get()};
  if (send_with_rights(init_.get(), std::as_bytes(std::span(&message, 1)), rights))
    spec_.compartment->doors = std::move(doors);
}

void Keeper::change_secrets(const Json& list) {
  if (!init_ || !spec_.compartment) return;
  auto secrets = parse_secrets(list);
  if (secrets && *secrets == spec_.compartment->secrets) return;
  const auto handed_in = secrets ? hand_in(*secrets) : fail(secrets.error());
  if (!handed_in) return controller_.send(dump({{"type", "secrets"}, {"problem", handed_in.error().message}}));
  spec_.compartment->secrets = std::move(*secrets);
}

Result<> Keeper::hand_in(const std::vector<SecretFile>& secrets) {
  output_.know(secrets);  // before a program can print one
  const auto packed = pack_secrets(secrets);
  if (!packed) return fail(packed.error());
  const std::uint32_t signals = signals_of_change(spec_.compartment->secrets, secrets);
  const InitMessage message{.kind = InitMessage::Kind::secrets, .value = static_cast<std::int32_t>(signals)};
  const std::array rights{packed->get()};
  const auto sent = send_with_rights(init_.get(), std::as_bytes(std::span(&message, 1)), rights);
  return sent ? Result<>() : fail(sent.error());
}

void Keeper::on_sidecar() {
  while (auto message = sidecar_.hear()) {
    if (message->type == "ready") {
      // Its own listener outlives it too.
      if (message->rights.size() == 1) sockets_.emplace_back(net::kInner, std::move(message->rights.front()));
      feed(event::SidecarReady{});
    }
    if (message->type == "drained") feed(event::SidecarDrained{});
  }
  // One that can't be told anything any more is at its end, whatever it still does.
  if (!sidecar_.has_link() && lifetime_.phase() < Phase::finishing) sidecar_.kill();
}

Succession::Keeper Keeper::succession_parts() {
  return {[this] { tell_init(InitMessage::Kind::vendor); },
          [this](const std::string& executable, Fd vendor) -> Result<Sidecar> {
            SidecarSpec spec = spec_.sidecar;
            spec.argv.front() = executable;
            Sidecar next;
            if (const auto launched = launch_sidecar(next, spec); !launched) return fail(launched.error());
            if (const auto greeted = greet(next, spec, std::move(vendor)); !greeted)
              output_.say(greeted.error().message);  // it will not get ready
            return next;
          },
          [this](Sidecar& next) {
            std::swap(sidecar_, next);
            writes_to_second_ = !writes_to_second_;
          },
          [this](std::string_view what, std::string_view problem) { report_sidecar(what, problem); }};
}

void Keeper::report_sidecar(std::string_view what, std::string_view problem) {
  if (!problem.empty()) output_.say(fmt::format("the sidecar is not replaced: {}", problem));
  controller_.send(dump({{"type", "sidecar"},
                         {"what", what},
                         {"problem", problem},
                         {"sidecar_pid", sidecar_.pid()},
                         {"other_pid", succession_.other().pid()}}));
}

void Keeper::on_controller(short revents) {
  for (const auto& text : controller_.on_ready(now_ms(), revents)) {
    const Json message = Json::parse(text, nullptr, false);
    if (message.is_object() && message.value("type", Json()).is_string()) obey(message);
  }
}

void Keeper::obey(const Json& message) {
  const auto type = message["type"].get<std::string>();
  if (type == "stop") {
    const Json grace = message.value("grace_ms", Json());
    feed(event::StopRequested{grace.is_number_unsigned() ? grace.get<std::uint32_t>() : spec_.grace_ms});
  }
  if (type == "doors" && message.contains("doors") && message["doors"].is_array()) change_doors(message["doors"]);
  if (type == "secrets" && message.contains("secrets")) change_secrets(message["secrets"]);
  if (type == "guest" || type == "hang_up" || type == "connect")
    sessions_.on_controller(message, guests_of(), now_ms());
  if (type == "listeners") hand_out_listeners();
  if (type == "become" && message.value("executable", Json()).is_string()) {
    const auto stays = message.value("protocol", 0) != kKeeperProtocol
                           ? fail(Cause::conflict, "its keepers can not take over from this one")
                           : become(message["executable"]);
    controller_.send(dump({{"type", "stays"}, {"problem", stays.error().message}}));
  }
  if (type == "become_init" && message.value("build", Json()).is_string()) {
    const auto asked = move_init(message["build"], controller_.take_rights());
    if (!asked) controller_.send(dump({{"type", "init"}, {"build", init_build_}, {"problem", asked.error().message}}));
  }
  if (type == "replace_sidecar" && message.value("executable", Json()).is_string()) {
    if (lifetime_.phase() != Phase::running) return report_sidecar("failed", "the instance does not run");
    succession_.begin(message["executable"], spec_.compartment.has_value(), now_ms());
  }
}

// The answer is init's own.
Result<> Keeper::move_init(const std::string& build, std::vector<Fd> program) {
  if (program.size() != 1) return fail(Cause::protocol, "no program came along");
  if (lifetime_.phase() != Phase::running || !init_) return fail(Cause::conflict, "the instance does not run");
  if (succession_.is_under_way()) return fail(Cause::conflict, "a sidecar is being replaced");
  if (sessions_.any()) return fail(Cause::conflict, "an operator is inside");
  if (init_build_.empty()) return fail(Cause::unsupported, "it is of a build that can't");
  auto spec = put_in_memory(to_json(spec_));
  if (!spec) return fail(spec.error());
  const InitMessage message{InitMessage::Kind::become};
  const std::array rights{program.front().get(), spec->get()};
  const auto sent = send_with_rights(init_.get(), std::as_bytes(std::span(&message, 1)), rights);
  if (!sent) return fail(sent.error());
  init_becomes_ = build;
  return {};
}

// Comes back only with a fault, and then nothing has changed.
Result<> Keeper::become(const std::string& executable) {
  if (lifetime_.phase() != Phase::running) return fail(Cause::conflict, "the instance does not run");
  if (succession_.is_under_way()) return fail(Cause::conflict, "a sidecar is being replaced");
  if (sessions_.any()) return fail(Cause::conflict, "an operator is inside");
  KeeperState state{.spec = spec_,
                    .init = init_.get(),
                    .init_pid = init_pid_,
                    .init_build = init_build_,
                    .service_pid = service_pid_,
                    .sidecar = sidecar_.link(),
                    .sidecar_pid = sidecar_.pid(),
                    .sockets = {},
                    .output = {},
                    .writes_to_second = writes_to_second_,
                    .not_enforced = not_enforced_};
  for (const auto& [name, fd] : sockets_) state.sockets.push_back({name, fd.get()});
  for (std::size_t i = 0; i < state.output.size(); ++i) {
    const auto open = output_.open_at(i);
    state.output[i] = {open.fd, open.rest};
  }
  const auto kept = AcrossExec::keep(to_json(state), state.descriptors());
  if (!kept) return fail(kept.error());
  const std::string number = kept->number();
  execl(executable.c_str(), executable.c_str(), "keeper", "--state", number.c_str(), nullptr);
  return os_fail("run " + executable);
}

void Keeper::hand_out_listeners() {
  Json names = Json::array();
  std::vector<int> rights;
  for (const auto& listener : spec_.listeners) {
    names.push_back(listener.name);
    rights.push_back(listener.fd);
  }
  controller_.send(dump({{"type", "listeners"}, {"names", std::move(names)}}), std::move(rights));
}

std::string Keeper::greeting() const {
  Json missing = Json::array();
  for (const auto& each : not_enforced_) {
    missing.push_back({{"what", each.what}, {"reason", each.reason}, {"fix", each.fix}});
  }
  return dump({{"type", "hello"},
               {"instance", spec_.instance},
               {"build", build_id()},
               {"keeper_pid", getpid()},
               {"keeper_start", start_time_of(getpid())},
               {"sidecar_pid", sidecar_.pid()},
               {"sidecar_start", sidecar_.start_time()},
               {"other_pid", succession_.other().pid()},
               {"succession", succession_.state()},
               {"service_pid", service_pid_},
               {"init", spec_.compartment ? Json{{"build", init_build_}} : Json()},
               {"state", to_string(lifetime_.phase())},
               {"not_enforced", std::move(missing)}});
}

}  // namespace bulkhead::compartments
