// Who speaks on the control sockets, whether they may, and what is written down of it.

#include <chrono>

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.hpp"
#include "control/controller.hpp"
#include "control/reply.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::size_t kMostDetails = 64U << 10U;
constexpr std::size_t kMostName = 64;
constexpr unsigned kMostConnections = 128;  // of one uid that is no admin: it can not shut others out

// A member that is a text, cut to the length of a name: what a stranger sends goes into the log.
std::string name_in(const json& request, const char* key) {
  const auto found = request.find(key);
  return found == request.end() || !found->is_string() ? std::string() : found->get<std::string>().substr(0, kMostName);
}

// What `plan` answers would tell an operator whether a guess at a secret is right.
json without_guesses(const Peer& who, json request) {
  if (who.role < Role::admin) request.erase("secrets");
  return request;
}

std::string outcome_of(std::string_view verb, const json& reply) {
  if (reply.value("ok", false)) return "done";
  // What is wrong with a manifest quotes its text, which is not for the log.
  return verb == "apply" ? "failed" : "failed: " + reply.value("error", "");
}

}  // namespace

net::Task<> Controller::accept_clients(net::Listener& listener) {
  for (;;) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    gate_.spawn(serve_client(std::move(*stream)));
  }
}

net::Task<> Controller::serve_client(net::Stream stream) {
  const int socket = stream.fd();
  net::FrameChannel channel(std::move(stream));
  const auto first = peer_of(socket, roles_);
  if (!first) co_return;
  struct Counted {
    Counted(std::map<uid_t, unsigned>& all, uid_t who) : open(all), uid(who) { ++open[uid]; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() {
      if (--open[uid] == 0) open.erase(uid);
    }
    std::map<uid_t, unsigned>& open;
    uid_t uid;
  } const counted(connections_, first->uid);
  if (connections_[first->uid] > kMostConnections && first->role < Role::admin) co_return;
  for (;;) {
    auto frame = co_await channel.receive(net::Deadline::never());
    if (!frame) co_return;
    // At each request: a role that was taken away is gone on open connections too.
    const auto who = peer_of(socket, roles_);
    if (!who) co_return;
    const auto request = policy::read_json(frame->payload);
    if (!request || !request->is_object()) {
      const std::string what = request ? "the request is not an object" : request.error().message;
      if (!channel.send(text_of({{"ok", false}, {"error", what}}))) co_return;
      continue;
    }
    if (!frame->fds.empty()) {
      // The compartment's walls are none for a descriptor that somebody hands in.
      if (!channel.send(text_of(refuse(*who, *request, "a request carries no descriptors")))) co_return;
      continue;
    }
    if (!co_await serve_request(channel, *who, *request)) co_return;
  }
}

// False when the connection is over.
net::Task<bool> Controller::serve_request(net::FrameChannel& channel, const Peer& who, const json& request) {
  const std::string verb = name_in(request, "verb");
  if (auto refusal = refusal_of(who, verb); !refusal.empty())
    co_return static_cast<bool>(channel.send(text_of(refuse(who, request, std::move(refusal)))));
  if (verb == "watch") {
    co_await watch(channel);
    co_return false;
  }
  if (verb == "status") co_await refresh_stats();
  json reply;
  try {
    if (verb == "logs") {
      co_await serve_logs(channel, request);
      co_return false;
    }
    if (verb == "upgrade") co_return co_await serve_upgrade(channel, who, request);
    if (verb == "exec") co_return co_await serve_exec(channel, who, request);
    if (verb == "run") co_return co_await serve_run(channel, who, request);
    if (verb == "forward") co_return co_await serve_forward(channel, who, request);
    if (verb == "collector")
      reply = co_await serve_collector(who, request);
    else
      reply = redact(answer(without_guesses(who, request), name_of(who)));
  } catch (const json::exception& error) {
    reply = {{"ok", false}, {"error", fmt::format("the request is not as expected: {}", error.what())}};
  }
  if (find_verb(verb)->recorded)
    audit(who, verb, name_in(request, "service"), audit_details(request), outcome_of(verb, reply));
  co_return static_cast<bool>(channel.send(text_of(reply)));
}

json Controller::refuse(const Peer& who, const json& request, std::string reason) {
  const std::string verb = name_in(request, "verb");
  const std::string service = name_in(request, "service");
  if (int before = 0; repeats_.is_news(who, verb, service, unix_now(), before)) {
    json details = audit_details(request);
    if (before > 0) details["refused_before"] = before;
    audit(who, verb, service, std::move(details), "refused: " + reason);
  }
  return {{"ok", false}, {"error", std::move(reason)}};
}

net::Task<> Controller::watch(net::FrameChannel& channel) {
  for (;;) {
    const auto who = peer_of(channel.stream().fd(), roles_);
    if (!who || !refusal_of(*who, "watch").empty() || !channel.send(text_of(redact(status())))) co_return;
    if (gone_for_good_) {
      const auto flushed = co_await channel.flush(loop_.in(1s));
      static_cast<void>(flushed);
      co_return;
    }
    const auto changed = co_await changed_.wait(loop_.in(1s));
    if (!changed && changed.error().cause == Cause::closed) co_return;
  }
}

// The sockets of groups that have a role no more are closed, the others stay as they are.
void Controller::give_roles(const manifest::Operators& operators) {
  roles_ = Roles(operators);
  role_problems_ = roles_.unknown();
  std::erase_if(operators_, [&](const auto& each) { return !roles_.groups().contains(each.first); });
  for (const auto& [group, name] : roles_.groups()) {
    if (operators_.contains(group)) continue;
    const auto opened = open_operators_socket(group);
    if (opened) continue;
    const bool not_ours = opened.error().os_error == EPERM;
    role_problems_.push_back(fmt::format("the group '{}' has a role and no socket: {}{}", name, opened.error().message,
                                         not_ours ? " (only root, or a member of the group, can give it one)" : ""));
    log_line("{}", role_problems_.back());
  }
}

Result<> Controller::open_operators_socket(gid_t group) {
  if (auto made = make_operators_place(launcher_.places, group); !made) return made;
  const std::string path = launcher_.places.operators_socket(group);
  auto address = net::Address::unix_socket(path);
  if (!address) return fail(std::move(address.error()));
  ::unlink(path.c_str());  // this process holds the controller's lock: whoever left it there is dead
  auto listener = net::Listener::open(loop_, *address);
  if (!listener) return fail(within(path, std::move(listener.error())));
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), group) != 0) return os_fail("chown " + path);
  if (::chmod(path.c_str(), 0660) != 0) return os_fail("chmod " + path);
  auto& opened = operators_.try_emplace(group, loop_, std::move(*listener)).first->second;
  opened.accepting.spawn(accept_clients(opened.listener));
  return {};
}

bool Controller::audit(const Peer& who, std::string_view verb, std::string_view service, json details,
                       std::string_view outcome) {
  const manifest::Service* known = loaded_ ? loaded_->application.service(service) : nullptr;
  if (const std::size_t size = text_of(details).size(); size > kMostDetails) details = {{"too_long", size}};
  const auto written = audit_log_.append(
      redact(audit_entry(who, verb, service, known == nullptr ? "" : known->owner, std::move(details), outcome)));
  if (written) {
    audit_problem_.clear();
    return true;
  }
  if (audit_problem_.empty()) log_line("the audit log: {}", written.error().message);
  audit_problem_ = written.error().message;
  changed_.notify_all();
  return false;
}

}  // namespace bulkhead::control
