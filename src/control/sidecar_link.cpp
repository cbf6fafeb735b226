// What sidecars and gateways say and are told. No administrative verb is spoken here.

#include <algorithm>

#include "base/log.hpp"
#include "control/controller.hpp"
#include "control/snapshots.hpp"
#include "identity/spiffe_id.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

net::Task<> Controller::accept_sidecars() {
  for (;;) {
    auto stream = co_await sidecars_.accept();
    if (!stream) co_return;
    gate_.spawn(serve_sidecar(std::move(*stream)));
  }
}

// Who is at the other end, by the kernel's word: the process that a keeper of ours has named as its sidecar. It may
// connect before its keeper's news is here, so that is waited for.
net::Task<Controller::Attested> Controller::attest(pid_t pid) {
  const net::Deadline deadline = loop_.in(10s);
  for (;;) {
    const auto identity = net::identify_process(pid);
    if (!identity) co_return Attested{};
    for (auto& [id, runtime] : runtimes_)
      for (SidecarPeer* peer : {&runtime.sidecar, &runtime.other})
        if (peer->process == *identity) co_return Attested{&runtime, peer};
    const auto news = co_await keeper_news_.wait(deadline);
    if (!news) co_return Attested{};
  }
}

net::Task<> Controller::serve_sidecar(net::Stream stream) {
  const auto credentials = stream.peer_credentials();
  if (!credentials) co_return;
  net::FrameChannel channel(std::move(stream));
  auto [runtime, peer] = co_await attest(credentials->pid);
  if (runtime == nullptr) {
    log_line("refused a sidecar: pid {} is not the sidecar of any instance", credentials->pid);
    co_return;
  }
  peer->channel = &channel;
  peer->sent_hash.clear();
  peer->applied_hash.clear();
  peer->told.clear();
  const std::string id = runtime->id;
  const std::uint64_t epoch = runtime->epoch;
  for (;;) {
    auto frame = co_await channel.receive(net::Deadline::never());
    if (!frame) break;
    const auto message = policy::read_json(frame->payload);
    runtime = find(id, epoch);
    peer = runtime == nullptr ? nullptr : runtime->peer_of(channel);
    if (!message || !message->is_object() || peer == nullptr) break;
    try {
      const auto heard = hear_sidecar(*runtime, *peer, *message);
      if (!heard) {
        log_line("{}: {}", id, heard.error().message);
        if (!channel.send(json{{"type", "refused"}, {"error", heard.error().message}}.dump())) break;
      }
    } catch (const json::exception& error) {
      log_line("{}: a sidecar's message: {}", id, error.what());
      break;
    }
  }
  runtime = find(id, epoch);
  peer = runtime == nullptr ? nullptr : runtime->peer_of(channel);
  if (peer == nullptr) co_return;
  peer->channel = nullptr;
  if (peer == &runtime->other && peer->gone) forget_other(*runtime);
}

Result<> Controller::hear_sidecar(Runtime& runtime, SidecarPeer& peer, const json& message) {
  const std::string type = message.value("type", "");
  if (type == "applied") {
    peer.applied_hash = message.value("hash", "");
    if (settled()) changed_.notify_all();
  }
  const bool retires = &peer == &runtime.other && runtime.succession != "starting";
  if (retires && (type == "applied" || type == "rejected" || type == "health"))
    return {};  // not the instance's any more
  if (type == "hello") {
    peer.build = message.value("build", "");
    peer.token_seals = message.value("token_seals", false);
    runtime.add_not_enforced(message);
    publish_to(runtime);
    reconcile_soon();  // others may be told something else by now
  } else if (type == "sign") {
    // Attested again at each issue: the process must still be the one that the keeper named.
    const auto identity = net::identify_process(peer.process.pid);
    if (!identity || *identity != peer.process) return fail(Cause::denied, "the sidecar is not who it was");
    return sign(runtime, peer, message.at("csr").get<std::string>());
  } else if (type == "applied") {
    runtime.rejected.clear();
  } else if (type == "rejected") {
    runtime.rejected = message.value("error", "refused");
    log_line("{} rejected its snapshot: {}", runtime.id, runtime.rejected);
  } else if (type == "health") {
    const bool ready = message.value("state", "") == "ready";
    const auto slot = fleet_.slots().find(runtime.id);
    const bool stopping = slot != fleet_.slots().end() && slot->second.phase == Phase::stopping;
    fleet_.on_health(runtime.id, runtime.epoch, ready, message.value("detail", ""), now());
    registry_.set_ready(runtime.id, ready && !stopping);
    reconcile_soon();
  } else if (type == "export") {
    peer.export_problem = message.value("failing", "");
  } else if (type == "stats") {
    peer.stats = message;
    stats_news_.notify_all();
  }
  return {};
}

Result<> Controller::sign(Runtime& runtime, SidecarPeer& peer, const std::string& request) {
  if (!authority_ || !loaded_) return fail(Cause::conflict, "there is no application to sign for");
  auto id = identity::SpiffeId::make(loaded_->model.trust_domain, loaded_->model.app, runtime.service);
  if (!id) return fail(std::move(id.error()));
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(loaded_->application.svid_ttl);
  auto svid = authority_->sign(request, *id, ttl);
  if (!svid) return fail(within("signing for " + runtime.id, std::move(svid.error())));
  const auto seconds = [](identity::WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  };
  runtime.serial = svid->serial;
  runtime.not_before = seconds(svid->not_before);
  runtime.not_after = seconds(svid->not_after);
  return peer.channel->send(json{
      {"type", "svid"},
      {"chain", svid->chain_pem},
      {"bundle", authority_->bundle_pem()},
      {"not_before", runtime.not_before},
      {"not_after",
       runtime.not_after}}.dump());
}

void Controller::publish() {
  const bool seals = all_know_token_seals();
  for (auto& [id, runtime] : runtimes_) {
    if (runtime.service == policy::kGateway) tell_of_tokens(runtime, seals);
    publish_doors(runtime);
    publish_secrets(runtime);
    publish_to(runtime);
  }
}

// Whether every sidecar verifies tokens that are sealed for it: one of another build may not. Those that this
// controller starts are of this build.
bool Controller::all_know_token_seals() const {
  const auto knows = [](const Runtime& runtime, const SidecarPeer& peer) {
    return peer.process.pid <= 0 || peer.gone || peer.token_seals.value_or(!runtime.adopted);
  };
  return std::ranges::all_of(runtimes_, [&](const auto& entry) {
    const Runtime& runtime = entry.second;
    return runtime.service == policy::kCollector || (knows(runtime, runtime.sidecar) && knows(runtime, runtime.other));
  });
}

void Controller::tell_of_tokens(Runtime& gateway, bool seals) {
  for (SidecarPeer* peer : {&gateway.sidecar, &gateway.other}) {
    const std::string told = seals ? "seals" : "";
    if (peer->channel == nullptr || !peer->token_seals.value_or(false) || told == peer->told) continue;
    if (peer->channel->send(json{{"type", "tokens"}, {"seals", seals}}.dump())) peer->told = told;
  }
}

// What a service may dial is in its compartment's packet filter too, which only its keeper reaches.
void Controller::publish_doors(Runtime& runtime) {
  if (runtime.keeper_channel == nullptr || !loaded_ || loaded_->application.service(runtime.service) == nullptr) return;
  std::vector<compartments::Door> doors = doors_of(loaded_->model, runtime.service);
  if (doors == runtime.doors) return;
  json list = json::array();
  for (const compartments::Door& door : doors) list.push_back({{"address", door.address}, {"port", door.port}});
  if (runtime.keeper_channel->send(json{{"type", "doors"}, {"doors", list}}.dump())) runtime.doors = std::move(doors);
}

void Controller::publish_to(Runtime& runtime) {
  if ((runtime.sidecar.channel == nullptr && runtime.other.channel == nullptr) || !loaded_) return;
  if (runtime.service == policy::kCollector) return tell_collector(runtime);
  const manifest::Application& application = loaded_->application;
  proxy::Snapshot snapshot;
  if (runtime.service == policy::kGateway) {
    if (!application.gateway) return;
    snapshot = gateway_snapshot(application, loaded_->model, registry_, runtime.id, gateway_certificate_, users_);
  } else {
    const manifest::Service* service = application.service(runtime.service);
    if (service == nullptr) return;
    snapshot = sidecar_snapshot(application, loaded_->model, registry_, *service, runtime.id, users_);
  }
  add_secret_marks(snapshot, secret_marks_);
  const std::string hash = proxy::content_hash(snapshot);
  publish_to(runtime.sidecar, snapshot, hash);
  publish_to(runtime.other, snapshot, hash);
}

void Controller::publish_to(SidecarPeer& peer, const proxy::Snapshot& snapshot, const std::string& hash) {
  if (peer.channel == nullptr || hash == peer.sent_hash) return;
  const json message = {{"type", "snapshot"}, {"hash", hash}, {"snapshot", proxy::to_json(snapshot)}};
  peer.sent_hash = peer.channel->send(message.dump()) ? hash : "";
}

}  // namespace bulkhead::control
