#pragma once

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compartments/cgroup.hpp"
#include "control/desired.hpp"
#include "control/fleet.hpp"
#include "control/launch.hpp"
#include "control/partner.hpp"
#include "control/places.hpp"
#include "control/runtime.hpp"
#include "control/totals.hpp"
#include "discovery/registry.hpp"
#include "identity/authority.hpp"
#include "net/event.hpp"
#include "net/gate.hpp"
#include "net/listener.hpp"
#include "net/loop.hpp"
#include "proxy/snapshot.hpp"

// The controller of one application: it owns what is desired, the CA and the registry, supervises the keepers and tells
// every sidecar what it needs to know. It serves no request: with it dead, everything that runs goes on, and one that
// returns adopts what it finds.
//
// Three Unix sockets, each a FrameChannel of JSON objects:
//   control.sock   the command line     (api.cpp has the verbs)
//   keepers.sock   keepers              (compartments/keeper.hpp has the messages)
//   sidecars.sock  sidecars, gateways   (no administrative verb is spoken there)
namespace bulkhead::control {

class Controller {
 public:
  Controller(net::Loop& loop, Launcher launcher, std::string app);

  // Takes the lock, reads what is on disk, adopts what runs, opens the sockets. Cause::conflict: another one is there.
  Result<> open();
  // Until the application has gone down (true: for good) or SIGTERM asked this process alone to end (false).
  net::Task<bool> run();
  // Whether what is desired stays on disk after it went down.
  bool keeps_desired() const { return keep_desired_; }

 private:
  // What follows from an event: decide, act, publish, save, tell who watches.
  void reconcile();
  void reconcile_soon() { reconcile_.schedule(); }
  void perform(const Action& action);
  net::Task<> wake_when_due();
  Time now() const { return loop_.now(); }
  double luck() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  // instances.cpp
  void adopt_running();
  void adopt(Record record);
  Result<> start_instance(const Slot& slot);
  Result<Runtime> prepare(const Slot& slot, compartments::Spec& spec);
  Result<> spawn_keeper(Runtime& runtime, const compartments::Spec& spec);
  Result<> open_gateway_sockets();
  void stop_instance(const std::string& id, Millis grace);
  net::Task<> watch_keeper(std::string id, std::uint64_t epoch);
  net::Task<> clean_up(Runtime runtime);
  void save_instances();
  Runtime* find(const std::string& id, std::uint64_t epoch);

  // keeper_link.cpp, sidecar_link.cpp
  net::Task<> accept_keepers();
  net::Task<> serve_keeper(net::Stream stream);
  Runtime* greet_keeper(const nlohmann::json& hello, pid_t pid);
  void hear_keeper(Runtime& runtime, const nlohmann::json& message, std::vector<Fd> fds);
  net::Task<> accept_sidecars();
  net::Task<> serve_sidecar(net::Stream stream);
  net::Task<Runtime*> attest(pid_t pid);
  Result<> hear_sidecar(Runtime& runtime, const nlohmann::json& message);
  Result<> sign(Runtime& runtime, const std::string& request);
  void publish();
  void publish_to(Runtime& runtime);

  // api.cpp
  net::Task<> accept_clients();
  net::Task<> serve_client(net::Stream stream);
  net::Task<> watch(net::FrameChannel& channel);
  nlohmann::json answer(const nlohmann::json& request);
  nlohmann::json apply(const nlohmann::json& request);
  nlohmann::json scale(const nlohmann::json& request);
  nlohmann::json identity(const nlohmann::json& request) const;
  nlohmann::json status() const;
  bool settled() const;
  net::Task<> refresh_stats();
  Result<> take(Desired desired, bool keep);
  Result<> check_commands(const Desired& desired) const;
  Result<> make_gateway_certificate();

  net::Loop& loop_;
  Launcher launcher_;
  std::string app_;
  Fd lock_;
  std::mt19937_64 random_;

  Desired desired_;
  std::optional<Loaded> loaded_;
  proxy::Certificate gateway_certificate_;
  std::optional<identity::Authority> authority_;
  compartments::CgroupHost cgroup_host_;
  discovery::Registry registry_;
  Fleet fleet_;
  std::map<std::string, Runtime> runtimes_;  // by slot
  std::map<std::string, Totals> retired_;    // by service: what instances that are gone had counted
  std::vector<Fd> gateway_sockets_;
  std::string gateway_sockets_for_;  // the addresses that they listen on
  std::string saved_;                // the list of instances as it is on disk
  std::string save_problem_;         // why the last one could not be written; "" if it was

  net::Listener clients_;
  net::Listener keepers_;
  net::Listener sidecars_;
  net::Deferred reconcile_;
  net::Notify changed_;      // something that status shows
  net::Notify keeper_news_;  // a keeper has told who its sidecar is
  net::Notify stats_news_;
  net::Event finished_;
  net::Notify wake_;
  bool gone_for_good_ = false;
  bool keep_desired_ = false;  // it goes down only to come back
  Partner partner_;
  net::Gate gate_;  // last: its tasks use everything above
};

// The process: `bulkhead controller`. Exit code 0 when the application went down or it was told to end.
int controller_main(const std::string& app, const std::string& executable);

}  // namespace bulkhead::control
