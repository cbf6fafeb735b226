#include "proxy/h2_client.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace bulkhead::proxy {
namespace {

constexpr auto kLinger = std::chrono::seconds(1);  // no answer depends on it

}  // namespace

H2ClientConnection::H2ClientConnection(net::Stream stream, const H2ClientOptions& options,
                                       std::function<void()> changed)
    : options_(options),
      changed_(std::move(changed)),
      pump_(std::move(stream), http::H2Session::Role::client, options.limits, *this, options.write_timeout, kLinger),
      settings_(pump_.loop()),
      idle_since_(pump_.loop().now()),
      timer_(&H2ClientConnection::on_timer, this) {}

net::Task<> H2ClientConnection::run() {
  const std::shared_ptr<H2ClientConnection> self = shared_from_this();
  arm_timer();
  std::function<void()> after_receive = [] {};
  const Fault over = co_await pump_.run({}, std::move(after_receive));
  over_ = true;
  timer_.cancel();
  std::vector<std::pair<H2ClientExchange*, bool>> orphans;
  orphans.reserve(exchanges_.size());
  for (const auto& [id, exchange] : exchanges_) orphans.emplace_back(exchange, !pump_.session().request_sent(id));
  for (const auto& [exchange, never_processed] : orphans) {
    exchange->failed({Cause::closed, fmt::format("the HTTP/2 connection ended: {}", over.message)}, never_processed);
  }
  settings_.notify_all();
  changed_();
  co_await pump_.linger();
}

bool H2ClientConnection::usable() const { return !retired_ && !over_ && pump_.session().accepts_streams(); }

bool H2ClientConnection::has_room() const {
  const std::size_t busy = std::max(load_, pump_.session().open_streams());
  return usable() && busy < pump_.session().peer_max_streams();
}

std::unique_ptr<ClientExchange> H2ClientConnection::open() {
  if (load_ == 0) pump_.touch();
  return std::make_unique<H2ClientExchange>(shared_from_this());
}

void H2ClientConnection::retire() {
  retired_ = true;
  leave();
}

void H2ClientConnection::close() {
  retired_ = true;
  pump_.stream().close();
}

// An exchange has ended, or no more are wanted.
void H2ClientConnection::leave() {
  if (load_ == 0) {
    idle_since_ = pump_.loop().now();
    if (retired_) {
      pump_.session().goaway(http::h2_error::kNone);
      pump_.flush_later();
    }
  }
  changed_();
}

H2ClientExchange* H2ClientConnection::find(http::StreamId id) {
  const auto found = exchanges_.find(id);
  return found == exchanges_.end() ? nullptr : found->second;
}

void H2ClientConnection::on_response(http::StreamId id, http::Response&& response) {
  if (H2ClientExchange* exchange = find(id)) exchange->head_received(std::move(response));
}

void H2ClientConnection::on_body(http::StreamId id, std::string_view data) {
  if (H2ClientExchange* exchange = find(id)) exchange->received(data);
}

void H2ClientConnection::on_end(http::StreamId id, http::Fields&& trailers) {
  if (H2ClientExchange* exchange = find(id)) exchange->ended(std::move(trailers));
}

void H2ClientConnection::on_reset(http::StreamId id, std::uint32_t code, bool never_processed) {
  if (H2ClientExchange* exchange = find(id)) {
    exchange->failed({Cause::closed, fmt::format("the upstream reset the stream with code {}", code)}, never_processed);
  }
}

void H2ClientConnection::on_drained(http::StreamId id) {
  if (H2ClientExchange* exchange = find(id)) exchange->changed_.notify_all();
}

void H2ClientConnection::on_goaway(http::StreamId, std::uint32_t) { retired_ = true; }
void H2ClientConnection::on_settings() {
  settings_.notify_all();
  changed_();
}
void H2ClientConnection::on_pong(std::uint64_t) { ping_sent_ = false; }

void H2ClientConnection::arm_timer() {
  const net::Duration step = std::min({options_.ping_after, options_.ping_timeout, options_.idle_timeout});
  pump_.loop().arm(timer_, pump_.loop().in(step));
}

void H2ClientConnection::on_timer(void* self) {
  auto& connection = *static_cast<H2ClientConnection*>(self);
  connection.arm_timer();
  connection.check_liveness();
}

// A stopped peer keeps its sockets open; only an unanswered PING tells.
void H2ClientConnection::check_liveness() {
  const net::SteadyTime now = pump_.loop().now();
  if (load_ == 0) {
    ping_sent_ = false;
    if (now - idle_since_ >= options_.idle_timeout) retire();
    return;
  }
  const bool heard_since = pump_.last_heard() > pinged_at_;
  if (ping_sent_ && !heard_since && now - pinged_at_ >= options_.ping_timeout) return close();
  if (ping_sent_ && heard_since) ping_sent_ = false;
  if (ping_sent_ || now - pump_.last_heard() < options_.ping_after) return;
  ping_sent_ = true;
  pinged_at_ = now;
  pump_.session().ping(1);
  pump_.flush_later();
}

}  // namespace bulkhead::proxy
