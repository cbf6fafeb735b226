// up and down, suspend and resume, and the changes that are waited for as `up` does.

#include <atomic>
#include <chrono>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>
#include <signal.h>
#include <unistd.h>

#include "cli/changes_view.hpp"
#include "cli/commands.hpp"
#include "cli/status_view.hpp"
#include "cli/table.hpp"
#include "control/client.hpp"
#include "control/host.hpp"
#include "control/log_reader.hpp"
#include "manifest/warnings.hpp"

namespace bulkhead::cli {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kGiveUpAfterRestarts = 4;
constexpr std::chrono::seconds kGiveUpAfter{120};

std::atomic<bool> interrupted = false;

void on_interrupt(int) { interrupted = true; }

std::string elapsed(Clock::time_point since) {
  return duration_text(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - since).count());
}

// Says each instance's change of state once, and whether waiting on is pointless.
class Progress {
 public:
  explicit Progress(Clock::time_point since) : since_(since) {}

  // False: settled, or it will not be.
  bool hear(const json& status) {
    went_back_.clear();
    updating_ = false;
    for (const json& service : status["services"]) {
      if (const std::string why = service.value("pinned", ""); !why.empty()) went_back_[service["name"]] = why;
      updating_ = updating_ || service.value("updating", json::object()).value("can_go_back", false);
      for (const json& instance : service["instances"]) hear_instance(instance);
    }
    settled_ = status.value("settled", false);
    return !settled_ && given_up_.empty() && !interrupted && (updating_ || Clock::now() - since_ < kGiveUpAfter);
  }
  bool settled() const { return settled_; }
  // Services that went back, each with why.
  const std::map<std::string, std::string>& went_back() const { return went_back_; }
  const std::string& given_up() const { return given_up_; }

 private:
  void hear_instance(const json& instance) {
    const std::string id = instance["id"];
    const std::string state = instance["state"];
    const std::string reason = instance.value("reason", "");
    std::string& last = last_[id];
    const std::string shown = state + (state == "backoff" || state == "failed" ? ": " + reason : "");
    if (shown != last && (state == "ready" || state == "done"))
      say(fmt::format("  {:<24} {} after {}", id, tinted(state, Tone::green), elapsed(since_)));
    if (shown != last && (state == "backoff" || state == "failed"))
      say(fmt::format("  {:<24} {}", id, tinted(shown, Tone::red)));
    last = shown;
    const bool hopeless =
        state == "failed" || (state == "backoff" && instance.value("restarts", 0) >= kGiveUpAfterRestarts);
    if (hopeless && given_up_.empty()) given_up_ = fmt::format("{} does not start: {}", id, reason);
  }

  Clock::time_point since_;
  std::map<std::string, std::string> last_;
  std::string given_up_;
  std::map<std::string, std::string> went_back_;
  bool settled_ = false;
  bool updating_ = false;  // then the controller knows when to go back
};

int wait_for_end(const control::Places& places, const std::vector<int>& controllers) {
  const auto since = Clock::now();
  std::size_t left = SIZE_MAX;
  const auto watched = control::watch(places, [&](const json& status) {
    std::size_t alive = 0;
    for (const json& service : status["services"])
      for (const json& instance : service["instances"]) alive += instance.contains("keeper_pid") ? 1 : 0;
    if (alive != left && alive > 0) say(fmt::format("  {} {} left", alive, alive == 1 ? "instance" : "instances"));
    left = alive;
    return !status.value("down", false);
  });
  static_cast<void>(watched);  // the controller's end is the end of the application
  if (!control::wait_for_exit(controllers, 5000)) return complain("the controller does not end");
  say(fmt::format("down after {}", elapsed(since)));
  return kDone;
}

int take_down(const control::Places& places, bool keep = false) {
  const std::vector<int> controllers = control::control_pids(places);
  auto reply = control::ask(places, {{"verb", "down"}, {"keep", keep}});
  if (!reply) return complain(reply.error());
  return wait_for_end(places, controllers);
}

// After a start that was refused: the controller that was started for it goes again.
void leave_nothing(const control::Places& places) {
  const std::vector<int> controllers = control::control_pids(places);
  if (control::ask(places, {{"verb", "down"}})) control::wait_for_exit(controllers, 5000);
}

int show_table(const control::Places& places) {
  const auto status = control::ask(places, {{"verb", "status"}});
  if (!status) return complain(status.error());
  fmt::print("\n{}", status_text(*status, std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
  std::fflush(stdout);
  return kDone;
}

int stay(const control::Places& places) {
  say("\nIts logs follow; Ctrl-C takes it down.");
  control::LogReader reader(places.logs(), "", 0);
  const auto print = [](const std::string& instance, json line) { print_log_line(false, instance, std::move(line)); };
  while (!interrupted && control::is_running(places)) {
    reader.read_new(print);
    std::fflush(stdout);
    ::usleep(100'000);
  }
  if (!control::is_running(places)) return kDone;
  say("\ngoing down");
  return take_down(places);
}

}  // namespace

namespace {

// Only what would be: of what runs by the controller's word, else everything is new.
int tell_changes(const Context& context, const control::Places& places, const json& desired) {
  if (!control::is_running(places)) {
    if (context.json)
      say(json{{"running", false}}.dump(2));
    else
      say("nothing is running: everything would be started");
    return kDone;
  }
  const auto reply = control::ask(places, {{"verb", "plan"}, {"desired", desired}});
  if (!reply) return complain(reply.error());
  if (context.json) {
    say(reply->dump(2));
  } else {
    const std::string text = changes_text(*reply);
    fmt::print("{}", text.empty() ? "nothing would change\n" : text);
  }
  return kDone;
}

// Waits until everything that is wanted is ready, or will not be.
int follow(const Context& context, const control::Places& places, const std::string& app, Clock::time_point since) {
  Progress progress(since);
  const auto watched = control::watch(places, [&](const json& status) { return progress.hear(status); });
  if (!watched) return complain(watched.error());
  if (interrupted) {
    say("\ninterrupted: going down");
    return take_down(places);
  }
  if (progress.settled()) say(fmt::format("{} is up after {}", app, elapsed(since)));
  if (const int shown = show_table(places); shown != kDone) return shown;
  if (!progress.settled()) {
    complain(progress.given_up().empty() ? fmt::format("not everything was ready after {} s", kGiveUpAfter.count())
                                         : progress.given_up());
    fmt::print(stderr, "  what it said: bulkhead logs -f {0}\n  take it down: bulkhead down -f {0}\n", context.file);
    return kFailed;
  }
  for (const auto& [service, why] : progress.went_back()) complain(fmt::format("{} {}", service, why));
  return progress.went_back().empty() ? kDone : kWentBack;
}

}  // namespace

int up(const Context& context, const UpOptions& options) {
  auto opened = open_manifest(context);
  if (!opened) return opened.error();
  if (const int code = unpack_images(*opened); code != kDone) return code;
  const auto since = Clock::now();
  const manifest::Application& application = opened->loaded.application;
  const control::Places places = control::places_to_reach(application.name);
  const json desired = json::parse(control::to_json(opened->desired));
  if (options.dry_run) return tell_changes(context, places, desired);
  if (const auto warnings = manifest::warnings(application, opened->desired.text); !warnings.empty())
    say(tinted(
        fmt::format("{} {}; bulkhead check shows them", warnings.size(), warnings.size() == 1 ? "warning" : "warnings"),
        Tone::yellow));

  ::signal(SIGINT, on_interrupt);   // NOLINT(cert-err33-c)
  ::signal(SIGTERM, on_interrupt);  // NOLINT(cert-err33-c)
  const bool fresh = !control::is_running(places);
  if (fresh) {
    if (!host_is_able()) return kFailed;
    if (auto started = control::start_control(application.name, context.executable); !started)
      return complain(started.error());
  }
  const auto reply = control::ask(places, {{"verb", "apply"}, {"desired", desired}});
  if (!reply) {
    complain(reply.error());
    if (fresh) leave_nothing(places);
    return kFailed;
  }
  const bool changed = reply->value("changed", false);
  say(fmt::format("{} {}", tinted(application.name, Tone::bold),
                  fresh     ? "comes up"
                  : changed ? "changes"
                            : "is already up"));
  if (!fresh && changed) fmt::print("{}", changes_text(*reply));
  if (const int code = follow(context, places, application.name, since); code != kDone || interrupted) return code;
  if (!options.detach) return stay(places);
  if (const auto command = control::way_to_outlive_sessions())
    say(fmt::format("\nIt ends when you log out for good; to keep it up: {}", *command));
  return kDone;
}

int rollback(const Context& context, const std::string& service, int to) {
  const auto places = open_places(context);
  if (!places) return places.error();
  if (!control::is_running(*places)) return not_running(context);
  const auto since = Clock::now();
  const auto reply = control::ask(*places, {{"verb", "rollback"}, {"service", service}, {"to", to}});
  if (!reply) return complain(reply.error());
  say(fmt::format("{} becomes what it was in revision {}", tinted(service, Tone::bold), reply->value("to", 0)));
  Progress progress(since);
  const auto watched = control::watch(*places, [&](const json& status) { return progress.hear(status); });
  if (!watched) return complain(watched.error());
  if (progress.settled()) {
    say(fmt::format("done after {}, as revision {}; `bulkhead up` applies the manifest again", elapsed(since),
                    reply->value("number", 0)));
    return kDone;
  }
  return complain(progress.given_up().empty() ? "not everything is ready yet; bulkhead status shows it"
                                              : progress.given_up());
}

namespace {

int bring_down(const Context& context, const control::Places& places, bool keep) {
  if (!control::is_running(places)) {
    if (!control::has_remains(places)) {
      const bool forgotten = !keep && control::is_kept(places);
      if (auto done = forgotten ? control::forget(places) : Result<>{}; !done) return complain(done.error());
      say(forgotten ? "nothing is running, and it does not come back any more" : "nothing is running");
      return kDone;
    }
    // Controller and warden were killed: another controller adopts what runs, and takes it down.
    const std::string app = places.run.substr(places.run.rfind('/') + 1);
    if (auto started = control::start_control(app, context.executable); !started) return complain(started.error());
  }
  return take_down(places, keep);
}

}  // namespace

int down(const Context& context, bool volumes) {
  const auto places = open_places(context);
  if (!places) return places.error();
  if (volumes && ::access(places->state.c_str(), W_OK) != 0 && errno != ENOENT)
    return complain("the volumes are the launcher's: only that user and root can remove them");
  if (const int code = bring_down(context, *places, false); code != kDone || !volumes) return code;
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  if (auto removed = control::remove_volumes(opened->loaded.application, context.executable); !removed)
    return complain(removed.error());
  say("the volumes are removed");
  return kDone;
}

int suspend(const Context& context, const std::string& app) {
  const auto places = places_of_name(app);
  return places ? bring_down(context, *places, true) : places.error();
}

int resume(const Context& context, const std::string& app) {
  const auto places = places_of_name(app);
  if (!places) return places.error();
  if (control::is_running(*places)) {
    say(fmt::format("{} is already up", app));
    return kDone;
  }
  if (!control::is_kept(*places)) {
    complain(fmt::format("nothing is kept of '{}': this user took it down, or never started it (looked for {})", app,
                         places->desired()));
    return kNotRunning;
  }
  if (!host_is_able()) return kFailed;
  if (auto started = control::start_control(app, context.executable); !started) return complain(started.error());
  say(fmt::format("{} comes back", app));
  return kDone;
}

}  // namespace bulkhead::cli
