#pragma once

// The process that keeps what the others recorded and answers questions about it. Nobody waits for it: it reads files
// that others write, and it may end at any time. Started by a keeper as a gateway is. Loop's thread.

#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "collect/api.hpp"
#include "collect/exporter.hpp"
#include "collect/otlp_door.hpp"
#include "net/gate.hpp"
#include "net/listener.hpp"
#include "proxy/control_link.hpp"
#include "proxy/instance.hpp"
#include "proxy/server.hpp"

namespace bulkhead::collect {

class Collector final : public proxy::Instance {
 public:
  // `hello.collect` says where things are.
  static Result<std::unique_ptr<Collector>> make(net::Loop& loop, proxy::Hello hello, proxy::KeeperLink keeper);

  void start() override;
  void drain() override;
  void retire() override;
  net::Task<> finish() override;

 private:
  Collector(net::Loop& loop, proxy::Hello hello, proxy::KeeperLink keeper);
  Result<> open(Fd inherited);
  net::Task<> begin();
  net::Task<bool> take_lock();
  Result<> open_console();
  void take(const std::string& type, const nlohmann::json& message);
  void take_settings(const nlohmann::json& message);
  std::unique_ptr<Exporter> make_exporter();
  void say_export();
  void greet();
  net::Task<> accept(net::Listener& listener, bool trusted);
  net::Task<> accept_otlp();
  net::Task<> serve(net::Stream stream, bool trusted);
  net::Task<> tick();
  net::Task<> stop(std::string_view word);

  net::Loop& loop_;
  const proxy::Hello hello_;
  const proxy::KeeperLink keeper_;
  Fd lock_;  // of the store: one process at a time has it
  net::Listener unix_;
  net::Listener tcp_;
  net::Listener otlp_;
  ProgramMetrics program_metrics_;
  std::unique_ptr<OtlpDoor> otlp_door_;
  std::unique_ptr<Intake> intake_;
  Live live_;
  std::optional<Visitors> visitors_;
  std::unique_ptr<Exporter> exporter_;
  std::unique_ptr<Api> api_;
  nlohmann::json application_;  // said before the API was there, as this:
  nlohmann::json settings_;
  proxy::ControlLink control_;
  proxy::ServerOptions options_;
  net::Event shutdown_;
  bool stopping_ = false;
  net::Gate gate_;
};

int collector_main(int link_fd, const proxy::Confine& confine);

}  // namespace bulkhead::collect
