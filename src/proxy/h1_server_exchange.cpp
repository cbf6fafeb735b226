#include <algorithm>
#include <utility>

#include <poll.h>

#include "http/hop.hpp"
#include "proxy/h1_server.hpp"
#include "proxy/websocket_key.hpp"

namespace bulkhead::proxy {
namespace {

using Kind = http::H1Step::Kind;
using http::H1Framing;

constexpr std::size_t kEarlyBytes = 64U << 10U;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// Whether both sides of a socket have ended. Of TCP that is known only after a reset.
bool hung_up(int socket) {
  pollfd asked{socket, 0, 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

H1ServerExchange::H1ServerExchange(H1ServerConnection& connection)
    : connection_(connection),
      channel_(connection.channel_),
      loop_(channel_.loop()),
      request_(std::move(connection.decoder_.request())),
      version_(request_.version),
      head_request_(request_.method == "HEAD"),
      protocol_(request_.protocol),
      wants_continue_(request_.expect_continue),
      answered_(loop_) {
  if (request_.scheme.empty()) request_.scheme = connection.options_.scheme;
  if (protocol_ == "websocket") {
    websocket_key_ = request_.fields.find("sec-websocket-key").value_or("");
    request_.fields.remove("sec-websocket-key");
  }
  http::strip_hop_by_hop(request_.fields);
  if (!request_.body) {
    const http::H1Step step = connection.decoder_.decode(channel_.received());
    channel_.consume(step.consumed);
    request_ended_ = step.kind == Kind::end;
  }
  if (request_ended_) begin_watch();
}

std::optional<Fault> H1ServerExchange::fault() const {
  if (reset_) return Fault{Cause::closed, "the exchange was reset"};
  if (gone_) return Fault{Cause::closed, "the client has gone away"};
  return std::nullopt;
}

net::Deadline H1ServerExchange::write_deadline() const { return loop_.in(connection_.options_.write_timeout); }

// What the decoder makes of the received bytes; need_more when it makes nothing.
Result<BodyPart> H1ServerExchange::next_part(bool& need_more) {
  need_more = false;
  http::H1Decoder& decoder = connection_.decoder_;
  const http::H1Step step = decoder.decode(channel_.received());
  channel_.consume(step.consumed);
  switch (step.kind) {
    case Kind::refused: {
      keep_alive_ = false;
      return fail(Cause::protocol, "{}", decoder.refusal().reason);
    }
    case Kind::end: {
      request_ended_ = true;
      begin_watch();
      return BodyPart{{}, true};
    }
    case Kind::body: {
      body_bytes_ += step.body.size();
      const http::H1Step then = decoder.decode(channel_.received());
      channel_.consume(then.consumed);
      if (then.kind == Kind::end) {
        request_ended_ = true;
        begin_watch();
        return BodyPart{step.body, true};
      }
      if (then.kind == Kind::body) held_ = then.body;
      if (then.kind == Kind::refused) keep_alive_ = false;
      return BodyPart{step.body, false};
    }
    default: need_more = true; return BodyPart{};
  }
}

// One read of the body, within the deadline and the minimum rate: the longer we have waited in all, the more must have
// come.
net::Task<Result<>> H1ServerExchange::fill(net::Deadline deadline) {
  const ServerOptions& options = connection_.options_;
  net::Deadline limit = deadline;
  if (options.min_body_rate > 0) {
    const auto earned = std::chrono::milliseconds(body_bytes_ * 1000 / options.min_body_rate);
    limit = std::min(deadline, loop_.in(options.body_grace + earned - waited_));
  }
  const net::SteadyTime before = loop_.now();
  const Result<std::size_t> size = co_await channel_.fill(limit);
  waited_ += loop_.now() - before;
  if (size && *size > 0) co_return Result<>{};
  keep_alive_ = false;
  if (!size && size.error().cause == Cause::timeout) {
    co_return fail(Cause::timeout, "the request's body comes too slowly");
  }
  client_left();
  co_return fail(Cause::closed, "the client went away in the middle of the request's body");
}

net::Task<Result<BodyPart>> H1ServerExchange::read_body(net::Deadline deadline) {
  if (!protocol_.empty()) {
    const Result<> answered = co_await answered_.wait(deadline);
    if (!answered) co_return fail(answered.error());
    if (tunnel_) {
      Result<BodyPart> part = co_await read_tunnel(deadline);
      co_return part;
    }
  }
  if (!held_.empty()) co_return BodyPart{std::exchange(held_, {}), false};
  if (request_ended_) co_return BodyPart{{}, true};
  if (wants_continue_ && !head_sent_) {
    const Result<> sent = co_await send_continue();
    if (!sent) co_return fail(sent.error());
  }
  while (true) {
    if (const auto broken = fault()) co_return fail(*broken);
    bool need_more = false;
    Result<BodyPart> part = next_part(need_more);
    if (!part || !need_more) co_return part;
    const Result<> filled = co_await fill(deadline);
    if (!filled) co_return fail(filled.error());
  }
}

net::Task<Result<BodyPart>> H1ServerExchange::read_tunnel(net::Deadline deadline) {
  if (const auto broken = fault()) co_return fail(*broken);
  if (channel_.received().empty() && !peer_ended_) {
    const Result<std::size_t> size = co_await channel_.fill(deadline);
    if (!size) {
      if (size.error().cause != Cause::timeout) client_left();
      co_return fail(size.error());
    }
    peer_ended_ = *size == 0;
  }
  const std::string_view data = channel_.received();
  channel_.consume(data.size());
  co_return BodyPart{data, data.empty()};
}

net::Task<Result<>> H1ServerExchange::send_continue() {
  wants_continue_ = false;
  channel_.out().append(kContinue);
  const Result<> sent = co_await channel_.write({}, {}, write_deadline());
  co_return sent;
}

net::Task<Result<>> H1ServerExchange::send_informational(http::Response response) {
  if (const auto broken = fault()) co_return fail(*broken);
  if (version_ == http::Version::http10 || head_sent_) co_return Result<>{};
  if (response.status == 100) wants_continue_ = false;
  http::encode_response(response, {}, {}, channel_.out());
  const Result<> sent = co_await channel_.write({}, {}, write_deadline());
  co_return sent;
}

net::Task<Result<>> H1ServerExchange::send_head(http::Response response, bool end) {
  if (const auto broken = fault()) co_return fail(*broken);
  if (head_sent_) co_return fail(Cause::conflict, "the head was sent already");
  if (response.status == 101 && protocol_.empty()) co_return fail(Cause::conflict, "101 without a request to switch");
  head_sent_ = true;
  ++sent_;
  tunnel_ = response.status == 101;
  // A client that waits for 100 Continue may send its body or not: nobody can tell where the next request begins.
  const bool body_unsure = !request_ended_ && wants_continue_;
  keep_alive_ = keep_alive_ && connection_.decoder_.keep_alive() && !connection_.draining_ && !body_unsure && !tunnel_;
  response.body = !end;
  if (tunnel_ && !websocket_key_.empty()) {
    response.fields.set("Sec-WebSocket-Accept", accept_websocket_key(websocket_key_));
  }
  framing_ =
      http::encode_response(response, {.client = version_, .head_request = head_request_, .keep_alive = keep_alive_},
                            protocol_, channel_.out());
  left_ = response.content_length.value_or(0);
  if (tunnel_) {
    end_watch();
    channel_.append(std::exchange(early_, {}));
  }
  answered_.set();
  if (!end) {
    channel_.flush_later(connection_.options_.write_timeout);
    co_return Result<>{};
  }
  response_ended_ = true;
  const Result<> sent = co_await channel_.write({}, {}, write_deadline());
  if (!sent) client_left();
  co_return sent;
}

net::Task<Result<>> H1ServerExchange::send_body(std::string_view data, bool end, net::Deadline deadline) {
  if (const auto broken = fault()) co_return fail(*broken);
  if (response_ended_ || !head_sent_) co_return fail(Cause::conflict, "there is no answer to be continued");
  std::string_view tail;
  if (framing_ == H1Framing::none) {
    data = {};
  } else if (framing_ == H1Framing::sized) {
    if (data.size() > left_ || (end && data.size() < left_)) {
      reset(ResetReason::internal);
      co_return fail(Cause::protocol, "the answer's body is not as long as its content-length");
    }
    left_ -= data.size();
  } else if (framing_ == H1Framing::chunked) {
    if (!data.empty()) http::encode_chunk_start(data.size(), channel_.out());
    tail = data.empty() ? "" : http::kChunkEnd;
    if (end) tail = data.empty() ? "0\r\n\r\n" : "\r\n0\r\n\r\n";
  }
  response_ended_ = end;
  sent_ += data.size();
  const Result<> sent = co_await channel_.write(data, tail, std::min(deadline, write_deadline()));
  if (!sent) client_left();
  if (sent && end && tunnel_) {
    const Result<> ended = co_await channel_.stream().shutdown_write(write_deadline());
    co_return ended;
  }
  co_return sent;
}

net::Task<Result<>> H1ServerExchange::send_trailers(http::Fields trailers) {
  if (framing_ != H1Framing::chunked || response_ended_ || fault()) {
    const Result<> ended = co_await send_body({}, true, write_deadline());
    co_return ended;
  }
  response_ended_ = true;
  http::encode_last_chunk(trailers, channel_.out());
  const Result<> sent = co_await channel_.write({}, {}, write_deadline());
  if (!sent) client_left();
  co_return sent;
}

// A client that was told half an answer must not take it for a whole one.
void H1ServerExchange::reset(ResetReason) {
  if (reset_) return;
  reset_ = true;
  keep_alive_ = false;
  on_gone_ = nullptr;
  answered_.set();
  if (response_ended_) return;
  if (head_sent_ && !tunnel_) {
    channel_.stream().reset();
  } else {
    channel_.stream().close();
  }
}

void H1ServerExchange::on_gone(std::function<void()> callback) {
  on_gone_ = std::move(callback);
  if (gone_ && on_gone_) std::exchange(on_gone_, nullptr)();
}

void H1ServerExchange::client_left() {
  if (gone_ || reset_) return;
  gone_ = true;
  keep_alive_ = false;
  answered_.set();
  if (on_gone_) std::exchange(on_gone_, nullptr)();
}

void H1ServerExchange::begin_watch() {
  watch_.emplace(loop_);
  watch_->spawn(watch());
}

void H1ServerExchange::end_watch() { watch_.reset(); }

// While the handler works and nothing more of this request is to come, only the client's end is of interest, and what
// it sends for later (pipelining, a tunnel's first bytes) is held within a bound.
net::Task<> H1ServerExchange::watch() {
  while (early_.size() < kEarlyBytes) {
    const Result<> ready = co_await channel_.stream().wait_readable(net::Deadline::never());
    if (!ready) co_return;
    const std::size_t before = early_.size();
    early_.resize(before + 4096);
    const std::span<char> room(early_.data() + before, early_.size() - before);
    const Result<std::size_t> size = co_await channel_.stream().read(room, net::Deadline::never());
    early_.resize(before + size.value_or(0));
    if (size && *size > 0) continue;
    if (size) co_await outlast_half_close();
    client_left();
    co_return;
  }
}

// A client that ended its side still reads, as far as anyone can tell (RFC 9112 §9.6 ends a side the same way). One
// that is gone is noticed when a write fails, or here, when there has been nothing to write for too long.
net::Task<> H1ServerExchange::outlast_half_close() {
  while (!hung_up(channel_.stream().fd())) {
    const std::uint64_t before = sent_;
    co_await net::sleep(loop_, loop_.in(connection_.options_.half_close_grace));
    if (sent_ == before) co_return;
  }
}

net::Task<bool> H1ServerExchange::drain() {
  const net::Deadline deadline = loop_.in(connection_.options_.drain_time);
  const std::uint64_t limit = body_bytes_ + connection_.options_.drain_bytes;
  held_ = {};
  while (!request_ended_ && body_bytes_ <= limit) {
    const Result<BodyPart> part = co_await read_body(deadline);
    if (!part) co_return false;
  }
  co_return request_ended_;
}

net::Task<bool> H1ServerExchange::finish() {
  on_gone_ = nullptr;
  end_watch();
  if (reset_ || gone_ || !response_ended_) {
    if (!reset_) reset(ResetReason::internal);
    co_return false;
  }
  if (tunnel_) {
    channel_.stream().close();
    co_return false;
  }
  if (keep_alive_ && !request_ended_) {
    keep_alive_ = co_await drain();
    end_watch();
  }
  channel_.append(std::exchange(early_, {}));
  if (!keep_alive_) co_await connection_.linger();
  co_return keep_alive_;
}

}  // namespace bulkhead::proxy
