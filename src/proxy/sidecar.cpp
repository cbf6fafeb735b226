#include "proxy/sidecar.hpp"

#include "net/instance_link.hpp"
#include "proxy/defaults.hpp"
#include "proxy/snapshot_check.hpp"

namespace bulkhead::proxy {

namespace {

constexpr std::chrono::milliseconds kLastWords{500};
constexpr std::chrono::seconds kCloseOutbound{1};

Fd take(Hello& hello, std::string_view name) {
  const auto found = hello.fds.find(std::string(name));
  return found == hello.fds.end() ? Fd() : std::move(found->second);
}

Result<std::unique_ptr<telemetry::Records>> open_records(const std::string& path) {
  if (path.empty()) return nullptr;
  return telemetry::Records::open({.path = path});
}

}  // namespace

Result<std::unique_ptr<Sidecar>> Sidecar::make(net::Loop& loop, Hello hello, KeeperLink keeper,
                                               OutsideOptions outside) {
  std::unique_ptr<Sidecar> sidecar(new Sidecar(loop, std::move(keeper)));
  if (auto opened = sidecar->open(std::move(hello), std::move(outside)); !opened)
    return fail(std::move(opened.error()));
  return sidecar;
}

Result<> Sidecar::open(Hello hello, OutsideOptions outside) {
  auto own = identity::SpiffeId::make(hello.trust_domain, hello.app, hello.service);
  if (!own) return fail(std::move(own.error()));
  auto records = open_records(hello.records);
  if (!records) return fail(std::move(records.error()));
  core_ = std::make_unique<Core>(loop_, std::move(*own), hello.instance, std::move(*records));
  core_->not_enforced = std::move(hello.not_enforced);
  core_->otlp = std::move(hello.otlp);
  std::unique_ptr<Vendor> vendor;
  if (Fd socket = take(hello, net::kVendor)) {
    auto adopted = Vendor::adopt(loop_, std::move(socket));
    if (!adopted) return fail(std::move(adopted.error()));
    vendor = std::move(*adopted);
  }
  service_ = std::make_unique<LocalService>(loop_, std::move(vendor));
  outside_ = std::make_unique<Outside>(core_->loop, std::move(outside));
  inner_ = std::make_unique<InnerDoor>(*core_, *service_);
  outer_ = std::make_unique<OuterDoor>(*core_, *outside_);
  dns_ = std::make_unique<DnsResponder>(*core_);
  dials_ = std::make_unique<DialWatch>(*core_);
  health_ = std::make_unique<HealthChecker>(*core_, *service_, [this](bool ready, const std::string& detail) {
    if (!draining_) control_->set_health(ready, detail);
  });
  control_ = std::make_unique<ControlSession>(
      *core_, Role::sidecar, hello.controller_socket,
      ControlSession::Handlers{[this](ConfigPtr config) { return apply(std::move(config)); }, [this] { progress(); }});
  return open_doors(hello);
}

Result<> Sidecar::open_doors(Hello& hello) {
  const auto address = net::Address::parse(endpoint_address(hello.inner));
  if (!address) return fail(within("hello: inner", address.error()));
  // Its predecessor opened it, if there was one.
  Fd inherited = take(hello, net::kInner);
  if (auto opened = inherited ? inner_->adopt(std::move(inherited)) : inner_->open(*address); !opened) return opened;
  for (const std::string_view name : {net::kDoor4, net::kDoor6}) {
    Fd door = take(hello, name);
    if (!door) continue;
    if (auto adopted = outer_->adopt(std::move(door)); !adopted) return adopted;
  }
  if (Fd socket = take(hello, net::kDnsUdp)) {
    if (auto serving = dns_->serve_udp(std::move(socket)); !serving) return serving;
  }
  if (Fd socket = take(hello, net::kDnsTcp)) {
    if (auto serving = dns_->serve_tcp(std::move(socket)); !serving) return serving;
  }
  if (Fd socket = take(hello, net::kNflog)) {
    if (auto watching = dials_->watch(std::move(socket)); !watching) return watching;
  }
  return {};
}

void Sidecar::start() { control_->start(); }

Result<> Sidecar::apply(ConfigPtr config) {
  core_->take(std::move(config));
  return {};
}

void Sidecar::progress() {
  if (ready_ || proving_ || !core_->config || !core_->credentials.usable()) return;
  proving_ = true;
  gate_.spawn(prove_and_serve());
}

net::Task<> Sidecar::prove_and_serve() {
  core_->journal.pause(true);
  const auto proven = co_await inner_->prove_it_denies();
  core_->journal.pause(false);
  if (!proven) {
    keeper_.fatal(within("refusing to serve", proven.error()));
    co_return;
  }
  const auto outer = co_await outer_->prove_it_denies();
  if (!outer) {
    keeper_.fatal(within("refusing to serve", outer.error()));
    co_return;
  }
  inner_->start();
  outer_->start();
  ready_ = true;
  keeper_.say("ready", inner_->listening());
  // A service that does not listen yet is found unready; asking early only makes its start visible sooner.
  health_->start();
}

void Sidecar::service_started() {
  if (ready_) health_->start();
}

void Sidecar::drain() {
  if (std::exchange(draining_, true)) return;
  gate_.spawn(drain_inbound());
}

net::Task<> Sidecar::drain_inbound() {
  health_->stop();
  control_->set_health(false, "draining");
  // Said before the door closes, so that callers go elsewhere rather than come in vain.
  co_await control_->flush(loop_.in(kLastWords));
  // For how long, the keeper knows: then it ends the service, and what is still served ends with a word of its own.
  co_await inner_->drain(net::Deadline::never());
  keeper_.tell("drained");
}

void Sidecar::retire() {
  if (std::exchange(draining_, true)) return;
  health_->stop();
  dns_->close();
  dials_->close();
  gate_.spawn(drain_all());
}

// Both ways at once: what comes in may wait for what goes out.
net::Task<> Sidecar::drain_all() {
  inner_->leave_path();
  inner_->begin_drain();
  co_await outer_->close(net::Deadline::never());
  co_await inner_->drain(net::Deadline::never());
  keeper_.tell("retired");
}

net::Task<> Sidecar::finish() {
  draining_ = true;
  health_->stop();
  co_await outer_->close(loop_.in(kCloseOutbound));
  control_->send_stats();
  co_await control_->flush(loop_.in(kLastWords));
  control_->close();
  co_await service_->close();
  co_await outside_->close();
  co_await core_->pool.close();
  core_->journal.flush();
}

int sidecar_main(int link_fd, const Confine& confine) {
  const MakeInstance make = [](net::Loop& loop, Hello hello, KeeperLink keeper) -> Result<std::unique_ptr<Instance>> {
    auto sidecar = Sidecar::make(loop, std::move(hello), std::move(keeper));
    if (!sidecar) return fail(std::move(sidecar.error()));
    return std::move(*sidecar);
  };
  return instance_main(link_fd, make, confine);
}

}  // namespace bulkhead::proxy
