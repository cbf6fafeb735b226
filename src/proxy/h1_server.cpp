#include "proxy/h1_server.hpp"

#include <algorithm>
#include <utility>

#include "proxy/h2_server.hpp"

namespace bulkhead::proxy {
namespace {

using Kind = http::H1Step::Kind;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kLingerBytes = 1U << 20U;

}  // namespace

net::Task<Result<>> serve(net::Stream stream, const Handler& handler, const ServerOptions& options,
                          net::Event& shutdown) {
  if (options.http2 && stream.is_tls() && stream.alpn() == "h2") {
    co_return co_await serve_h2(std::move(stream), {}, handler, options, shutdown);
  }
  const bool may_be_http2 = options.http2 && !stream.is_tls();
  auto connection = std::make_unique<H1ServerConnection>(std::move(stream), handler, options, shutdown);
  std::optional<H1ServerConnection::Handover> handover = co_await connection->run(may_be_http2);
  connection.reset();
  if (!handover) co_return {};
  co_return co_await serve_h2(std::move(handover->stream), std::move(handover->bytes), handler, options, shutdown);
}

H1ServerConnection::H1ServerConnection(net::Stream stream, const Handler& handler, const ServerOptions& options,
                                       net::Event& shutdown)
    : channel_(std::move(stream)),
      handler_(handler),
      options_(options),
      shutdown_(shutdown),
      decoder_(http::H1Decoder::Role::request, options.fields),
      gate_(channel_.loop()) {}

net::Task<> H1ServerConnection::watch_shutdown() {
  const Result<> set = co_await shutdown_.wait(net::Deadline::never());
  if (!set) co_return;
  draining_ = true;
  if (options_.drain_idle > net::Duration(0))
    co_await net::sleep(channel_.loop(), channel_.loop().in(options_.drain_idle));
  if (idle_) channel_.stream().close();
}

net::Task<std::optional<H1ServerConnection::Handover>> H1ServerConnection::run(bool may_be_http2) {
  draining_ = shutdown_.is_set();
  if (!draining_) gate_.spawn(watch_shutdown());
  while (true) {
    const Begin begin = co_await await_request(may_be_http2);
    if (begin == Begin::over) co_return std::nullopt;
    if (begin == Begin::http2) {
      std::string bytes(channel_.received());
      co_return Handover{std::move(channel_.stream()), std::move(bytes)};
    }
    may_be_http2 = false;
    const bool read = co_await read_head();
    if (!read) co_return std::nullopt;
    const bool again = co_await serve_one();
    if (!again) co_return std::nullopt;
    decoder_.next();
  }
}

net::Task<H1ServerConnection::Begin> H1ServerConnection::await_request(bool may_be_http2) {
  if (channel_.received().empty()) {
    if (draining_ && options_.drain_idle == net::Duration(0)) co_return Begin::over;
    channel_.release();
    const net::Deadline deadline = channel_.loop().in(draining_ ? options_.drain_idle : options_.idle_timeout);
    idle_ = true;
    const Result<> ready = co_await channel_.stream().wait_readable(deadline);
    if (!ready) co_return Begin::over;
    // Readiness may be a false alarm: until a byte is here the connection is idle.
    const Result<std::size_t> size = co_await channel_.fill(deadline);
    idle_ = false;
    if (!size || *size == 0) co_return Begin::over;
  }
  if (!may_be_http2) co_return Begin::request;
  const net::Deadline deadline = channel_.loop().in(options_.head_timeout);
  while (kPreface.starts_with(channel_.received().substr(0, kPreface.size()))) {
    if (channel_.received().size() >= kPreface.size()) co_return Begin::http2;
    const Result<std::size_t> size = co_await channel_.fill(deadline);
    if (!size || *size == 0) co_return Begin::over;
  }
  co_return Begin::request;
}

net::Task<bool> H1ServerConnection::read_head() {
  const net::Deadline deadline = channel_.loop().in(options_.head_timeout);
  while (true) {
    const http::H1Step step = decoder_.decode(channel_.received());
    channel_.consume(step.consumed);
    if (step.kind == Kind::head) co_return true;
    if (step.kind == Kind::refused) {
      co_await refuse(decoder_.refusal());
      co_return false;
    }
    const Result<std::size_t> size = co_await channel_.fill(deadline);
    if (!size && size.error().cause == Cause::timeout) {
      co_await refuse({408, "the request's head did not come in time"});
    }
    if (!size || *size == 0) co_return false;
  }
}

net::Task<> H1ServerConnection::refuse(http::Refusal refusal) {
  http::Response response;
  response.status = refusal.status;
  response.fields.add("content-type", "text/plain");
  const std::string text = refusal.reason + "\n";
  response.content_length = text.size();
  response.body = true;
  http::encode_response(response, {.keep_alive = false}, {}, channel_.out());
  const Result<> written = co_await channel_.write(text, {}, channel_.loop().in(options_.write_timeout));
  if (written) co_await linger();
}

net::Task<bool> H1ServerConnection::serve_one() {
  H1ServerExchange exchange(*this);
  co_await handler_(exchange);
  const bool again = co_await exchange.finish();
  co_return again;
}

// Ends our side and reads what still comes, lest the kernel's reset overtake the answer (RFC 9112 §9.6).
net::Task<> H1ServerConnection::linger() {
  const net::Deadline deadline = channel_.loop().in(options_.drain_time);
  const Result<> ended = co_await channel_.stream().shutdown_write(deadline);
  if (!ended) co_return;
  std::size_t total = 0;
  while (total < kLingerBytes) {
    channel_.consume(channel_.received().size());
    const Result<std::size_t> size = co_await channel_.fill(deadline);
    if (!size || *size == 0) co_return;
    total += *size;
  }
}

}  // namespace bulkhead::proxy
