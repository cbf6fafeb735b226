#include "proxy/control_session.hpp"

#include "base/build_id.hpp"
#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

namespace {

using nlohmann::json;

// A certificate that did not come is asked for again.
constexpr std::chrono::seconds kSignAnswer{5};
constexpr std::chrono::milliseconds kShortestPause{50};

std::string text_of(const json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

ControlSession::ControlSession(Core& core, Role role, std::string controller_socket, Handlers handlers)
    : core_(core),
      role_(role),
      handlers_(std::move(handlers)),
      link_(core.loop, std::move(controller_socket),
            {.connected = [this] { greet(); },
             .message = [this](const std::string& type, const json& message) { take(type, message); },
             .trouble = [this](const Fault& fault) { core_.journal.note(fault.message); }}),
      wake_(core.loop),
      gate_(core.loop) {}

void ControlSession::start() {
  link_.start();
  gate_.spawn(renew());
  gate_.spawn(report());
}

void ControlSession::close() {
  link_.close();
  gate_.shut();
}

double ControlSession::random_fraction() const {
  constexpr std::size_t kSteps = 1U << 20U;
  return static_cast<double>(core_.journal.draw(kSteps)) / static_cast<double>(kSteps);
}

void ControlSession::greet() {
  asked_ = false;
  core_.seals_tokens = false;  // a controller of another build may say nothing of it
  json missing = json::array();
  for (const NotEnforced& each : core_.not_enforced)
    missing.push_back({{"what", each.what}, {"reason", each.reason}, {"fix", each.fix}});
  link_.send({{"type", "hello"},
              {"instance", core_.instance},
              {"role", std::string(to_string(role_))},
              {"build", build_id()},
              {"token_seals", true},  // EndUsers verifies them
              {"not_enforced", missing}});
  if (core_.config) link_.send({{"type", "applied"}, {"hash", core_.config->hash()}});
  send_health();
  send_stats();
  wake_.notify_all();
}

void ControlSession::set_health(bool ready, std::string detail) {
  health_known_ = true;
  ready_ = ready;
  health_detail_ = std::move(detail);
  send_health();
}

void ControlSession::send_health() {
  if (!health_known_) return;
  link_.send({{"type", "health"}, {"state", ready_ ? "ready" : "unready"}, {"detail", health_detail_}});
}

void ControlSession::send_stats() {
  json message = core_.journal.stats();
  message["type"] = "stats";
  message["calls"] = core_.calls.to_json();
  const auto left = core_.credentials.plan().left(identity::moment_now()).count();
  message["identity"] = {{"spiffe_id", core_.credentials.own().text()}, {"seconds_left", left}};
  if (link_.send(message)) stats_sent_ = core_.journal.version() + core_.calls.version();
}

void ControlSession::take(const std::string& type, const json& message) {
  if (type == "svid") return take_svid(message);
  if (type == "snapshot") return take_snapshot(message);
  if (type == "stats?") return send_stats();
  if (type == "tokens") {
    const auto seals = message.find("seals");
    core_.seals_tokens = seals != message.end() && *seals == true;
    return;
  }
  if (type == "refused") {
    if (std::exchange(asked_, false)) core_.credentials.renewal_failed(random_fraction());
    core_.journal.note("the controller refused: " + text_of(message, "error"));
    return;
  }
  core_.journal.note("the controller sent a message of unknown type " + type);
}

void ControlSession::take_svid(const json& message) {
  asked_ = false;
  const auto installed =
      core_.credentials.install(text_of(message, "chain"), text_of(message, "bundle"), random_fraction());
  if (!installed) {
    core_.credentials.renewal_failed(random_fraction());
    core_.journal.note("certificate refused: " + installed.error().message);
    return;
  }
  // Connections of the old certificate end with what they carry; new requests use the new one.
  ++core_.mesh.generation;
  core_.pool.retire_before(core_.mesh.generation);
  handlers_.progress();
}

void ControlSession::take_snapshot(const json& message) {
  const std::string hash = text_of(message, "hash");
  const bool same = core_.config && core_.config->hash() == hash;
  const auto applied = same ? Result<>{} : apply_snapshot(message);
  if (applied) {
    link_.send({{"type", "applied"}, {"hash", hash}});
    handlers_.progress();
    return;
  }
  core_.journal.note("snapshot refused: " + applied.error().message);
  link_.send({{"type", "rejected"}, {"hash", hash}, {"error", applied.error().message}});
}

Result<> ControlSession::apply_snapshot(const json& message) {
  const auto found = message.find("snapshot");
  if (found == message.end()) return fail(Cause::invalid, "a snapshot message without its snapshot");
  auto snapshot = snapshot_from_json(*found);
  if (!snapshot) return fail(std::move(snapshot.error()));
  const bool ours = snapshot->spiffe_id == core_.credentials.own().text() && snapshot->instance == core_.instance &&
                    snapshot->role == role_;
  if (!ours) return fail(Cause::denied, "a snapshot for {} ({})", snapshot->instance, snapshot->spiffe_id);
  auto config = std::make_shared<const Config>(std::make_shared<const Snapshot>(std::move(*snapshot)));
  if (config->hash() != text_of(message, "hash")) {
    return fail(Cause::invalid, "the snapshot's content has the hash {}", config->hash());
  }
  return handlers_.apply(std::move(config));
}

void ControlSession::ask_for_certificate() {
  const auto request = core_.credentials.make_request();
  if (!request) {
    core_.journal.note("certificate request: " + request.error().message);
    return;
  }
  asked_ = link_.send({{"type", "sign"}, {"csr", *request}});
  asked_at_ = core_.loop.now();
}

net::Task<> ControlSession::renew() {
  while (!gate_.is_closed()) {
    const auto next = core_.credentials.plan().next(identity::moment_now());
    auto pause = std::max<net::Duration>(next.pause, kShortestPause);
    if (next.renew) {
      pause = kSignAnswer;
      const bool waiting = asked_ && core_.loop.now() - asked_at_ < kSignAnswer;
      if (!waiting && link_.is_connected()) ask_for_certificate();
    }
    // Woken by a new connection; otherwise this is just the time to look again.
    const auto woken = co_await wake_.wait(core_.loop.in(pause));
    if (!woken && woken.error().cause == Cause::closed) co_return;
  }
}

net::Task<> ControlSession::report() {
  while (!gate_.is_closed()) {
    co_await net::sleep(core_.loop, core_.loop.in(defaults::kStatsEvery));
    core_.journal.write_counts();
    if (core_.journal.version() + core_.calls.version() != stats_sent_) send_stats();
  }
}

}  // namespace bulkhead::proxy
