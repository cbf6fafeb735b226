#pragma once

#include <memory>

#include "gateway/public_door.hpp"
#include "proxy/control_session.hpp"
#include "proxy/instance.hpp"

namespace bulkhead::gateway {

// A sidecar without a compartment: public listeners instead of doors, routes instead of names. Loop's thread only.
class Gateway final : public proxy::Instance {
 public:
  static Result<std::unique_ptr<Gateway>> make(net::Loop& loop, proxy::Hello hello, proxy::KeeperLink keeper,
                                               proxy::OutsideOptions outside = {});

  void start() override;
  void drain() override;
  void retire() override;
  net::Task<> finish() override;
  proxy::Core& core() { return *core_; }

 private:
  Gateway(net::Loop& loop, proxy::KeeperLink keeper) : loop_(loop), keeper_(std::move(keeper)), gate_(loop) {}
  Result<> open(proxy::Hello hello, proxy::OutsideOptions outside);
  Result<> apply(proxy::ConfigPtr config);
  void progress();
  net::Task<> drain_public();
  net::Task<> drain_all();

  net::Loop& loop_;
  const proxy::KeeperLink keeper_;
  std::unique_ptr<proxy::Core> core_;
  std::unique_ptr<PublicDoor> door_;
  std::unique_ptr<proxy::ControlSession> control_;
  bool ready_ = false;
  bool draining_ = false;
  net::Gate gate_;
};

// The process of a gateway (see proxy::instance_main).
int gateway_main(int link_fd, const proxy::Confine& confine = {});

}  // namespace bulkhead::gateway
