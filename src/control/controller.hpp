#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compartments/cgroup.hpp"
#include "control/audit.hpp"
#include "control/desired.hpp"
#include "control/difference.hpp"
#include "control/fleet.hpp"
#include "control/history.hpp"
#include "control/kept_files.hpp"
#include "control/launch.hpp"
#include "control/partner.hpp"
#include "control/places.hpp"
#include "control/roles.hpp"
#include "control/runtime.hpp"
#include "control/secrets.hpp"
#include "control/sessions.hpp"
#include "control/totals.hpp"
#include "control/users.hpp"
#include "control/vault.hpp"
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
//   control.sock   the command line     (api.cpp has the verbs; members of groups that have a role:
//   operators/GID/control.sock) keepers.sock   keepers              (compartments/keeper.hpp has the messages)
//   sidecars.sock  sidecars, gateways   (no administrative verb is spoken there)
namespace bulkhead::control {

class Controller {
 public:
  // `vault` outlives this.
  Controller(net::Loop& loop, Launcher launcher, std::string app, Vault& vault);

  // Takes the lock, reads what is on disk, adopts what runs, opens the sockets. Cause::conflict: another one is there.
  Result<> open();
  // Until the application has gone down (true: for good) or SIGTERM asked this process alone to end (false).
  net::Task<bool> run();
  // Whether what is desired stays on disk after it went down.
  bool keeps_desired() const { return keep_desired_; }
  // The program that this process is to become once it has ended as a controller; "" where it is to end.
  const std::string& becomes() const { return becomes_; }

 private:
  // What follows from an event: decide, act, publish, save, tell who watches.
  void reconcile();
  void reconcile_soon() { reconcile_.schedule(); }
  void perform(const Action& action);
  net::Task<> wake_when_due();
  Time now() const { return loop_.now(); }
  double luck() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  // instances.cpp
  Left read_left() const;
  void adopt_names(Left& left);
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
  struct Attested {
    Runtime* runtime = nullptr;  // null: of none
    SidecarPeer* peer = nullptr;
  };
  net::Task<Attested> attest(pid_t pid);
  void hear_of_sidecars(Runtime& runtime, const nlohmann::json& message);
  void forget_other(Runtime& runtime);
  Result<> hear_sidecar(Runtime& runtime, SidecarPeer& peer, const nlohmann::json& message);
  Result<> sign(Runtime& runtime, SidecarPeer& peer, const std::string& request);
  void publish();
  bool all_know_token_seals() const;
  void tell_of_tokens(Runtime& gateway, bool seals);
  void publish_doors(Runtime& runtime);
  void publish_secrets(Runtime& runtime);
  void publish_to(Runtime& runtime);
  void publish_to(SidecarPeer& peer, const proxy::Snapshot& snapshot, const std::string& hash);

  // clients.cpp
  net::Task<> accept_clients(net::Listener& listener);
  net::Task<> serve_client(net::Stream stream);
  net::Task<bool> serve_request(net::FrameChannel& channel, const Peer& who, const nlohmann::json& request);
  nlohmann::json refuse(const Peer& who, const nlohmann::json& request, std::string reason);
  net::Task<> watch(net::FrameChannel& channel);
  void give_roles(const manifest::Operators& operators);
  Result<> open_operators_socket(gid_t group);
  // One line of the audit log. False where it could not be written: then status shows a problem until one can be again.
  bool audit(const Peer& who, std::string_view verb, std::string_view service, nlohmann::json details,
             std::string_view outcome);

  // sessions.cpp
  static constexpr const char* kControllerEnded = "the controller ended before it did";
  // The second line of what has begun: written by end(), or when this goes with the controller.
  class EndRecord {
   public:
    EndRecord(Controller& controller, Peer who, std::string verb, std::string service, nlohmann::json details);
    EndRecord(const EndRecord&) = delete;
    EndRecord& operator=(const EndRecord&) = delete;
    ~EndRecord() { end(kControllerEnded); }
    void end(const std::string& outcome);
    std::function<nlohmann::json()> add;  // what is known at the end alone

   private:
    Controller& controller_;
    Peer who_;
    std::string verb_, service_;
    nlohmann::json details_;
    Time began_;
    bool ended_ = false;
  };
  void end_records();
  Result<Runtime*> running_instance(const std::string& name);
  Result<> check_open(const std::string& service, bool manifest::Debug::* way, std::string_view verb) const;
  Result<Runtime*> begin_session(const Peer& who, const nlohmann::json& request, bool manifest::Debug::* way,
                                 nlohmann::json& details);
  net::Task<bool> serve_exec(net::FrameChannel& channel, const Peer& who, const nlohmann::json& request);
  net::Task<nlohmann::json> relay(net::FrameChannel& channel, Session& session, std::uint32_t number);
  net::Task<> say_last(net::FrameChannel& channel, nlohmann::json reply);
  net::Task<bool> serve_forward(net::FrameChannel& channel, const Peer& who, const nlohmann::json& request);
  // runs.cpp
  net::Task<bool> serve_run(net::FrameChannel& channel, const Peer& who, const nlohmann::json& request);
  Result<std::string> begin_run(const Peer& who, const nlohmann::json& request, nlohmann::json& details);
  net::Task<Result<>> make_room(Session& session, const std::string& service);
  net::Task<Result<>> start_run(Session& session, const std::string& service, bool beside);
  net::Task<> end_run(const std::string& instance, std::uint64_t epoch);
  void end_all_runs();
  std::vector<Goal> goals() const;
  net::Task<Result<Fd>> connect_inside(int client, const nlohmann::json& request);

  // logs.cpp
  net::Task<> serve_logs(net::FrameChannel& channel, const nlohmann::json& request);

  // upgrade.cpp
  net::Task<bool> serve_upgrade(net::FrameChannel& channel, const Peer& who, const nlohmann::json& request);
  net::Task<nlohmann::json> move_instance(std::string id, std::uint64_t epoch);
  net::Task<Runtime*> heard_of(std::string id, std::uint64_t epoch, net::Deadline deadline);
  net::Task<Result<>> move_keeper(std::string id, std::uint64_t epoch, net::Deadline deadline);
  net::Task<Result<>> move_init(std::string id, std::uint64_t epoch, net::Deadline deadline);
  net::Task<Result<>> move_sidecar(std::string id, std::uint64_t epoch, net::Deadline deadline);
  net::Task<> until_retired(net::Deadline deadline);
  void become(const std::string& executable);

  // api.cpp
  nlohmann::json answer(const nlohmann::json& request, const std::string& who);
  nlohmann::json apply(const nlohmann::json& request, const std::string& who);
  std::string why_not_there(const std::string& service) const;
  std::map<std::string, std::int64_t> take_sources(Desired& desired, const nlohmann::json& request) const;
  nlohmann::json scale(const nlohmann::json& request, const std::string& who);
  nlohmann::json identity(const nlohmann::json& request) const;
  nlohmann::json status() const;
  void add_revision(nlohmann::json& shown, const std::string& name, const Goal& goal) const;
  nlohmann::json problems() const;
  bool settled() const;
  // picture.cpp
  nlohmann::json picture() const;
  nlohmann::json instances_picture(const std::string& service) const;
  nlohmann::json usage_picture() const;
  void tell_usage();
  net::Task<nlohmann::json> serve_collector(const Peer& who, const nlohmann::json& asked);
  nlohmann::json telemetry_settings() const;
  void tell_collector(Runtime& runtime);
  net::Task<> keep_collector_told();
  net::Task<> refresh_stats();
  void for_every_sidecar(const std::function<void(SidecarPeer&)>& visit);

  // secret_rotation.cpp
  Variables variables_with(const nlohmann::json& request, const Loaded& loaded) const;
  SecretContents contents_of(const Desired& desired, const Loaded& loaded, const Variables& variables) const;
  Result<> check_secrets(const Desired& desired, const Loaded& loaded, const SecretContents& contents) const;
  Result<> keep_variables(Variables variables);
  void set_contents(SecretContents contents);
  bool has_changed_secrets(const SecretContents& next) const;
  void add_secret_changes(const Desired& desired, const Loaded& next, const SecretContents& secrets,
                          std::vector<Change>& changed) const;
  Result<> add_secrets(const manifest::Service& service, compartments::Compartment& compartment) const;
  std::string secrets_version(const manifest::Service& service) const;
  net::Task<> watch_secrets();
  bool is_rewritten(std::map<std::string, std::string>& seen) const;
  void rotate();
  nlohmann::json secret_problems() const;
  nlohmann::json redact(nlohmann::json value) const { return redacted(*redactor_, std::move(value)); }

  // updates.cpp
  struct Origin {  // of a change, for the history
    std::string who;
    std::string why;
    std::map<std::string, std::int64_t> looked_at{};  // services whose files are known, as they were at file_time_ns()
  };
  Result<Loaded> load_pinned(const Desired& desired) const;
  // `left`: of the controller before this one, where this is the first that is wanted here.
  // `read`: what `desired` says and what its secrets hold, where that was read already.
  struct Read {
    Loaded loaded;
    SecretContents contents;
  };
  Result<> take(Desired desired, bool keep, const Origin& origin, Left* left = nullptr,
                std::optional<Read> read = std::nullopt);
  void enter_history(const Origin& origin);
  bool can_go_back(const Goal& goal) const;
  void save_history();
  std::vector<Goal> wanted_goals(const Desired& desired, const Loaded& loaded, const SecretContents& secrets) const;
  Result<> select(Desired& desired);
  nlohmann::json difference(const Desired& desired, const Loaded& next, const SecretContents& secrets) const;
  nlohmann::json history(const nlohmann::json& request) const;
  nlohmann::json roll_back(const nlohmann::json& request, const std::string& who);
  void go_back(const std::string& service, const std::string& reason);
  void keep_files(const manifest::Service& service, Revision& revision, const Origin& origin);
  std::string lost_files(const std::string& service, const Revision& then) const;
  Result<> start_as_it_was(const manifest::Service& service, compartments::Compartment& compartment) const;
  void mark_canaries();
  net::Task<> watch_bounds();
  net::Task<> run_jobs();
  void run_if_due(const manifest::Service& job, std::int64_t clock);
  Result<> check_commands(const Desired& desired, bool only_told) const;
  Result<proxy::Certificate> make_gateway_certificate(const manifest::Application& application,
                                                      const std::string& directory) const;

  net::Loop& loop_;
  Launcher launcher_;
  std::string app_;
  Fd lock_;
  std::mt19937_64 random_;

  Desired desired_;
  std::string desired_hash_;  // of its file
  std::optional<Loaded> loaded_;
  proxy::Certificate gateway_certificate_;
  Users users_;
  std::optional<identity::Authority> authority_;
  Vault& vault_;
  std::optional<SecretReader> secret_reader_;
  Variables variables_;      // as they stand in the vault
  SecretContents contents_;  // of what is wanted
  SecretContents former_;    // what they were before: programs may still say those
  ServiceMarks secret_marks_;
  std::shared_ptr<const Redactor> redactor_ = std::make_shared<const Redactor>();
  compartments::CgroupHost cgroup_host_;
  discovery::Registry registry_;
  Fleet fleet_;
  std::optional<History> history_;
  struct Due {
    std::time_t at = 0;
    std::string schedule;  // by which that is so
  };
  std::map<std::string, Due> due_;           // when each scheduled job runs next
  std::map<std::string, Runtime> runtimes_;  // by slot
  std::map<std::string, Totals> retired_;    // by service: what instances that are gone had counted
  std::vector<Fd> gateway_sockets_;
  std::vector<std::string> gateway_sockets_for_;  // the address that each listens on
  std::string saved_;                             // the list of instances as it is on disk
  std::string save_problem_;                      // why the last one could not be written; "" if it was

  Roles roles_;
  std::vector<std::string> role_problems_;  // groups whose members can not reach their socket
  AuditLog audit_log_;
  std::string audit_problem_;  // why the last line could not be written; "" if it was
  Repeats repeats_;
  std::map<uid_t, unsigned> connections_;  // open ones on the control sockets, by whose they are
  Sessions sessions_;
  std::map<std::string, Run> runs_;  // by instance

  net::Listener clients_;
  net::Listener keepers_;
  net::Listener sidecars_;
  net::Deferred reconcile_;
  net::Notify changed_;      // something that status shows
  Fd init_program_;          // which process 1 of a compartment becomes at an upgrade, once there was one
  net::Notify keeper_news_;  // a keeper has told who its sidecar is
  net::Notify stats_news_;
  net::Event finished_;
  net::Notify wake_;
  bool gone_for_good_ = false;
  bool keep_desired_ = false;  // it goes down only to come back
  std::string becomes_;
  Partner partner_;
  struct OperatorsSocket {
    OperatorsSocket(net::Loop& loop, net::Listener opened) : listener(std::move(opened)), accepting(loop) {}
    net::Listener listener;
    net::Gate accepting;
  };
  std::map<gid_t, OperatorsSocket> operators_;
  KeptFiles kept_files_;
  std::optional<std::set<std::string>> kept_only_;  // what it was told last
  net::Gate gate_;                                  // last: its tasks use everything above
};

// What a person opens: "https://localhost:8443".
nlohmann::json gateway_urls(const manifest::Gateway& gateway);

// The process: `bulkhead controller`. Exit code 0 when the application went down or it was told to end.
int controller_main(const std::string& app, const std::string& executable);

}  // namespace bulkhead::control
