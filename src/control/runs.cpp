// run: a command with a service's compartment, identity, environment and doors, in an instance of its own.
//
//   run  {service, argv, beside, terminal?, rows, columns}   answered as exec is
//
// It takes the service's place: the service's instances stop, requests go to it, and when it ends they come back. With
// `beside` they stay, and it gets no request. The instance is like any other, but for its first process, which only
// waits; the command is a guest of it (compartments/guests.hpp).

#include <chrono>

#include <signal.h>

#include "control/controller.hpp"
#include "control/reply.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto kStart = 60s;  // from the instance's start to its waiting process
constexpr auto kEnd = 30s;    // until an instance whose command ended is gone

}  // namespace

void Controller::end_all_runs() {
  for (auto& [instance, run] : runs_)
    if (!std::exchange(run.ending, true)) stop_instance(instance, 1s);
}

// The name of the instance; the line in the log is written.
Result<std::string> Controller::begin_run(const Peer& who, const json& request, json& details) {
  const std::string service = request.at("service");
  const bool beside = request.value("beside", false);
  if (auto checked = check_guest(request); !checked) return fail(checked.error());
  if (service == policy::kGateway) return fail(Cause::invalid, "the gateway has no compartment");
  if (auto open = check_open(service, &manifest::Debug::run, "run"); !open) return fail(open.error());
  // It would run a second time when its place is given back.
  if (!beside && loaded_->application.service(service)->type == manifest::ServiceType::job)
    return fail(Cause::invalid, "'{}' is a job, whose place no request leads to: --beside runs a command as it",
                service);
  if (fleet_.going_down()) return fail(Cause::conflict, "the application is going down");
  for (const auto& [instance, run] : runs_)
    if (!beside && !run.beside && run.service == service)
      return fail(Cause::conflict, "{} runs a command in the place of '{}' already; --beside runs one beside it",
                  run.by, service);
  std::string instance;
  for (int number = 1; instance.empty() || runs_.contains(instance) || runtimes_.contains(instance); ++number)
    instance = fmt::format("{}-run{}", service, number);
  details["instance"] = instance;
  details["beside"] = beside;
  if (!audit(who, "run", service, details, "begun"))
    return fail(Cause::io, "the audit log can not be written, and nobody goes inside unrecorded: {}", audit_problem_);
  return instance;
}

net::Task<bool> Controller::serve_run(net::FrameChannel& channel, const Peer& who, const json& request) {
  const std::uint32_t number = sessions_.next_number();
  json details = audit_details(request);
  details["session"] = number;
  const auto instance = begin_run(who, request, details);
  if (!instance) {
    co_await say_last(channel, refuse(who, request, instance.error().message));
    co_return false;
  }
  const std::string service = request.at("service");
  const bool beside = request.value("beside", false);
  EndRecord record(*this, who, "run", service, std::move(details));
  Session session(loop_, *instance, number);
  const Sessions::Entry entry(sessions_, session, number);
  struct Place {  // taken for as long as this lives, however it ends
    Place(Controller& owner, std::string name, Run run) : controller(owner), instance(std::move(name)) {
      controller.runs_[instance] = std::move(run);
      want();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      controller.runs_.erase(instance);
      want();
    }
    void want() {
      // Wanting something ends the way down.
      if (controller.loaded_ && !controller.fleet_.going_down())
        controller.fleet_.want(controller.goals(), controller.now());
      controller.reconcile_soon();
    }
    Controller& controller;
    std::string instance;
  };
  json ended;
  {
    const Place place(*this, *instance, {service, name_of(who), beside, false});
    net::Gate watching(loop_);
    watching.spawn(tell_when_gone(channel, session));
    const auto started = co_await start_run(session, service, beside);
    Runtime* runtime = find(*instance, number);
    if (!started) {
      ended = {{"error", started.error().message}};
    } else if (runtime == nullptr || runtime->keeper_channel == nullptr ||
               !runtime->keeper_channel->send(text_of(guest_message(number, request)))) {
      ended = {{"gone", "instance"}};
    } else {
      ended = co_await relay(channel, session, number);
    }
    co_await end_run(*instance, number);
  }
  record.end(ending_of(ended));
  co_await say_last(channel, ending_reply(ended));
  co_return false;
}

// Until no instance of the service is left.
net::Task<Result<>> Controller::make_room(Session& session, const std::string& service) {
  for (;;) {
    if (session.news.size() > 0) co_return fail(Cause::closed, "ended before it began");
    const bool taken = std::ranges::any_of(
        runtimes_, [&](const auto& each) { return each.second.service == service && !runs_.contains(each.first); });
    if (!taken) co_return Result<>{};
    const auto changed = co_await changed_.wait(loop_.in(100ms));
    if (!changed && changed.error().cause == Cause::closed) co_return fail(changed.error());
  }
}

net::Task<Result<>> Controller::start_run(Session& session, const std::string& service, bool beside) {
  if (!beside)
    if (auto room = co_await make_room(session, service); !room) co_return room;
  Slot slot;
  slot.id = session.instance;
  slot.service = service;
  slot.epoch = session.epoch;
  compartments::Spec spec;
  auto runtime = prepare(slot, spec);
  if (!runtime) co_return fail(runtime.error());
  spec.compartment->command.clear();
  if (auto spawned = spawn_keeper(*runtime, spec); !spawned) co_return spawned;
  if (!beside) registry_.put({slot.id, service, runtime->address, false});
  runtimes_.insert_or_assign(slot.id, std::move(*runtime));
  gate_.spawn(watch_keeper(slot.id, slot.epoch));
  const net::Deadline deadline = loop_.in(kStart);
  for (;;) {
    const Runtime* found = find(session.instance, session.epoch);
    if (found == nullptr)
      co_return fail(Cause::io, "its instance did not start; bulkhead logs {} may say why", session.instance);
    if (found->keeper_state == "running" && found->keeper_channel != nullptr) co_return Result<>{};
    if (session.news.size() > 0) co_return fail(Cause::closed, "ended before it began");
    if (deadline.passed(loop_.now())) co_return fail(Cause::timeout, "its instance did not start");
    const auto news = co_await keeper_news_.wait(loop_.in(100ms));
    if (!news && news.error().cause == Cause::closed) co_return fail(news.error());
  }
}

// Without its command the instance has no reason to be.
net::Task<> Controller::end_run(const std::string& instance, std::uint64_t epoch) {
  if (find(instance, epoch) == nullptr) co_return;
  if (!std::exchange(runs_[instance].ending, true)) stop_instance(instance, 1s);
  const net::Deadline deadline = loop_.in(kEnd);
  while (Runtime* runtime = find(instance, epoch)) {
    if (deadline.passed(loop_.now())) {
      const auto killed = net::send_signal(runtime->keeper_pidfd, SIGKILL);
      static_cast<void>(killed);  // its watcher sees the end
      co_return;
    }
    const auto changed = co_await changed_.wait(loop_.in(100ms));
    if (!changed && changed.error().cause == Cause::closed) co_return;
  }
}

}  // namespace bulkhead::control
