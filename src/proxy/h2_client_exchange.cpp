#include <algorithm>
#include <utility>

#include "proxy/h2_client.hpp"

namespace bulkhead::proxy {

H2ClientExchange::H2ClientExchange(std::shared_ptr<H2ClientConnection> connection)
    : connection_(std::move(connection)), changed_(connection_->pump_.loop()) {
  ++connection_->load_;
}

H2ClientExchange::~H2ClientExchange() {
  const bool whole = request_ended_ && response_ended_;
  if (id_ != 0) {
    // What was handed out and not given back still holds the connection's window.
    session().consume(id_, held_.size() + inbound_.size());
    if (!whole && !fault_) session().reset(id_, http::h2_error::kCancel);
    connection_->exchanges_.erase(id_);
    connection_->pump_.flush_later();
  }
  --connection_->load_;
  connection_->leave();
}

net::Task<Result<>> H2ClientExchange::send_head(const http::Request& request, bool end, net::Deadline deadline) {
  if (fault_) co_return fail(*fault_);
  if (id_ != 0) co_return fail(Cause::conflict, "the head was sent already");
  while (!request.protocol.empty() && !session().peer_settings_received() && !connection_->over_) {
    const Result<> told = co_await connection_->settings_.wait(deadline);
    if (!told) co_return told;
  }
  if (connection_->over_) co_return fail(Cause::closed, "the HTTP/2 connection ended");
  const Result<http::StreamId> id = session().submit_request(request, end);
  if (!id) co_return fail(id.error());
  id_ = *id;
  request_ended_ = end;
  if (request.protocol.empty()) left_ = request.content_length;
  connection_->exchanges_.emplace(id_, this);
  connection_->pump_.flush_later();
  never_sent_ = false;
  co_return Result<>{};
}

net::Task<Result<>> H2ClientExchange::send_body(std::string_view data, bool end, net::Deadline deadline) {
  if (fault_) co_return fail(*fault_);
  if (id_ == 0 || request_ended_) co_return fail(Cause::conflict, "there is no request to be continued");
  if (left_ && (data.size() > *left_ || (end && data.size() < *left_))) {
    reset(ResetReason::internal);
    co_return fail(Cause::protocol, "the request's body is not as long as its content-length");
  }
  if (left_) *left_ -= data.size();
  while (!data.empty()) {
    const std::size_t room = session().send_room(id_);
    if (room == 0) {
      const net::Deadline limit = std::min(deadline, connection_->pump_.loop().in(connection_->options_.write_timeout));
      const Result<> woken = co_await changed_.wait(limit);
      if (fault_) co_return fail(*fault_);
      if (!woken) co_return fail(Cause::timeout, "the upstream does not take the request's body");
      continue;
    }
    const std::string_view piece = data.substr(0, room);
    data.remove_prefix(piece.size());
    request_ended_ = end && data.empty();
    session().send_body(id_, piece, request_ended_);
    connection_->pump_.flush_later();
  }
  if (end && !request_ended_) {
    request_ended_ = true;
    session().send_body(id_, {}, true);
    connection_->pump_.flush_later();
  }
  co_return Result<>{};
}

net::Task<Result<>> H2ClientExchange::send_trailers(http::Fields trailers) {
  if (fault_) co_return fail(*fault_);
  if (id_ == 0 || request_ended_) co_return fail(Cause::conflict, "there is no request to be continued");
  if (left_.value_or(0) > 0) {
    reset(ResetReason::internal);
    co_return fail(Cause::protocol, "the request's body is not as long as its content-length");
  }
  request_ended_ = true;
  session().send_trailers(id_, trailers);
  connection_->pump_.flush_later();
  co_return Result<>{};
}

net::Task<Result<http::Response>> H2ClientExchange::read_head(net::Deadline deadline) {
  while (!head_) {
    if (fault_) co_return fail(*fault_);
    const Result<> woken = co_await changed_.wait(deadline);
    if (!woken) co_return fail(woken.error());
  }
  http::Response response = std::move(*head_);
  head_.reset();
  if (!more_heads_.empty()) {
    head_ = std::move(more_heads_.front());
    more_heads_.erase(more_heads_.begin());
  }
  co_return response;
}

net::Task<Result<BodyPart>> H2ClientExchange::read_body(net::Deadline deadline) {
  if (!held_.empty()) {
    session().consume(id_, held_.size());
    connection_->pump_.flush_later();
    held_.clear();
  }
  while (inbound_.empty() && !response_ended_) {
    if (fault_) co_return fail(*fault_);
    const Result<> woken = co_await changed_.wait(deadline);
    if (!woken) co_return fail(woken.error());
  }
  std::swap(held_, inbound_);
  co_return BodyPart{held_, response_ended_};
}

void H2ClientExchange::reset(ResetReason reason) {
  if (fault_) return;
  fault_ = Fault{Cause::closed, "the exchange was reset"};
  if (id_ != 0) {
    session().reset(id_, h2_code_of(reason));
    connection_->pump_.flush_later();
  }
  changed_.notify_all();
}

// Interim heads that nobody reads are bounded: a server may say little before it answers.
void H2ClientExchange::head_received(http::Response&& response) {
  constexpr std::size_t kHeads = 16;
  heard_ = true;
  if (more_heads_.size() >= kHeads - 1) return reset(ResetReason::protocol);
  if (head_)
    more_heads_.push_back(std::move(response));
  else
    head_ = std::move(response);
  changed_.notify_all();
}

void H2ClientExchange::received(std::string_view data) {
  keep_piece(data, inbound_);
  changed_.notify_all();
}

void H2ClientExchange::ended(http::Fields&& trailers) {
  response_ended_ = true;
  trailers_ = std::move(trailers);
  changed_.notify_all();
}

void H2ClientExchange::failed(Fault fault, bool never_processed) {
  if (fault_) return;
  fault_ = std::move(fault);
  never_sent_ = never_processed && !heard_;
  changed_.notify_all();
}

}  // namespace bulkhead::proxy
