// upgrade: every process of the platform becomes one of another build, while the services run.
//
//   upgrade {executable, build} → {"ok", "becomes": true}: this controller is of another build and becomes that
//   program;
//                                 the same request again, to what it became, does the rest
//                               → {"moved": INSTANCE, "error"?} for each sidecar and gateway, in turn, then
//                                 {"ok", "former": [SERVICE]}: whose keepers are of another build, until they are
//                                 replaced

#include <set>

#include <unistd.h>

#include "base/build_id.hpp"
#include "base/log.hpp"
#include "control/controller.hpp"
#include "control/reply.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto kServing = 40s;   // from the request to the other one's serving; a keeper gives up before
constexpr auto kRetired = 300s;  // for what the last of the former ones still serve
constexpr auto kFlush = 1s;

}  // namespace

net::Task<bool> Controller::serve_upgrade(net::FrameChannel& channel, const Peer& who, const json& request) {
  const std::string executable = request.at("executable");
  const std::string build = request.at("build");
  if (!executable.starts_with('/') || ::access(executable.c_str(), X_OK) != 0)
    co_return static_cast<bool>(channel.send(text_of(failure(executable + " can not be run from here"))));
  if (build != build_id()) {
    audit(who, "upgrade", "", {{"executable", executable}, {"build", build}}, "done");
    if (!channel.send(text_of({{"ok", true}, {"becomes", true}}))) co_return false;
    const auto flushed = co_await channel.flush(loop_.in(kFlush));
    static_cast<void>(flushed);
    become(executable);
    co_return false;
  }
  partner_.renew();
  std::vector<std::pair<std::string, std::uint64_t>> all;
  for (const auto& [id, runtime] : runtimes_) all.emplace_back(id, runtime.epoch);
  int failed = 0;
  for (const auto& [id, epoch] : all) {
    const json outcome = co_await replace_sidecar(id, epoch);
    if (outcome.is_null()) continue;
    failed += outcome.contains("error") ? 1 : 0;
    if (!channel.send(text_of(outcome))) co_return false;
  }
  co_await until_retired(loop_.in(kRetired));
  std::set<std::string> former;
  for (const auto& [id, runtime] : runtimes_)
    if (runtime.keeper_build != build_id()) former.insert(runtime.service);
  audit(who, "upgrade", "", {{"build", build}, {"instances", all.size()}, {"failed", failed}},
        failed == 0 ? "done" : "failed");
  const json reply = failed == 0
                         ? json{{"ok", true}, {"former", former}}
                         : failure(fmt::format("{} of {} instances go on with what they had", failed, all.size()));
  co_return static_cast<bool>(channel.send(text_of(reply)));
}

// Null where there is nothing to do: it is of this build, or no longer there.
net::Task<json> Controller::replace_sidecar(std::string id, std::uint64_t epoch) {
  const net::Deadline deadline = loop_.in(kServing);
  // After this controller came, keepers and sidecars find it in their own time.
  for (Runtime* runtime = find(id, epoch);; runtime = find(id, epoch)) {
    if (runtime == nullptr) co_return nullptr;
    if (runtime->keeper_channel != nullptr && runtime->sidecar.channel != nullptr &&
        !runtime->sidecar.sent_hash.empty())
      break;
    if (deadline.passed(loop_.now())) co_return json{{"moved", id}, {"error", "it did not find this controller"}};
    co_await net::sleep(loop_, loop_.in(20ms));
  }
  Runtime* runtime = find(id, epoch);
  if (runtime->sidecar.build == build_id()) co_return nullptr;
  const auto slot = fleet_.slots().find(id);
  if (slot == fleet_.slots().end() || slot->second.phase == Phase::stopping) co_return nullptr;
  runtime->succession.clear();
  const json wanted = {{"type", "replace_sidecar"}, {"executable", launcher_.executable}};
  if (!runtime->keeper_channel->send(wanted.dump()))
    co_return json{{"moved", id}, {"error", "its keeper does not listen"}};
  for (;;) {
    const auto news = co_await keeper_news_.wait(deadline);
    runtime = find(id, epoch);
    if (runtime == nullptr) co_return nullptr;
    if (runtime->succession == "serving" || runtime->succession == "retired") co_return json{{"moved", id}};
    if (runtime->succession == "failed") co_return json{{"moved", id}, {"error", runtime->succession_problem}};
    if (!news)
      co_return json{{"moved", id},
                     {"error", "its keeper, which may be of a build that does not know how, gave no answer"}};
  }
}

net::Task<> Controller::until_retired(net::Deadline deadline) {
  const auto retires = [](const auto& entry) { return entry.second.other.process.pid > 0; };
  while (std::ranges::any_of(runtimes_, retires)) {
    const auto news = co_await keeper_news_.wait(deadline);
    if (!news) co_return;
  }
}

void Controller::become(const std::string& executable) {
  becomes_ = executable;
  finished_.set();
}

}  // namespace bulkhead::control
