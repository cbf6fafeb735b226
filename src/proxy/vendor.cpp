#include "proxy/vendor.hpp"

#include <cerrno>

#include "net/instance_link.hpp"

namespace bulkhead::proxy {

namespace {

// The socket's queue holds some hundred requests; when it is full the init is behind, not gone.
constexpr std::chrono::milliseconds kFullPause{2};

Fault refused(std::uint16_t port, std::int32_t error) {
  Fault fault = os_fault(fmt::format("connect to the service's port {}", port), error);
  fault.cause = error == ESHUTDOWN ? Cause::closed : Cause::unreachable;
  return fault;
}

}  // namespace

Result<std::unique_ptr<Vendor>> Vendor::adopt(net::Loop& loop, Fd socket) {
  auto watch = net::Watch::adopt(loop, std::move(socket));
  if (!watch) return fail(within("vendor", std::move(watch.error())));
  return std::unique_ptr<Vendor>(new Vendor(loop, std::move(*watch)));
}

Vendor::Vendor(net::Loop& loop, net::Watch watch) : loop_(loop), watch_(std::move(watch)), gate_(loop) {
  gate_.spawn(read_replies());
}

net::Task<Result<>> Vendor::send(std::uint16_t port, std::uint32_t id, net::Deadline deadline) {
  const net::VendRequest request{id, port, 0};
  while (true) {
    if (gone_) co_return fail(Cause::closed, "the compartment is gone");
    auto sent = net::send_vend_request(watch_.fd(), request);
    if (sent || sent.error().cause != Cause::exhausted) co_return sent;
    if (deadline.passed(loop_.now())) co_return fail(Cause::timeout, "the compartment takes no requests");
    co_await net::sleep(loop_, loop_.in(kFullPause));
  }
}

net::Task<Result<net::Stream>> Vendor::connect(std::uint16_t port, net::Deadline deadline) {
  const std::uint32_t id = next_id_++;
  Waiting waiting(loop_);
  // Registered before it is sent, and forgotten however this ends: a late reply's socket is then closed.
  struct Registration {
    std::map<std::uint32_t, Waiting*>& all;
    std::uint32_t id;
    ~Registration() { all.erase(id); }
  } const registration{waiting_, id};
  waiting_[id] = &waiting;
  const auto sent = co_await send(port, id, deadline);
  if (!sent) co_return fail(sent.error());
  const auto answered = co_await waiting.done.wait(deadline);
  if (!answered) co_return fail(within("connect to the service", answered.error()));
  if (waiting.error != 0) co_return fail(refused(port, waiting.error));
  auto stream = net::Stream::adopt(loop_, std::move(waiting.socket));
  if (!stream) co_return fail(std::move(stream.error()));
  const auto connected = co_await stream->wait_connected(deadline);
  if (!connected) co_return fail(Cause::unreachable, "the service's port {}: {}", port, connected.error().message);
  co_return std::move(*stream);
}

net::Task<> Vendor::read_replies() {
  while (true) {
    auto vended = net::receive_vend_reply(watch_.fd());
    if (!vended && vended.error().cause == Cause::exhausted) {
      watch_.not_readable();
      const auto readable = co_await watch_.readable(net::Deadline::never());
      if (readable) continue;
    }
    if (!vended) break;
    const auto found = waiting_.find(vended->reply.id);
    if (found == waiting_.end()) continue;
    found->second->error = vended->reply.error;
    found->second->socket = std::move(vended->socket);
    found->second->done.set();
  }
  gone_ = true;
  fail_all(ESHUTDOWN);
}

void Vendor::fail_all(std::int32_t error) {
  for (const auto& [id, waiting] : waiting_) {
    if (waiting->socket) continue;
    waiting->error = error;
    waiting->done.set();
  }
}

}  // namespace bulkhead::proxy
