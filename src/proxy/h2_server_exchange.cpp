#include <algorithm>
#include <utility>

#include "http/grpc.hpp"
#include "http/hop.hpp"
#include "proxy/h2_server.hpp"

namespace bulkhead::proxy {

H2ServerExchange::H2ServerExchange(H2ServerConnection& connection, http::StreamId id, http::Request&& request)
    : connection_(connection),
      id_(id),
      loop_(connection.pump_.loop()),
      request_(std::move(request)),
      head_request_(request_.method == "HEAD"),
      tunnel_asked_(!request_.protocol.empty()),
      sized_(request_.content_length.has_value()),
      rests_(tunnel_asked_ || (request_.body && !sized_ && http::is_grpc(request_.fields))),
      wants_continue_(request_.expect_continue),
      changed_(loop_) {}

std::optional<Fault> H2ServerExchange::fault() const {
  if (reset_) return Fault{Cause::closed, "the exchange was reset"};
  if (gone_) return Fault{Cause::closed, "the client has gone away"};
  return std::nullopt;
}

void H2ServerExchange::received(std::string_view data) {
  keep_piece(data, inbound_);
  body_bytes_ += data.size();
  changed_.notify_all();
}

void H2ServerExchange::ended(http::Fields&& trailers) {
  request_ended_ = true;
  trailers_ = std::move(trailers);
  changed_.notify_all();
}

void H2ServerExchange::client_left() {
  if (gone_ || reset_) return;
  gone_ = true;
  changed_.notify_all();
  if (on_gone_) std::exchange(on_gone_, nullptr)();
}

void H2ServerExchange::on_gone(std::function<void()> callback) {
  on_gone_ = std::move(callback);
  if (gone_ && on_gone_) std::exchange(on_gone_, nullptr)();
}

// An upload may not rest longer than the minimum rate allows; a conversation (gRPC, a tunnel, a body without a length
// whose answer has begun) may, as long as the handler lets it.
net::Deadline H2ServerExchange::body_limit(net::Deadline deadline) const {
  const ServerOptions& options = connection_.options_;
  const bool unsized_rests = !sized_ && (head_sent_ || options.unsized_may_rest);
  if (rests_ || unsized_rests || options.min_body_rate == 0) return deadline;
  const auto earned = std::chrono::milliseconds(body_bytes_ * 1000 / options.min_body_rate);
  return std::min(deadline, loop_.in(options.body_grace + earned - waited_));
}

net::Task<Result<BodyPart>> H2ServerExchange::read_body(net::Deadline deadline) {
  if (!held_.empty()) {
    session().consume(id_, held_.size());
    connection_.pump_.flush_later();
    held_.clear();
  }
  while (true) {
    if (const auto broken = fault()) co_return fail(*broken);
    const bool held_back = tunnel_asked_ && !head_sent_;
    if (!held_back && !inbound_.empty()) {
      std::swap(held_, inbound_);
      co_return BodyPart{held_, request_ended_};
    }
    if (!held_back && request_ended_) co_return BodyPart{{}, true};
    if (wants_continue_ && !head_sent_) {
      wants_continue_ = false;
      const http::Response go_on{.status = 100, .fields = {}};
      const Result<> sent = session().submit_response(id_, go_on, false);
      if (sent) connection_.pump_.flush_later();
    }
    const net::SteadyTime before = loop_.now();
    const Result<> woken = co_await changed_.wait(body_limit(deadline));
    waited_ += loop_.now() - before;
    if (!woken) co_return fail(Cause::timeout, "the request's body comes too slowly");
  }
}

net::Task<Result<>> H2ServerExchange::send_informational(http::Response response) {
  if (const auto broken = fault()) co_return fail(*broken);
  if (head_sent_) co_return Result<>{};
  if (response.status == 100) wants_continue_ = false;
  http::strip_hop_by_hop(response.fields);
  const Result<> sent = session().submit_response(id_, response, false);
  connection_.pump_.flush_later();
  co_return sent;
}

net::Task<Result<>> H2ServerExchange::send_head(http::Response response, bool end) {
  if (const auto broken = fault()) co_return fail(*broken);
  if (head_sent_) co_return fail(Cause::conflict, "the head was sent already");
  if (response.status == 101 && !tunnel_asked_) co_return fail(Cause::conflict, "101 without a request to switch");
  head_sent_ = true;
  bodiless_ = response.status != 101 && !http::response_may_have_body(head_request_ ? "HEAD" : "", response.status);
  if (!bodiless_ && response.status != 101) left_ = response.content_length;
  response_ended_ = end;
  const Result<> sent = session().submit_response(id_, response, end);
  connection_.pump_.flush_later();
  changed_.notify_all();
  co_return sent;
}

Result<> H2ServerExchange::take_from_length(std::size_t size, bool end) {
  if (!left_) return {};
  if (size > *left_ || (end && size < *left_)) {
    reset(ResetReason::internal);
    return fail(Cause::protocol, "the answer's body is not as long as its content-length");
  }
  *left_ -= size;
  return {};
}

net::Task<Result<>> H2ServerExchange::send_body(std::string_view data, bool end, net::Deadline deadline) {
  if (const auto broken = fault()) co_return fail(*broken);
  if (!head_sent_ || response_ended_) co_return fail(Cause::conflict, "there is no answer to be continued");
  if (bodiless_) data = {};
  const Result<> length = take_from_length(data.size(), end);
  if (!length) co_return length;
  while (!data.empty()) {
    const std::size_t room = session().send_room(id_);
    if (room == 0) {
      const net::Deadline limit = std::min(deadline, loop_.in(connection_.options_.write_timeout));
      const Result<> woken = co_await changed_.wait(limit);
      if (!woken) co_return fail(Cause::timeout, "the client does not take the answer's body");
      if (const auto broken = fault()) co_return fail(*broken);
      continue;
    }
    const std::string_view piece = data.substr(0, room);
    data.remove_prefix(piece.size());
    const bool last = end && data.empty();
    response_ended_ = last;
    session().send_body(id_, piece, last);
    connection_.pump_.flush_later();
  }
  if (end && !response_ended_) {
    response_ended_ = true;
    session().send_body(id_, {}, true);
    connection_.pump_.flush_later();
  }
  co_return Result<>{};
}

net::Task<Result<>> H2ServerExchange::send_trailers(http::Fields trailers) {
  if (const auto broken = fault()) co_return fail(*broken);
  if (!head_sent_ || response_ended_) co_return fail(Cause::conflict, "there is no answer to be continued");
  const Result<> length = take_from_length(0, true);
  if (!length) co_return length;
  response_ended_ = true;
  session().send_trailers(id_, trailers);
  connection_.pump_.flush_later();
  co_return Result<>{};
}

void H2ServerExchange::reset(ResetReason reason) {
  if (reset_) return;
  reset_ = true;
  on_gone_ = nullptr;
  session().reset(id_, h2_code_of(reason));
  connection_.pump_.flush_later();
  changed_.notify_all();
}

void H2ServerExchange::finish() {
  on_gone_ = nullptr;
  if (gone_ || reset_) return;
  if (response_ended_) {
    session().abandon(id_);
  } else {
    reset(ResetReason::internal);
  }
}

}  // namespace bulkhead::proxy
