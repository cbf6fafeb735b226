#include "proxy/h2_server.hpp"

#include <utility>

namespace bulkhead::proxy {
namespace {

constexpr std::uint64_t kDrainPing = 0x647261696e;
constexpr auto kDrainAnswer = std::chrono::seconds(2);

http::H2Limits limits_of(const ServerOptions& options) {
  http::H2Limits limits = options.h2;
  limits.fields = options.fields;
  return limits;
}

}  // namespace

net::Task<Result<>> serve_h2(net::Stream stream, std::string early, const Handler& handler,
                             const ServerOptions& options, net::Event& shutdown) {
  const auto connection = std::make_unique<H2ServerConnection>(std::move(stream), handler, options, shutdown);
  const Fault over = co_await connection->run(std::move(early));
  if (over.cause == Cause::exhausted) co_return fail(over);
  co_return {};
}

H2ServerConnection::H2ServerConnection(net::Stream stream, const Handler& handler, const ServerOptions& options,
                                       net::Event& shutdown)
    : handler_(handler),
      options_(options),
      shutdown_(shutdown),
      pump_(std::move(stream), http::H2Session::Role::server, limits_of(options), *this, options.write_timeout,
            options.drain_time),
      idle_timer_(&H2ServerConnection::idle_too_long, this),
      linger_timer_(&H2ServerConnection::lingered_too_long, this),
      unfinished_timer_(&H2ServerConnection::unfinished_too_long, this),
      drain_answered_(pump_.loop()),
      watchers_(pump_.loop()),
      handlers_(pump_.loop()) {
  pump_.after_flush([this] { note_lingering(); });
}

net::Task<Fault> H2ServerConnection::run(std::string early) {
  note_idle();
  watchers_.spawn(watch_shutdown());
  std::function<void()> after_receive = [this] {
    start_fresh();
    note_unfinished();
  };
  const Fault over = co_await pump_.run(std::move(early), std::move(after_receive));
  idle_timer_.cancel();
  linger_timer_.cancel();
  unfinished_timer_.cancel();
  std::vector<H2ServerExchange*> orphans;
  orphans.reserve(exchanges_.size());
  for (const auto& [id, exchange] : exchanges_) orphans.push_back(exchange);
  for (H2ServerExchange* exchange : orphans) exchange->client_left();
  co_await pump_.linger();
  co_await handlers_.close();
  co_return over;
}

// Two steps (RFC 9113 §6.8): the notice, and when its round trip is over and every request that crossed it is here, the
// last stream.
net::Task<> H2ServerConnection::watch_shutdown() {
  const Result<> set = co_await shutdown_.wait(net::Deadline::never());
  if (!set) co_return;
  pump_.session().shutdown_notice();
  pump_.session().ping(kDrainPing);
  pump_.flush_later();
  co_await drain_answered_.wait(pump_.loop().in(kDrainAnswer));
  pump_.session().goaway(http::h2_error::kNone);
  pump_.flush_later();
}

void H2ServerConnection::on_pong(std::uint64_t opaque) {
  if (opaque == kDrainPing) drain_answered_.set();
}

H2ServerExchange* H2ServerConnection::find(http::StreamId id) {
  const auto found = exchanges_.find(id);
  return found == exchanges_.end() ? nullptr : found->second;
}

void H2ServerConnection::on_request(http::StreamId id, http::Request&& request) {
  idle_timer_.cancel();
  auto exchange = std::make_unique<H2ServerExchange>(*this, id, std::move(request));
  exchanges_.emplace(id, exchange.get());
  fresh_.push_back(std::move(exchange));
}

void H2ServerConnection::on_body(http::StreamId id, std::string_view data) {
  if (H2ServerExchange* exchange = find(id)) exchange->received(data);
}

void H2ServerConnection::on_end(http::StreamId id, http::Fields&& trailers) {
  if (H2ServerExchange* exchange = find(id)) exchange->ended(std::move(trailers));
}

void H2ServerConnection::on_reset(http::StreamId id, std::uint32_t, bool) {
  if (H2ServerExchange* exchange = find(id)) exchange->client_left();
}

void H2ServerConnection::on_drained(http::StreamId id) {
  if (H2ServerExchange* exchange = find(id)) exchange->drained();
}

// Handlers start outside of the session's callbacks, with what of their bodies came along.
void H2ServerConnection::start_fresh() {
  std::vector<std::unique_ptr<H2ServerExchange>> fresh = std::exchange(fresh_, {});
  for (std::unique_ptr<H2ServerExchange>& exchange : fresh) handlers_.spawn(handle(std::move(exchange)));
}

net::Task<> H2ServerConnection::handle(std::unique_ptr<H2ServerExchange> exchange) {
  const http::StreamId id = exchange->id();
  if (!exchange->gone()) co_await handler_(*exchange);
  exchange->finish();
  exchanges_.erase(id);
  pump_.session().work_done(id);
  abandoned_.push_back(id);
  pump_.flush_later();
  if (exchanges_.empty()) note_idle();
}

void H2ServerConnection::note_idle() { pump_.loop().arm(idle_timer_, pump_.loop().in(options_.idle_timeout)); }

void H2ServerConnection::idle_too_long(void* self) {
  auto& connection = *static_cast<H2ServerConnection*>(self);
  connection.pump_.session().goaway(http::h2_error::kNone);
  connection.pump_.flush_later();
}

// A head comes within `head_timeout` from its first byte on, whatever else goes on; nothing can be told in its midst.
void H2ServerConnection::note_unfinished() {
  const std::uint64_t unfinished = pump_.session().unfinished();
  if (unfinished == unfinished_) return;
  unfinished_ = unfinished;
  if (unfinished == 0)
    unfinished_timer_.cancel();
  else
    pump_.loop().arm(unfinished_timer_, pump_.loop().in(options_.head_timeout));
}

void H2ServerConnection::unfinished_too_long(void* self) {
  auto& connection = *static_cast<H2ServerConnection*>(self);
  connection.pump_.session().end("a frame or a field block does not come in time");
  connection.pump_.flush_later();
}

// A peer that never opens its window must not keep finished answers for ever.
void H2ServerConnection::note_lingering() {
  const net::SteadyTime until = pump_.loop().in(options_.write_timeout).time();
  for (const http::StreamId id : std::exchange(abandoned_, {})) {
    if (pump_.session().sending(id)) lingering_.emplace_back(id, until);
  }
  if (!lingering_.empty() && !linger_timer_.armed()) {
    pump_.loop().arm(linger_timer_, net::Deadline(lingering_.front().second));
  }
}

void H2ServerConnection::lingered_too_long(void* self) {
  auto& connection = *static_cast<H2ServerConnection*>(self);
  auto& lingering = connection.lingering_;
  while (!lingering.empty() && lingering.front().second <= connection.pump_.loop().now()) {
    connection.pump_.session().reset(lingering.front().first, http::h2_error::kCancel);
    lingering.pop_front();
  }
  connection.pump_.flush_later();
  connection.note_lingering();
}

}  // namespace bulkhead::proxy
