// upgrade: every process of the platform becomes one of another build, while the services run.
//
//   upgrade {executable, build} → {"ok", "becomes": true}: it is of another build than this controller, which becomes
//                                 that program; the same request to what it became does the rest
//                               → {"moved": INSTANCE, "error"?, "keeper_stays"?, "init_stays"?} for each instance in
//                                 turn, then {"ok"}

#include <fcntl.h>
#include <unistd.h>

#include "base/build_id.hpp"
#include "base/log.hpp"
#include "compartments/init_program.hpp"
#include "compartments/keeper_state.hpp"
#include "control/controller.hpp"
#include "control/reply.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto kMoved = 60s;     // one instance; keepers give up a sidecar before
constexpr auto kAnswer = 10s;    // a keeper that became another program
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
    const json outcome = co_await move_instance(id, epoch);
    if (outcome.is_null()) continue;
    failed += outcome.contains("error") ? 1 : 0;
    if (!channel.send(text_of(outcome))) co_return false;
  }
  co_await until_retired(loop_.in(kRetired));
  audit(who, "upgrade", "", {{"build", build}, {"instances", all.size()}, {"failed", failed}},
        failed == 0 ? "done" : "failed");
  const json reply = failed == 0
                         ? json{{"ok", true}}
                         : failure(fmt::format("{} of {} instances go on with what they had", failed, all.size()));
  co_return static_cast<bool>(channel.send(text_of(reply)));
}

// First its keeper, then process 1 of its compartment, then the process that serves. Null where there is nothing to do:
// it is of this build, or no longer there.
net::Task<json> Controller::move_instance(std::string id, std::uint64_t epoch) {
  const net::Deadline deadline = loop_.in(kMoved);
  const json lost = {{"moved", id}, {"error", "it did not find this controller"}};
  Runtime* runtime = co_await heard_of(id, epoch, deadline);
  if (runtime == nullptr) co_return find(id, epoch) == nullptr ? json(nullptr) : lost;
  const auto slot = fleet_.slots().find(id);
  if (slot == fleet_.slots().end() || slot->second.phase == Phase::stopping) co_return nullptr;
  json outcome = {{"moved", id}};
  if (runtime->keeper_build != build_id()) {
    const auto moved = co_await move_keeper(id, epoch, deadline);
    if (!moved) outcome["keeper_stays"] = moved.error().message;
    runtime = co_await heard_of(id, epoch, deadline);
    if (runtime == nullptr) co_return find(id, epoch) == nullptr ? json(nullptr) : lost;
  }
  if (runtime->has_init && runtime->init_build != build_id() && !outcome.contains("keeper_stays")) {
    const auto moved = co_await move_init(id, epoch, deadline);
    if (!moved) outcome["init_stays"] = moved.error().message;
    runtime = find(id, epoch);
    if (runtime == nullptr) co_return nullptr;
  }
  if (runtime->sidecar.build == build_id()) co_return outcome.size() > 1 ? outcome : json(nullptr);
  const auto moved = co_await move_sidecar(id, epoch, deadline);
  if (!moved && moved.error().cause == Cause::not_found) co_return nullptr;
  if (!moved) outcome["error"] = moved.error().message;
  co_return outcome;
}

// Keepers and sidecars find a controller that has just come in their own time. Null: it is gone, or does not come.
net::Task<Runtime*> Controller::heard_of(std::string id, std::uint64_t epoch, net::Deadline deadline) {
  for (;;) {
    Runtime* runtime = find(id, epoch);
    if (runtime == nullptr || deadline.passed(loop_.now())) co_return nullptr;
    if (runtime->keeper_channel != nullptr && runtime->sidecar.channel != nullptr &&
        (!runtime->sidecar.sent_hash.empty() || !runtime->sidecar.told.empty()))
      co_return runtime;
    co_await net::sleep(loop_, loop_.in(20ms));
  }
}

net::Task<Result<>> Controller::move_keeper(std::string id, std::uint64_t epoch, net::Deadline deadline) {
  Runtime* runtime = find(id, epoch);
  runtime->keeper_stays.clear();
  const json wanted = {
      {"type", "become"}, {"executable", launcher_.executable}, {"protocol", compartments::kKeeperProtocol}};
  if (auto sent = runtime->keeper_channel->send(wanted.dump()); !sent) co_return sent;
  const net::Deadline answer = std::min(deadline, loop_.in(kAnswer));
  for (;;) {
    const auto news = co_await keeper_news_.wait(answer);
    runtime = find(id, epoch);
    if (runtime == nullptr || runtime->keeper_build == build_id()) co_return Result<>{};
    if (!runtime->keeper_stays.empty()) co_return fail(Cause::conflict, "{}", runtime->keeper_stays);
    if (!news) co_return fail(Cause::timeout, "it gave no answer");
  }
}

// One program in memory for all of them.
net::Task<Result<>> Controller::move_init(std::string id, std::uint64_t epoch, net::Deadline deadline) {
  if (!init_program_) {
    auto made = compartments::make_init_program();
    if (!made) co_return fail(std::move(made.error()));
    init_program_ = std::move(*made);
  }
  std::vector<Fd> program;
  program.emplace_back(::fcntl(init_program_.get(), F_DUPFD_CLOEXEC, 0));
  if (!program.front()) co_return os_fail("hand over process 1's program");
  Runtime* runtime = find(id, epoch);
  runtime->init_told.reset();
  const json wanted = {{"type", "become_init"}, {"build", build_id()}};
  if (auto sent = runtime->keeper_channel->send(wanted.dump(), std::move(program)); !sent) co_return sent;
  const net::Deadline answer = std::min(deadline, loop_.in(kAnswer));
  for (;;) {
    const auto news = co_await keeper_news_.wait(answer);
    runtime = find(id, epoch);
    if (runtime == nullptr) co_return Result<>{};
    if (runtime->init_told && runtime->init_told->empty()) co_return Result<>{};
    if (runtime->init_told) co_return fail(Cause::conflict, "{}", *runtime->init_told);
    if (!news) co_return fail(Cause::timeout, "it gave no answer");
  }
}

net::Task<Result<>> Controller::move_sidecar(std::string id, std::uint64_t epoch, net::Deadline deadline) {
  Runtime* runtime = find(id, epoch);
  runtime->succession.clear();
  const json wanted = {{"type", "replace_sidecar"}, {"executable", launcher_.executable}};
  if (auto sent = runtime->keeper_channel->send(wanted.dump()); !sent) co_return sent;
  for (;;) {
    const auto news = co_await keeper_news_.wait(deadline);
    runtime = find(id, epoch);
    if (runtime == nullptr) co_return fail(Cause::not_found, "it is gone");
    if (runtime->succession == "serving" || runtime->succession == "retired") co_return Result<>{};
    if (runtime->succession == "failed") co_return fail(Cause::conflict, "{}", runtime->succession_problem);
    if (!news) co_return fail(Cause::timeout, "its keeper gave no answer");
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
