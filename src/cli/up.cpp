// up, and the changes that are waited for as `up` does.

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/changes_view.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/preparation.hpp"
#include "cli/progress.hpp"
#include "cli/watching.hpp"
#include "control/client.hpp"
#include "control/host.hpp"
#include "control/log_reader.hpp"
#include "manifest/warnings.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

// After a start that was refused: the controller that was started for it goes again.
void leave_nothing(const control::Places& places) {
  const std::vector<int> controllers = control::control_pids(places);
  if (control::ask(places, {{"verb", "down"}})) control::wait_for_exit(controllers, 5000);
}

int stay(const control::Places& places) {
  say("\nIts logs follow; Ctrl-C takes it down.");
  control::LogReader reader(places.logs(), "", 0);
  const auto print = [](const std::string& instance, json line) { print_log_line(false, instance, std::move(line)); };
  while (!interrupted() && !control::has_ended(places)) {
    reader.read_new(print);
    std::fflush(stdout);
    ::usleep(100'000);
  }
  if (!interrupted() || !control::is_running(places)) return kDone;
  say("\ngoing down");
  return take_down(places);
}

// Only what would be: of what runs by the controller's word, else everything is new.
int tell_changes(Preparation& preparation) {
  const Context& context = preparation.context();
  const auto prepared = preparation.plan();
  if (!prepared) return prepared.error();
  const control::Places places = control::places_to_reach(prepared->opened.loaded.application.name);
  if (!context.json)
    for (const auto& [service, reason] : prepared->reasons)
      say(fmt::format("{} {}: would be built, as {}", tinted("~", Tone::yellow), tinted(service, Tone::bold), reason));
  if (!control::is_running(places)) {
    const std::string what =
        preparation.names().empty() ? "everything" : spoken_names(prepared->opened.desired.selected);
    say(context.json ? json{{"running", false}, {"build", prepared->reasons}}.dump(2)
                     : fmt::format("nothing is running: {} would be started", what));
    return kDone;
  }
  auto reply = control::ask(places, preparation.request(*prepared, "plan"));
  if (!reply) return complain(reply.error());
  if (context.json) {
    (*reply)["build"] = prepared->reasons;
    say(reply->dump(2));
  } else {
    const std::string text = changes_text(*reply);
    fmt::print("{}", text.empty() ? "nothing would change\n" : text);
  }
  return kDone;
}

void tell_what_is_read(const Context& context, const Opened& opened) {
  if (!context.named_files && context.files.size() > 1) say(fmt::format("with {}, which lies beside it", kOverride));
  const auto warnings = manifest::warnings(opened.loaded.application, opened.loaded.sources);
  if (warnings.empty()) return;
  say(tinted(
      fmt::format("{} {}; bulkhead check shows them", warnings.size(), warnings.size() == 1 ? "warning" : "warnings"),
      Tone::yellow));
}

// Makes it what is wanted; gives whether it came up afresh.
std::expected<bool, int> apply(const Preparation& preparation, const Preparation::Prepared& prepared,
                               const control::Places& places) {
  const std::string& app = prepared.opened.loaded.application.name;
  const bool fresh = !control::is_running(places);
  if (fresh) {
    if (!host_is_able()) return std::unexpected(kFailed);
    if (auto started = control::start_control(app, preparation.context().executable); !started)
      return std::unexpected(complain(started.error()));
  }
  const auto reply = control::ask(places, preparation.request(prepared, "apply"));
  if (!reply) {
    complain(reply.error());
    if (fresh) leave_nothing(places);
    return std::unexpected(kFailed);
  }
  const bool changed = reply->value("changed", false);
  say(fmt::format("{} {}", tinted(app, Tone::bold), fresh ? "comes up" : changed ? "changes" : "is already up"));
  if (!fresh && changed) fmt::print("{}", changes_text(*reply));
  return fresh;
}

int go_down(const control::Places& places) {
  say("\ninterrupted: going down");
  return take_down(places);
}

}  // namespace

std::string spoken_names(const std::set<std::string>& services) {
  std::string text;
  for (const std::string& each : services)
    text += (text.empty() ? "" : ", ") + (each == service_name("gateway") ? std::string("gateway") : each);
  return text;
}

int up(const Context& context, const UpOptions& options) {
  catch_interrupts();
  Preparation preparation(context, options.services, options.watch);
  if (options.dry_run) return tell_changes(preparation);
  auto watching = options.watch ? Watching::begin(preparation) : Result<Watching>(fail(Cause::closed, ""));
  if (options.watch && !watching) return complain(watching.error()), kUsage;
  const auto prepared = preparation.make();
  if (!prepared) return prepared.error();
  const manifest::Application& application = prepared->opened.loaded.application;
  const control::Places places = control::places_to_reach(application.name);
  tell_what_is_read(preparation.context(), prepared->opened);
  const auto since = Clock::now();
  if (const auto fresh = apply(preparation, *prepared, places); !fresh) return fresh.error();
  const int code = follow(context, places, application, prepared->opened.desired, since);
  if (interrupted()) return go_down(places);
  if (options.watch) return watching->go_on(places, options.detach);
  if (code != kDone) return code;
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
  if (const std::string lost = reply->value("lost_files", ""); !lost.empty() || reply->value("other_files", false))
    say(fmt::format("  but its program's files are those that lie there now: {}",
                    lost.empty() ? "this controller keeps none" : lost));
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

}  // namespace bulkhead::cli
