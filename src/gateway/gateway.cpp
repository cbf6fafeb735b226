#include "gateway/gateway.hpp"

#include "proxy/defaults.hpp"

namespace bulkhead::gateway {

namespace {

constexpr std::chrono::milliseconds kLastWords{500};

// A path that no pattern may match, whatever the routes are: if it finds one, routing is broken.
constexpr std::string_view kNowhere = "/../";

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::make(net::Loop& loop, proxy::Hello hello, proxy::KeeperLink keeper,
                                               proxy::OutsideOptions outside) {
  std::unique_ptr<Gateway> gateway(new Gateway(loop, std::move(keeper)));
  if (auto opened = gateway->open(std::move(hello), std::move(outside)); !opened)
    return fail(std::move(opened.error()));
  return gateway;
}

Result<> Gateway::open(proxy::Hello hello, proxy::OutsideOptions outside) {
  auto own = identity::SpiffeId::make(hello.trust_domain, hello.app, hello.service);
  if (!own) return fail(std::move(own.error()));
  std::unique_ptr<telemetry::Records> records;
  if (!hello.records.empty()) {
    auto opened = telemetry::Records::open({.path = hello.records});
    if (!opened) return fail(std::move(opened.error()));
    records = std::move(*opened);
  }
  core_ = std::make_unique<proxy::Core>(loop_, std::move(*own), hello.instance, std::move(records));
  core_->not_enforced = std::move(hello.not_enforced);
  door_ = std::make_unique<PublicDoor>(*core_, std::move(outside));
  for (auto& [name, fd] : hello.fds) {
    if (auto adopted = door_->adopt(name, std::move(fd)); !adopted) return adopted;
  }
  control_ = std::make_unique<proxy::ControlSession>(
      *core_, proxy::Role::gateway, hello.controller_socket,
      proxy::ControlSession::Handlers{[this](proxy::ConfigPtr config) { return apply(std::move(config)); },
                                      [this] { progress(); }});
  return {};
}

void Gateway::start() { control_->start(); }

Result<> Gateway::apply(proxy::ConfigPtr config) {
  if (config->route("", "GET", kNowhere) != nullptr) return fail(Cause::internal, "an ambiguous path finds a route");
  // Whatever can fail comes first, so that a refused configuration changes nothing.
  if (auto applied = door_->apply(config->snapshot()); !applied) return applied;
  core_->take(std::move(config));
  return {};
}

void Gateway::progress() {
  if (ready_ || !core_->config || !core_->credentials.usable()) return;
  ready_ = true;
  door_->start();
  keeper_.tell("ready");
  control_->set_health(true, "");
}

void Gateway::drain() {
  if (!std::exchange(draining_, true)) gate_.spawn(drain_public());
}

net::Task<> Gateway::drain_public() {
  control_->set_health(false, "draining");
  co_await door_->drain(loop_.in(proxy::defaults::kDrain));
  keeper_.tell("drained");
}

void Gateway::retire() {
  if (!std::exchange(draining_, true)) gate_.spawn(drain_all());
}

net::Task<> Gateway::drain_all() {
  co_await door_->drain(net::Deadline::never());
  keeper_.tell("retired");
}

net::Task<> Gateway::finish() {
  draining_ = true;
  co_await door_->drain(loop_.in(kLastWords));
  control_->send_stats();
  co_await control_->flush(loop_.in(kLastWords));
  control_->close();
  co_await door_->close_outside();
  co_await core_->pool.close();
  core_->journal.flush();
}

int gateway_main(int link_fd, const proxy::Confine& confine) {
  const proxy::MakeInstance make = [](net::Loop& loop, proxy::Hello hello,
                                      proxy::KeeperLink keeper) -> Result<std::unique_ptr<proxy::Instance>> {
    auto gateway = Gateway::make(loop, std::move(hello), std::move(keeper));
    if (!gateway) return fail(std::move(gateway.error()));
    return std::move(*gateway);
  };
  return proxy::instance_main(link_fd, make, confine);
}

}  // namespace bulkhead::gateway
