// down, suspend and resume.

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "control/client.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

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

}  // namespace

int take_down(const control::Places& places, bool keep) {
  const std::vector<int> controllers = control::control_pids(places);
  auto reply = control::ask(places, {{"verb", "down"}, {"keep", keep}});
  if (!reply) return complain(reply.error());
  return wait_for_end(places, controllers);
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
