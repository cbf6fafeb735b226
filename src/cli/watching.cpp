#include "cli/watching.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/chrono.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/changes_view.hpp"
#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "control/client.hpp"

namespace bulkhead::cli {

using namespace std::chrono_literals;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr auto kIdle = 100ms;   // between looks at the logs
constexpr auto kGlance = 20ms;  // between looks for edits, while something starts
constexpr auto kAgain = 2s;     // between attempts at what the controller could not do

std::string seconds(Clock::duration time) {
  return fmt::format("{:.2f} s", std::chrono::duration<double>(time).count());
}

// The services whose instances an `apply` starts or replaces.
std::set<std::string> touched(const json& reply) {
  std::set<std::string> services;
  for (const json& effect : reply.value("effects", json::array())) {
    const std::string kind = effect.value("kind", "");
    if (kind != "none" && kind != "stop") services.insert(effect.value("subject", ""));
  }
  return services;
}

// Less what was said already: that files have changed.
json without_told(json reply, const std::map<std::string, std::string>& reasons) {
  json changes = json::array();
  std::set<std::string> more;  // services of which the manifest says something else as well
  for (json& change : reply["changes"]) {
    if (change.value("key", "") == "sources") continue;
    more.insert(change.value("subject", ""));
    changes.push_back(std::move(change));
  }
  json effects = json::array();
  for (json& effect : reply["effects"]) {
    const std::string subject = effect.value("subject", "");
    if (!reasons.contains(subject) || more.contains(subject)) effects.push_back(std::move(effect));
  }
  reply["changes"] = std::move(changes);
  reply["effects"] = std::move(effects);
  return reply;
}

}  // namespace

Result<Watching> Watching::begin(Preparation& preparation) {
  if (std::ranges::find(preparation.context().files, "-") != preparation.context().files.end())
    return fail(Cause::invalid, "standard input can not be watched: name a file with -f FILE");
  auto watcher = builds::Watcher::open();
  if (!watcher) return fail(std::move(watcher.error()));
  auto hook = std::make_unique<Hook>(std::move(*watcher), "");
  preparation.files().on_directory([&hook = *hook](const std::string& directory) {
    const auto watched = hook.watcher.watch_directory(directory);
    if (watched || hook.problem == watched.error().message) return;
    hook.problem = watched.error().message;
    complain(hook.problem);
  });
  return Watching(preparation, std::move(hook));
}

// Where -f names no file, the one that may be laid over it too, whether it is there yet or not.
void Watching::watch_manifest() {
  std::set<std::string> files = preparation_->manifest_files();
  const Context& context = preparation_->context();
  if (!context.named_files) files.insert(fs::absolute(kOverride).lexically_normal().string());
  for (const std::string& file : files)
    if (auto watched = hook_->watcher.watch_file(file); !watched) complain(watched.error());
}

void Watching::print_logs() {
  if (!logs_) return;
  logs_->read_new([](const std::string& instance, json line) { print_log_line(false, instance, std::move(line)); });
  std::fflush(stdout);
}

int Watching::go_on(const control::Places& places, bool stays) {
  places_ = places;
  watch_manifest();
  say(stays ? "\nIts files are watched; Ctrl-C ends that, and the application stays up."
            : "\nIts files are watched and its logs follow; Ctrl-C takes it down.");
  if (!stays) logs_ = std::make_unique<control::LogReader>(places.logs(), "", 0);
  while (!interrupted() && !control::has_ended(places)) {
    print_logs();
    const auto seen = next_.any() ? std::exchange(next_, {}) : hook_->watcher.wait(kIdle);
    if (seen.any() && is_news(seen)) hear(seen);
    try_again();
  }
  if (!interrupted() || !control::is_running(places)) return kDone;
  if (stays) {
    say(fmt::format("\nno longer watched; take it down with: bulkhead down -f {}", preparation_->context().file));
    return kDone;
  }
  say("\ngoing down");
  return take_down(places);
}

std::set<std::string> Watching::manifest_edits(const builds::Watcher::Seen& seen) const {
  std::set<std::string> edits;
  for (const std::string& path : seen.paths) {
    const bool known = preparation_->manifest_files().contains(path);
    if (known || fs::path(path).filename() == kOverride) edits.insert(fs::proximate(path).string());
  }
  return edits;
}

// Builds write files, and so do editors that leave nothing changed.
bool Watching::is_news(const builds::Watcher::Seen& seen) {
  return !manifest_edits(seen).empty() || preparation_->is_stale();
}

void Watching::hear(const builds::Watcher::Seen& seen) {
  const auto edits = manifest_edits(seen);
  const auto prepared = preparation_->make();
  watch_manifest();
  if (interrupted()) return;
  if (!prepared) {
    refused_.reset();
    say(fmt::format("{}: what runs stays as it is; the next edit is tried again",
                    edits.empty() ? "nothing is replaced" : fmt::format("{} is not applied", fmt::join(edits, ", "))));
    return;
  }
  if (!prepared->failed.empty())
    say(fmt::format("{} stays as it is; the next edit is tried again", fmt::join(prepared->failed, ", ")));
  for (const auto& [service, reason] : prepared->reasons)
    if (!prepared->took.contains(service))
      say(fmt::format("{} {}: {}", tinted("~", Tone::yellow), tinted(service, Tone::bold), reason));
  if (prepared->reasons.empty() && edits.empty()) return;
  apply(*prepared, seen.since);
}

// A controller that could not do it (its disk is full, it is being started again) may be able to by now.
void Watching::try_again() {
  if (!refused_ || Clock::now() < refused_->again) return;
  refused_->again = Clock::now() + kAgain;
  const auto prepared = preparation_->make();
  if (!prepared)
    refused_.reset();  // it has said why, and the next edit is tried again
  else if (!interrupted())
    apply(*prepared, refused_->edited);
}

void Watching::apply(const Preparation::Prepared& prepared, Clock::time_point edited) {
  const auto reply = control::ask(places_, preparation_->request(prepared, "apply"));
  const auto applied = Clock::now();
  if (!reply) {
    const std::string& problem = reply.error().message;
    const bool is_said = refused_ && refused_->problem == problem;
    if (!is_said)
      complain(fmt::format("{}; what runs stays as it is, and it is tried again every {}", problem, kAgain));
    refused_ = {problem, refused_ ? refused_->edited : edited, applied + kAgain};
    return;
  }
  refused_.reset();
  if (!reply->value("changed", false)) return;
  fmt::print("{}", changes_text(without_told(*reply, prepared.reasons)));
  const auto services = touched(*reply);
  if (services.empty())
    say(fmt::format("  {:<24} {} after the edit", "applied", seconds(applied - edited)));
  else
    follow(services, prepared, edited, applied);
}

// Until everything that was touched is live, will not be, or the next edit comes.
void Watching::follow(const std::set<std::string>& services, const Preparation::Prepared& prepared,
                      Clock::time_point edited, Clock::time_point applied) {
  auto stream = control::StatusStream::open(places_);
  if (!stream) {
    complain(stream.error());
    return;
  }
  Progress progress(edited, Progress::Voice::quiet);
  std::set<std::string> left = services;
  while (!left.empty() && !interrupted()) {
    if (hook_->watcher.has_news()) {
      next_ = hook_->watcher.wait(0ms);
      if (next_.any() && is_news(next_)) return;
      next_ = {};
    }
    const auto status = stream->next(kGlance);
    print_logs();
    if (!status) return;
    if (!*status) continue;
    const bool goes_on = progress.hear(**status);
    const auto now = Clock::now();
    std::erase_if(left, [&](const std::string& service) {
      const auto went_back = progress.went_back().find(service);
      const std::string problem = progress.problem_of(service);
      if (went_back != progress.went_back().end()) {
        complain(fmt::format("{} {}", service, went_back->second));
      } else if (!problem.empty()) {
        complain(problem);
      } else if (progress.is_live(service)) {
        const auto took = prepared.took.find(service);
        const std::string built =
            took == prepared.took.end() ? "" : fmt::format("built in {}, ", seconds(took->second));
        say(fmt::format("  {:<24} {}: {}ready in {}, {} after the edit", service, tinted("live", Tone::green), built,
                        seconds(now - applied), seconds(now - edited)));
      } else {
        return false;
      }
      return true;
    });
    if (!goes_on && !progress.settled() && !left.empty() && progress.given_up().empty()) {
      complain(fmt::format("not ready after {} s: {}", Progress::kGiveUpAfter.count(), fmt::join(left, ", ")));
      return;
    }
  }
}

}  // namespace bulkhead::cli
