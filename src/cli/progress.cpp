#include "cli/progress.hpp"

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/status_view.hpp"
#include "cli/table.hpp"
#include "control/client.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

constexpr int kGiveUpAfterRestarts = 4;

bool is_there(const json& instance) {
  const std::string state = instance["state"];
  return !instance.value("outdated", false) && (state == "ready" || state == "done" || state == "scheduled");
}

}  // namespace

std::string elapsed(Clock::time_point since) {
  return duration_text(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - since).count());
}

bool Progress::hear(const json& status) {
  went_back_.clear();
  live_.clear();
  problems_.clear();
  updating_ = false;
  for (const json& service : status["services"]) {
    if (const std::string why = service.value("pinned", ""); !why.empty()) went_back_[service["name"]] = why;
    updating_ = updating_ || service.value("updating", json::object()).value("can_go_back", false);
    for (const json& instance : service["instances"]) hear_instance(service["name"], instance);
    if (std::ranges::count_if(service["instances"], is_there) >= service.value("scale", 1))
      live_.insert(service["name"]);
  }
  settled_ = status.value("settled", false);
  return !settled_ && given_up_.empty() && !interrupted() && (updating_ || Clock::now() - since_ < kGiveUpAfter);
}

std::string Progress::problem_of(const std::string& service) const {
  const auto found = problems_.find(service);
  return found == problems_.end() ? "" : found->second;
}

void Progress::hear_instance(const std::string& service, const json& instance) {
  const std::string id = instance["id"];
  const std::string state = instance["state"];
  const std::string reason = instance.value("reason", "");
  std::string& last = last_[id];
  const std::string rejected = instance.value("rejected", "");
  const bool fails = state == "backoff" || state == "failed";
  const std::string shown = fails               ? state + ": " + reason
                            : !rejected.empty() ? "refused its configuration: " + rejected
                                                : state;
  if (shown != last && (fails || !rejected.empty()))
    say(fmt::format("  {:<24} {}", id, tinted(shown, Tone::red)));
  else if (shown != last && voice_ == Voice::all && (state == "ready" || state == "done"))
    say(fmt::format("  {:<24} {} after {}", id, tinted(state, Tone::green), elapsed(since_)));
  last = shown;
  const bool hopeless =
      state == "failed" || (state == "backoff" && instance.value("restarts", 0) >= kGiveUpAfterRestarts);
  if (!hopeless) return;
  problems_[service] = fmt::format("{} does not start: {}", id, reason);
  if (given_up_.empty()) given_up_ = problems_[service];
}

int show_table(const control::Places& places) {
  const auto status = control::ask(places, {{"verb", "status"}});
  if (!status) return complain(status.error());
  fmt::print("\n{}", status_text(*status, std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
  std::fflush(stdout);
  return kDone;
}

int follow(const Context& context, const control::Places& places, const manifest::Application& application,
           const control::Desired& desired, Clock::time_point since) {
  Progress progress(since);
  const auto watched = control::watch(places, [&](const json& status) { return progress.hear(status); });
  if (!watched) return complain(watched.error());
  if (interrupted()) return kDone;
  if (progress.settled()) say(fmt::format("{} is up after {}", application.name, elapsed(since)));
  if (const int shown = show_table(places); shown != kDone) return shown;
  // Nobody waits for the collector: where it is not there yet, `bulkhead console` prints the address later.
  if (const std::string url = console_url(places); !url.empty()) say("console: " + tinted(url, Tone::bold));
  if (!progress.settled()) {
    complain(progress.given_up().empty()
                 ? fmt::format("not everything was ready after {} s", Progress::kGiveUpAfter.count())
                 : progress.given_up());
    fmt::print(stderr, "  what it said: bulkhead logs -f {0}\n  take it down: bulkhead down -f {0}\n", context.file);
    return kFailed;
  }
  int code = kDone;
  for (const auto& [service, why] : progress.went_back()) {
    if (!desired.selects(service)) continue;
    complain(fmt::format("{} {}", service, why));
    code = kWentBack;
  }
  return code;
}

}  // namespace bulkhead::cli
