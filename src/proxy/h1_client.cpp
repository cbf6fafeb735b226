#include "proxy/h1_client.hpp"

#include <algorithm>
#include <utility>

#include "http/hop.hpp"
#include "proxy/websocket_key.hpp"

namespace bulkhead::proxy {
namespace {

using Kind = http::H1Step::Kind;
using http::H1Framing;

}  // namespace

H1ClientExchange::H1ClientExchange(std::unique_ptr<H1ClientConnection> connection, net::Duration write_timeout,
                                   GiveBack give_back)
    : connection_(std::move(connection)), write_timeout_(write_timeout), give_back_(std::move(give_back)) {
  connection_->channel.forget_wrote();
}

H1ClientExchange::~H1ClientExchange() {
  if (!reusable()) {
    if (!response_ended_) reset(ResetReason::cancelled);
    connection_.reset();
  }
  give_back_(this, std::move(connection_));
}

// A whole exchange, or none at all, on a connection that goes on and has said nothing that was not asked.
bool H1ClientExchange::reusable() const {
  if (broken_ || tunnel_ || !connection_->channel.received().empty()) return false;
  if (!head_sent_) return true;
  return request_ended_ && response_ended_ && connection_->decoder.keep_alive();
}

// Not by an orderly end, which could mean that we still wait for the answer.
void H1ClientExchange::reset(ResetReason) {
  if (broken_) return;
  broken_ = true;
  connection_->channel.stream().reset();
}

void H1ClientExchange::encode(const http::Request& request, bool end) {
  std::string& out = connection_->channel.out();
  const bool websocket = request.protocol == "websocket";
  const bool tunnel = !request.protocol.empty();
  if (!websocket && (tunnel || request.body != end)) {
    framing_ = http::encode_request(request, out);
    return;
  }
  http::Request adapted = request;
  adapted.body = !end && !tunnel;
  if (websocket) {
    websocket_key_ = make_websocket_key();
    adapted.fields.set("Sec-WebSocket-Key", websocket_key_);
    if (!adapted.fields.has("sec-websocket-version")) adapted.fields.add("Sec-WebSocket-Version", "13");
  }
  framing_ = http::encode_request(adapted, out);
}

net::Task<Result<>> H1ClientExchange::send_head(const http::Request& request, bool end, net::Deadline deadline) {
  H1Channel& channel = connection_->channel;
  if (broken_ || head_sent_) co_return fail(Cause::closed, "the exchange is over or has begun");
  if (connection_->reused && !channel.stream().is_idle()) {
    broken_ = true;
    co_return fail(Cause::closed, "the kept connection was closed by the upstream");
  }
  head_sent_ = true;
  connection_->decoder.next();
  connection_->decoder.expect_response_to(request.method, !request.protocol.empty());
  encode(request, end);
  left_ = request.content_length.value_or(0);
  request_ended_ = end;
  if (!end && request.protocol.empty()) {
    channel.flush_later(write_timeout_);
    co_return Result<>{};
  }
  const Result<> sent = co_await channel.write({}, {}, deadline);
  co_return sent;
}

net::Task<Result<>> H1ClientExchange::send_body(std::string_view data, bool end, net::Deadline deadline) {
  H1Channel& channel = connection_->channel;
  if (broken_) co_return fail(Cause::closed, "the exchange was reset");
  if (!head_sent_ || request_ended_) co_return fail(Cause::conflict, "there is no request to be continued");
  std::string_view tail;
  if (tunnel_) {
    if (data.empty() && !end) co_return Result<>{};
  } else if (framing_ == H1Framing::chunked) {
    if (!data.empty()) http::encode_chunk_start(data.size(), channel.out());
    tail = data.empty() ? "" : http::kChunkEnd;
    if (end) tail = data.empty() ? "0\r\n\r\n" : "\r\n0\r\n\r\n";
  } else {
    if (data.size() > left_ || (end && data.size() < left_)) {
      reset(ResetReason::internal);
      co_return fail(Cause::protocol, "the request's body is not as long as its content-length");
    }
    left_ -= data.size();
  }
  request_ended_ = end;
  const Result<> sent = co_await channel.write(data, tail, std::min(deadline, channel.loop().in(write_timeout_)));
  if (!sent || !end || !tunnel_) co_return sent;
  const Result<> ended = co_await channel.stream().shutdown_write(deadline);
  co_return ended;
}

net::Task<Result<>> H1ClientExchange::send_trailers(http::Fields trailers) {
  const net::Deadline deadline = connection_->channel.loop().in(write_timeout_);
  if (broken_ || tunnel_ || request_ended_ || framing_ != H1Framing::chunked) {
    const Result<> ended = co_await send_body({}, true, deadline);
    co_return ended;
  }
  request_ended_ = true;
  http::encode_last_chunk(trailers, connection_->channel.out());
  const Result<> sent = co_await connection_->channel.write({}, {}, deadline);
  co_return sent;
}

// `ended` tells the peer's end, which may be the body's.
net::Task<Result<>> H1ClientExchange::fill(net::Deadline deadline, bool& ended) {
  const Result<std::size_t> size = co_await connection_->channel.fill(deadline);
  if (!size) {
    broken_ = true;
    co_return fail(size.error());
  }
  heard_ = heard_ || *size > 0;
  ended = *size == 0;
  co_return Result<>{};
}

net::Task<Result<http::Response>> H1ClientExchange::read_head(net::Deadline deadline) {
  H1ClientConnection& connection = *connection_;
  if (broken_ || !head_sent_ || head_read_) co_return fail(Cause::closed, "no answer is to come");
  while (true) {
    const http::H1Step step = connection.decoder.decode(connection.channel.received());
    connection.channel.consume(step.consumed);
    if (step.kind == Kind::refused) {
      broken_ = true;
      co_return fail(Cause::protocol, "{}", connection.decoder.refusal().reason);
    }
    if (step.kind == Kind::head) {
      http::Response response = std::move(connection.decoder.response());
      connection.decoder.response() = {};
      const Result<> taken = take_answer(response);
      if (!taken) co_return fail(taken.error());
      co_return response;
    }
    bool ended = false;
    const Result<> filled = co_await fill(deadline, ended);
    if (!filled) co_return fail(filled.error());
    if (!ended) continue;
    broken_ = true;
    co_return fail(Cause::closed, "the upstream closed the connection before its answer");
  }
}

Result<> H1ClientExchange::take_answer(http::Response& response) {
  head_read_ = !response.interim();
  tunnel_ = response.status == 101;
  if (tunnel_ && !websocket_key_.empty()) {
    const std::string expected = accept_websocket_key(websocket_key_);
    if (response.fields.find("sec-websocket-accept").value_or("") != expected) {
      broken_ = true;
      return fail(Cause::protocol, "the upstream's Sec-WebSocket-Accept does not answer our key");
    }
    response.fields.remove("sec-websocket-accept");
  }
  http::strip_hop_by_hop(response.fields);
  if (head_read_ && !response.body) {
    const http::H1Step step = connection_->decoder.decode(connection_->channel.received());
    connection_->channel.consume(step.consumed);
    response_ended_ = step.kind == Kind::end;
  }
  return {};
}

Result<BodyPart> H1ClientExchange::next_part(bool& need_more) {
  need_more = false;
  H1ClientConnection& connection = *connection_;
  const http::H1Step step = connection.decoder.decode(connection.channel.received());
  connection.channel.consume(step.consumed);
  if (step.kind == Kind::refused) {
    broken_ = true;
    return fail(Cause::protocol, "{}", connection.decoder.refusal().reason);
  }
  if (step.kind == Kind::end) {
    response_ended_ = true;
    return BodyPart{{}, true};
  }
  if (step.kind != Kind::body) {
    need_more = true;
    return BodyPart{};
  }
  const http::H1Step then = connection.decoder.decode(connection.channel.received());
  connection.channel.consume(then.consumed);
  response_ended_ = then.kind == Kind::end;
  if (then.kind == Kind::body) held_ = then.body;
  return BodyPart{step.body, response_ended_};
}

net::Task<Result<BodyPart>> H1ClientExchange::read_body(net::Deadline deadline) {
  if (tunnel_) {
    Result<BodyPart> part = co_await read_tunnel(deadline);
    co_return part;
  }
  if (!held_.empty()) co_return BodyPart{std::exchange(held_, {}), false};
  while (true) {
    if (response_ended_) co_return BodyPart{{}, true};
    if (broken_ || !head_read_) co_return fail(Cause::closed, "the exchange was reset");
    bool need_more = false;
    Result<BodyPart> part = next_part(need_more);
    if (!part || !need_more) co_return part;
    bool ended = false;
    const Result<> filled = co_await fill(deadline, ended);
    if (!filled) co_return fail(filled.error());
    if (!ended) continue;
    const http::H1Step last = connection_->decoder.finish(connection_->channel.received().size());
    response_ended_ = last.kind == Kind::end;
    broken_ = true;
    if (!response_ended_) co_return fail(Cause::closed, "the upstream closed the connection within its answer");
  }
}

net::Task<Result<BodyPart>> H1ClientExchange::read_tunnel(net::Deadline deadline) {
  H1Channel& channel = connection_->channel;
  if (broken_) co_return fail(Cause::closed, "the exchange was reset");
  if (channel.received().empty() && !response_ended_) {
    const Result<> filled = co_await fill(deadline, response_ended_);
    if (!filled) co_return fail(filled.error());
  }
  const std::string_view data = channel.received();
  channel.consume(data.size());
  co_return BodyPart{data, data.empty()};
}

}  // namespace bulkhead::proxy
