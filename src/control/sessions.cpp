// exec and forward: who may, where to, and what is written down of it. runs.cpp has run.
//
//   exec     {service, argv, terminal?, rows, columns}
//              → {"ok", "instance"} with a terminal's master, or with three pipes: input, output, errors
//              → {"ok", "ended", "code" | "signal" | "gone"}
//   forward  {service, port} → {"ok", "instance"}, then for each connection
//            {"connect"}     → {"ok", "connection": N} with a socket, or {"ok": false, "error"}
//            {"closed": N}   no answer
//
// No descriptor comes in: a request that carries one is refused.

#include "control/sessions.hpp"

#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "compartments/log_file.hpp"
#include "control/controller.hpp"
#include "control/reply.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::size_t kMostConnections = 256;  // of one forward, at once
constexpr auto kStart = 10s;                   // from the request to the command's exec
constexpr auto kHangUp = 10s;                  // from the client's end to the command's
constexpr auto kConnect = 5s;
constexpr std::size_t kMostWords = 32U << 10U;  // of a command, each with its end; a keeper takes no more
constexpr std::size_t kMostTerm = 200;

struct Traffic {
  std::uint64_t to_service = 0, from_service = 0;
};

// By the kernel's word: whoever has the other copy of the socket can't tell anything else.
void count(int socket, Traffic& traffic) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  traffic.to_service += info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
  traffic.from_service += info.tcpi_bytes_received;
}

}  // namespace

net::Task<> tell_when_gone(net::FrameChannel& channel, Session& session) {
  const auto frame = co_await channel.receive(net::Deadline::never());
  static_cast<void>(frame);
  session.news.try_push({json{{"gone", "client"}}, {}});
}

std::string ending_of(const json& news) {
  if (news.contains("error")) return "failed: " + news.value("error", "");
  if (news.contains("signal")) return fmt::format("killed by signal {}", news["signal"].get<int>());
  if (news.contains("code")) return fmt::format("exited with {}", news["code"].get<int>());
  return "ended with its instance";
}

json ending_reply(const json& news) {
  if (news.contains("error")) return {{"ok", false}, {"error", news["error"]}, {"not_started", true}};
  json reply = {{"ok", true}, {"ended", true}};
  for (const char* key : {"code", "signal", "gone"})
    if (news.contains(key)) reply[key] = news[key];
  return reply;
}

Result<> check_guest(const json& request) {
  const json argv = request.value("argv", json());
  std::size_t size = 0;
  if (!argv.is_array() || argv.empty()) return fail(Cause::invalid, "a command is a list of words");
  for (const json& word : argv) {
    if (!word.is_string() || word.get_ref<const std::string&>().find('\0') != std::string::npos)
      return fail(Cause::invalid, "a command is a list of words");
    size += word.get_ref<const std::string&>().size() + 1;
  }
  if (argv.front().get_ref<const std::string&>().empty())
    return fail(Cause::invalid, "a command begins with a program");
  if (size > kMostWords) return fail(Cause::exhausted, "a command of {} bytes: at most {} go in", size, kMostWords);
  const json terminal = request.value("terminal", json(""));
  if (!terminal.is_string() || terminal.get_ref<const std::string&>().size() > kMostTerm)
    return fail(Cause::invalid, "a terminal is the text of TERM, at most {} bytes", kMostTerm);
  for (const char* key : {"rows", "columns"})
    if (!request.value(key, json(0U)).is_number_unsigned())
      return fail(Cause::invalid, "the size of a terminal is two numbers");
  return {};
}

json guest_message(std::uint32_t session, const json& request) {
  json wanted = {{"type", "guest"}, {"session", session}, {"argv", request.at("argv")}};
  for (const char* key : {"terminal", "rows", "columns"})
    if (request.contains(key)) wanted[key] = request[key];
  return wanted;
}

std::string seconds_since(Time began, Time now) {
  return fmt::format("{:.1f} s", static_cast<double>(std::chrono::duration_cast<Millis>(now - began).count()) / 1000);
}

Sessions::Sessions()
    : next_(static_cast<std::uint32_t>(
          std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
              .count())) {}

void Sessions::tell(const std::string& instance, json message, std::vector<Fd> fds) {
  const auto found = open_.find(message.value("session", std::uint32_t{0}));
  if (found == open_.end() || found->second->instance != instance) return;
  found->second->news.try_push({std::move(message), std::move(fds)});
}

void Sessions::end_all_of(const std::string& instance, std::uint64_t epoch) {
  for (const auto& [number, session] : open_)
    if (session->instance == instance && session->epoch == epoch)
      session->news.try_push({json{{"gone", "instance"}}, {}});
}

Controller::EndRecord::EndRecord(Controller& controller, Peer who, std::string verb, std::string service, json details)
    : controller_(controller),
      who_(std::move(who)),
      verb_(std::move(verb)),
      service_(std::move(service)),
      details_(std::move(details)),
      began_(controller.now()) {}

void Controller::EndRecord::end(const std::string& outcome) {
  if (std::exchange(ended_, true)) return;
  if (add) details_.update(add());
  details_["lasted"] = seconds_since(began_, controller_.now());
  controller_.audit(who_, verb_, service_, std::move(details_), outcome);
}

// Of those that began under a controller that was killed, nobody else tells the end.
void Controller::end_records() {
  std::map<std::uint64_t, json> open;
  for (json& entry : read_audit(launcher_.places.audit(), {})) {
    const auto session = entry["details"].value("session", std::uint64_t{0});
    if (entry.value("outcome", "") == "begun")
      open[session] = std::move(entry);
    else
      open.erase(session);
  }
  for (auto& [session, entry] : open) {
    entry["time"] = compartments::format_time(std::chrono::system_clock::now());
    entry["outcome"] = kControllerEnded;
    if (const auto written = audit_log_.append(entry); !written) audit_problem_ = written.error().message;
  }
}

// The instance that is meant by its own name or its service's, the first that is ready if any is.
Result<Runtime*> Controller::running_instance(const std::string& name) {
  if (name.starts_with('_'))
    return fail(Cause::invalid, "the {} has no compartment", std::string_view(name).substr(1, name.rfind('-') - 1));
  Runtime* best = nullptr;
  bool known = loaded_ && loaded_->application.service(name) != nullptr;
  for (auto& [id, runtime] : runtimes_) {
    if (known ? runtime.service != name : id != name) continue;
    if (runtime.keeper_channel == nullptr || runtime.keeper_state != "running") continue;
    const auto slot = fleet_.slots().find(id);
    const bool ready = slot != fleet_.slots().end() && slot->second.phase == Phase::ready;
    if (best == nullptr || ready) best = &runtime;
    if (ready) break;
  }
  if (best != nullptr) return best;
  if (known || fleet_.slots().contains(name)) return fail(Cause::conflict, "no instance of '{}' runs now", name);
  return fail(Cause::not_found, "no service or instance is called '{}'", name);
}

Result<> Controller::check_open(const std::string& service, bool manifest::Debug::* way, std::string_view verb) const {
  const manifest::Service* found = loaded_ ? loaded_->application.service(service) : nullptr;
  if (found == nullptr) return fail(Cause::not_found, "no service is called '{}'", service);
  if (found->debug.*way) return {};
  return fail(Cause::denied, "'debug' in the manifest switches {} off for '{}'", verb, service);
}

// What every session begins with: an instance that runs, a way that is open, and a line in the log.
Result<Runtime*> Controller::begin_session(const Peer& who, const json& request, bool manifest::Debug::* way,
                                           json& details) {
  const std::string verb = request.at("verb");
  auto runtime = running_instance(request.at("service"));
  if (!runtime) return runtime;
  if (auto open = check_open((*runtime)->service, way, verb); !open) return fail(open.error());
  details["instance"] = (*runtime)->id;
  if (!audit(who, verb, (*runtime)->service, details, "begun"))
    return fail(Cause::io, "the audit log can not be written, and nobody goes inside unrecorded: {}", audit_problem_);
  return runtime;
}

// False: the connection is over.
net::Task<bool> Controller::serve_exec(net::FrameChannel& channel, const Peer& who, const json& request) {
  if (auto checked = check_guest(request); !checked)
    co_return static_cast<bool>(channel.send(text_of(failure(checked.error().message))));
  const std::uint32_t number = sessions_.next_number();
  json details = audit_details(request);
  details["session"] = number;
  auto runtime = begin_session(who, request, &manifest::Debug::exec, details);
  if (!runtime) co_return static_cast<bool>(channel.send(text_of(refuse(who, request, runtime.error().message))));
  EndRecord record(*this, who, "exec", (*runtime)->service, std::move(details));
  Session session(loop_, (*runtime)->id, (*runtime)->epoch);
  const Sessions::Entry entry(sessions_, session, number);
  if (!(*runtime)->keeper_channel->send(text_of(guest_message(number, request))))
    session.news.try_push({json{{"gone", "instance"}}, {}});
  net::Gate watching(loop_);
  watching.spawn(tell_when_gone(channel, session));
  const json ended = co_await relay(channel, session, number);
  record.end(ending_of(ended));
  co_await say_last(channel, ending_reply(ended));
  co_return false;
}

net::Task<> Controller::say_last(net::FrameChannel& channel, json reply) {
  if (!channel.send(text_of(redact(std::move(reply))))) co_return;
  const auto flushed = co_await channel.flush(loop_.in(1s));
  static_cast<void>(flushed);
}

// From the keeper's first word to its last, or that of who is gone. A client that goes ends its command.
net::Task<json> Controller::relay(net::FrameChannel& channel, Session& session, std::uint32_t number) {
  net::Deadline deadline = loop_.in(kStart);
  for (;;) {
    auto news = co_await session.news.pop(deadline);
    if (!news) co_return json{{"error", "the command did not start, or did not end when it was told to"}};
    json& message = news->message;
    if (message.contains("ended") || message.contains("error")) co_return std::move(message);
    if (message.value("gone", "") == "instance") co_return std::move(message);
    if (message.contains("started")) {
      deadline = net::Deadline::never();
      if (channel.send(text_of({{"ok", true}, {"instance", session.instance}}), std::move(news->fds))) continue;
    }
    Runtime* runtime = find(session.instance, session.epoch);
    if (runtime == nullptr || runtime->keeper_channel == nullptr) co_return json{{"gone", "instance"}};
    const auto told = runtime->keeper_channel->send(text_of({{"type", "hang_up"}, {"session", number}}));
    static_cast<void>(told);  // a keeper that is gone shows as news
    deadline = loop_.in(kHangUp);
  }
}

namespace {

// The connections of one forward: copies of their sockets, to count by.
class Forwarded {
 public:
  std::uint32_t add(Fd socket) {
    open_[++last_] = std::move(socket);
    return last_;
  }
  void close(std::uint32_t number) {
    if (const auto found = open_.find(number); found != open_.end()) {
      count(found->second.get(), traffic_);
      open_.erase(found);
    }
  }
  bool full() const { return open_.size() >= kMostConnections; }
  json told() {
    for (const auto& [number, socket] : open_) count(socket.get(), traffic_);
    open_.clear();
    return {{"connections", last_}, {"bytes_in", traffic_.to_service}, {"bytes_out", traffic_.from_service}};
  }

 private:
  std::map<std::uint32_t, Fd> open_;
  std::uint32_t last_ = 0;
  Traffic traffic_;
};

}  // namespace

net::Task<bool> Controller::serve_forward(net::FrameChannel& channel, const Peer& who, const json& request) {
  const int port = request.at("port");
  if (port < 1 || port > 65535) co_return static_cast<bool>(channel.send(text_of(failure("a port is 1 to 65535"))));
  json details = audit_details(request);
  details["session"] = sessions_.next_number();
  auto runtime = begin_session(who, request, &manifest::Debug::forward, details);
  if (!runtime) co_return static_cast<bool>(channel.send(text_of(refuse(who, request, runtime.error().message))));
  Forwarded forwarded;  // before the record, which counts it at its end
  EndRecord record(*this, who, "forward", (*runtime)->service, std::move(details));
  record.add = [&forwarded] { return forwarded.told(); };
  bool there = static_cast<bool>(channel.send(text_of({{"ok", true}, {"instance", (*runtime)->id}})));
  while (there) {
    auto frame = co_await channel.receive(net::Deadline::never());
    if (!frame) break;
    const auto asked = policy::read_json(frame->payload);
    if (!asked || !asked->is_object() || !frame->fds.empty()) break;
    if (asked->contains("closed")) {
      forwarded.close(asked->value("closed", std::uint32_t{0}));
      continue;
    }
    if (forwarded.full()) {
      there = static_cast<bool>(
          channel.send(text_of(failure(fmt::format("{} connections are open already", kMostConnections)))));
      continue;
    }
    // Asked again each time: the instance may be another one, and the way may have been closed.
    auto connected = co_await connect_inside(channel.stream().fd(), request);
    if (!connected) {
      there = static_cast<bool>(channel.send(text_of(failure(connected.error().message))));
      continue;
    }
    std::vector<Fd> given;
    given.emplace_back(::fcntl(connected->get(), F_DUPFD_CLOEXEC, 0));
    const std::uint32_t number = forwarded.add(std::move(*connected));
    there = static_cast<bool>(channel.send(text_of({{"ok", true}, {"connection", number}}), std::move(given)));
  }
  record.end("ended");
  co_return false;
}

net::Task<Result<Fd>> Controller::connect_inside(int client, const json& request) {
  const auto who = peer_of(client, roles_);
  if (!who) co_return fail(who.error());
  if (auto refusal = refusal_of(*who, "forward"); !refusal.empty()) co_return fail(Cause::denied, "{}", refusal);
  auto runtime = running_instance(request.at("service"));
  if (!runtime) co_return fail(runtime.error());
  if (auto open = check_open((*runtime)->service, &manifest::Debug::forward, "forward"); !open)
    co_return fail(open.error());
  Session session(loop_, (*runtime)->id, (*runtime)->epoch);
  const Sessions::Entry entry(sessions_, session, sessions_.next_number());
  const json wanted = {{"type", "connect"}, {"session", entry.number()}, {"port", request.at("port")}};
  if (auto sent = (*runtime)->keeper_channel->send(text_of(wanted)); !sent) co_return fail(sent.error());
  auto news = co_await session.news.pop(loop_.in(kConnect));
  if (!news) co_return fail(news.error());
  if (!news->message.value("connected", false) || news->fds.size() != 1)
    co_return fail(Cause::unreachable, "port {} of {}: {}", request.at("port").get<int>(), session.instance,
                   news->message.value("error", "the instance ended"));
  co_return std::move(news->fds.front());
}

}  // namespace bulkhead::control
