#include "control/controller.hpp"

#include <cstring>
#include <filesystem>

#include <fmt/ranges.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "net/signals.hpp"

namespace bulkhead::control {

Controller::Controller(net::Loop& loop, Launcher launcher, std::string app, Vault& vault)
    : loop_(loop),
      launcher_(std::move(launcher)),
      app_(std::move(app)),
      random_(std::random_device()()),
      vault_(vault),
      audit_log_(launcher_.places.audit(), {}),
      reconcile_(loop, [this] { reconcile(); }),
      changed_(loop),
      keeper_news_(loop),
      stats_news_(loop),
      finished_(loop),
      wake_(loop),
      partner_(loop, launcher_.places.run, "warden", launcher_.executable, app_, launcher_.places.platform_log(),
               vault),
      kept_files_(loop, launcher_.places.programs()),
      gate_(loop) {}

namespace {

Result<net::Listener> open_socket(net::Loop& loop, const std::string& path, unsigned owner) {
  auto address = net::Address::unix_socket(path);
  if (!address) return fail(std::move(address.error()));
  ::unlink(path.c_str());  // this process holds the controller's lock: whoever left it there is dead
  auto listener = net::Listener::open(loop, *address);
  if (!listener) return fail(within(path, std::move(listener.error())));
  if (owner != ::geteuid() && ::lchown(path.c_str(), owner, owner) != 0) return os_fail("chown " + path);
  return listener;
}

}  // namespace

Result<> Controller::open() {
  const Places& places = launcher_.places;
  if (auto made = make_places(places, launcher_.platform_uid); !made) return made;
  auto lock = take_role(places.run, "controller");
  if (!lock) return fail(std::move(lock.error()));
  lock_ = std::move(*lock);
  cgroup_host_ = compartments::detect_cgroups();
  auto history = History::open(places.history());
  if (!history) return fail(within("the history", std::move(history.error())));
  history_ = std::move(*history);
  end_records();

  auto secret_reader = SecretReader::open(places.secrets_key());
  if (!secret_reader) return fail(std::move(secret_reader.error()));
  secret_reader_ = std::move(*secret_reader);
  if (auto variables = vault_.read())
    variables_ = std::move(*variables);
  else
    log_line("{}: the variables of secrets are gone until the next `up`", variables.error().message);

  Left left = read_left();
  for (const auto& [key, digest] : left.secrets) contents_[key].digest = digest;
  if (const auto text = read_file(places.desired())) {
    auto desired = desired_from_json(*text);
    if (!desired) return fail(std::move(desired.error()));
    desired_hash_ = hash_of(*text);
    if (auto taken = take(std::move(*desired), false, {"bulkhead", "the controller returned"}, &left); !taken)
      return taken;
  }
  for (Record& record : left.records) adopt(std::move(record));

  struct Wanted {
    net::Listener& listener;
    std::string path;
    unsigned owner;
  };
  const Wanted wanted[] = {{clients_, places.control_socket(), ::geteuid()},
                           {keepers_, places.keepers_socket(), ::geteuid()},
                           {sidecars_, places.sidecars_socket(), launcher_.platform_uid}};
  for (const Wanted& each : wanted) {
    auto listener = open_socket(loop_, each.path, each.owner);
    if (!listener) return fail(std::move(listener.error()));
    each.listener = std::move(*listener);
  }
  return {};
}

void Controller::reconcile() {
  if (!loaded_ && !fleet_.going_down() && runtimes_.empty()) return;
  if (fleet_.going_down()) end_all_runs();
  for (const Action& action : fleet_.decide(now())) perform(action);
  mark_canaries();
  publish();
  save_instances();
  save_history();
  changed_.notify_all();
  wake_.notify_all();
  if (fleet_.empty() && runtimes_.empty()) {
    gone_for_good_ = true;
    finished_.set();
  }
}

void Controller::perform(const Action& action) {
  switch (action.kind) {
    case Action::Kind::start: {
      const auto started = start_instance(fleet_.slots().at(action.slot));
      if (!started) {
        fleet_.on_start_failed(action.slot, action.epoch, started.error().message, now(), luck());
        reconcile_soon();
      }
      return;
    }
    case Action::Kind::stop: stop_instance(action.slot, action.grace); return;
    case Action::Kind::kill:
      if (Runtime* runtime = find(action.slot, action.epoch)) {
        const auto killed = net::send_signal(runtime->keeper_pidfd, SIGKILL);
        if (!killed) log_line("killing {}: {}", action.slot, killed.error().message);
      }
      return;
    case Action::Kind::proven: history_->prove(action.slot, fleet_.goals().at(action.slot).revision); return;
    case Action::Kind::give_up: go_back(action.slot, action.reason); return;
  }
}

namespace {

// What runs could not be written down (a full disk): how soon that is tried again.
constexpr std::chrono::seconds kSaveAgain{1};

}  // namespace

net::Task<> Controller::wake_when_due() {
  for (;;) {
    auto next = fleet_.next_wake();
    if (!save_problem_.empty()) next = std::min(next.value_or(Time::max()), now() + kSaveAgain);
    const auto woken = co_await wake_.wait(next ? net::Deadline(*next) : net::Deadline::never());
    if (!woken && woken.error().cause == Cause::timeout) reconcile_soon();
    if (!woken && woken.error().cause == Cause::closed) co_return;
    if (!woken) co_await net::sleep(loop_, loop_.in(std::chrono::milliseconds(1)));
  }
}

namespace {

net::Task<> end_on_signal(net::Signals& signals, net::Event& finished) {
  const auto signal = co_await signals.next(net::Deadline::never());
  static_cast<void>(signal);
  finished.set();
}

}  // namespace

net::Task<bool> Controller::run() {
  auto signals = net::Signals::open(loop_, {SIGTERM, SIGINT});
  if (!signals) co_return false;
  net::Gate listening(loop_);
  listening.spawn(end_on_signal(*signals, finished_));
  listening.spawn(accept_keepers());
  listening.spawn(accept_sidecars());
  listening.spawn(accept_clients(clients_));
  listening.spawn(wake_when_due());
  listening.spawn(watch_bounds());
  listening.spawn(watch_secrets());
  listening.spawn(run_jobs());
  listening.spawn(keep_collector_told());
  listening.spawn(partner_.keep_alive());
  reconcile_soon();
  const auto finished = co_await finished_.wait(net::Deadline::never());
  static_cast<void>(finished);
  if (gone_for_good_)
    partner_.dismiss();
  else
    partner_.leave();
  changed_.notify_all();
  co_await net::sleep(loop_, loop_.in(std::chrono::milliseconds(20)));  // lets those who watch hear of the end
  co_return gone_for_good_;
}

namespace {

// A few descriptors for each instance: the usual soft limit of 1024 would end at some two hundred of them.
void raise_open_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int controller_main(const std::string& app, const std::string& executable) {
  ::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
  ::umask(077);
  raise_open_files();
  auto vault = Vault::open();
  const auto hidden = hide_memory();
  if (!vault || !hidden) {
    log_line("controller of {}: {}", app, (vault ? hidden.error() : vault.error()).message);
    return 1;
  }
  net::Loop loop;
  Controller controller(loop, launcher_for(app, executable), app, *vault);
  if (auto opened = controller.open(); !opened) {
    log_line("controller of {}: {}", app, opened.error().message);
    return opened.error().cause == Cause::conflict ? 3 : 1;
  }
  const bool gone = loop.run(controller.run());
  if (const std::string& next = controller.becomes(); !gone && !next.empty()) {
    if (const auto stays = vault->stay_across_exec(); !stays)
      log_line("controller of {}: {}", app, stays.error().message);
    ::execl(next.c_str(), next.c_str(), "controller", "--app", app.c_str(), nullptr);
    log_line("controller of {}: becoming {}: {}", app, next, std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
    return 1;  // the warden brings the former one back
  }
  if (gone) {
    std::error_code ignored;
    std::filesystem::remove_all(places_of(app).run, ignored);
    if (!controller.keeps_desired()) std::filesystem::remove(places_of(app).desired(), ignored);
  }
  return 0;
}

}  // namespace bulkhead::control
