#pragma once

#include <memory>
#include <string>

#include "proxy/control_session.hpp"
#include "proxy/core.hpp"
#include "proxy/dial_watch.hpp"
#include "proxy/dns_responder.hpp"
#include "proxy/health.hpp"
#include "proxy/inner_door.hpp"
#include "proxy/instance.hpp"
#include "proxy/outer_door.hpp"

namespace bulkhead::proxy {

// One instance's sidecar: its doors in and out, its identity, its configuration. It says "ready" once its listeners
// are open, its certificate and first snapshot are there, and each door has proven that it denies.
class Sidecar final : public Instance {
 public:
  static Result<std::unique_ptr<Sidecar>> make(net::Loop& loop, Hello hello, KeeperLink keeper,
                                               OutsideOptions outside = {});

  void start() override;
  void service_started() override;
  void drain() override;
  void retire() override;
  net::Task<> finish() override;

  Core& core() { return *core_; }
  bool is_ready() const { return ready_; }

 private:
  Sidecar(net::Loop& loop, KeeperLink keeper) : loop_(loop), keeper_(std::move(keeper)), gate_(loop) {}
  Result<> open(Hello hello, OutsideOptions outside);
  Result<> open_doors(Hello& hello);
  Result<> apply(ConfigPtr config);
  void progress();
  net::Task<> prove_and_serve();
  net::Task<> drain_inbound();
  net::Task<> drain_all();

  net::Loop& loop_;
  const KeeperLink keeper_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<LocalService> service_;
  std::unique_ptr<Outside> outside_;
  std::unique_ptr<InnerDoor> inner_;
  std::unique_ptr<OuterDoor> outer_;
  std::unique_ptr<DnsResponder> dns_;
  std::unique_ptr<DialWatch> dials_;
  std::unique_ptr<HealthChecker> health_;
  std::unique_ptr<ControlSession> control_;
  bool proving_ = false;
  bool ready_ = false;
  bool draining_ = false;
  net::Gate gate_;
};

// The process of a sidecar (see instance_main).
int sidecar_main(int link_fd, const Confine& confine = {});

}  // namespace bulkhead::proxy
