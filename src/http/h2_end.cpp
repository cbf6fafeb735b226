// How streams and connections end, and the budgets against those that make it end too many.

#include <algorithm>

#include "http/h2_impl.hpp"

namespace bulkhead::http {

using Impl = H2Session::Impl;

void Impl::spend(std::uint32_t& budget, std::string_view what) {
  if (budget == 0) {
    give_up(what);
  } else {
    --budget;
  }
}

// Nothing is told any more; the GOAWAY is for pull_output.
void Impl::give_up(std::string_view why) {
  if (!state_) return;
  terminate(h2_error::kCalm);
  state_ = fail(Cause::exhausted, "HTTP/2: {}", why);
}

void Impl::break_connection(std::uint32_t code, std::string_view why) {
  if (!state_) return;
  terminate(code);
  state_ = fail(Cause::protocol, "HTTP/2: {}", why);
}

void Impl::terminate(std::uint32_t code) {
  if (terminated_) return;
  terminated_ = true;
  queue_goaway(std::min(newest_, last_taken_), code);  // it may not grow (RFC 9113 §6.8)
}

// Ends a stream whose peer broke a rule. That costs the peer as much as a reset of its own (CVE-2025-8671).
void Impl::fail_stream(StreamId id, std::uint32_t code) {
  if (role_ == Role::server) spend(resets_left_, "too many broken streams");
  if (!state_) return;
  Stream* stream = find(id);
  const bool tell = stream != nullptr && !stream->abandoned && told(*stream);
  queue_rst_stream(id, code);
  if (stream != nullptr) close(*stream);
  if (tell) events_.on_reset(id, code, false);
}

void Impl::close_if_done(StreamId id) {
  Stream* stream = find(id);
  if (stream == nullptr || !stream->remote_ended || !stream->local_ended) return;
  remember(id, h2::HowEnded::whole);
  resets_left_ = std::min(resets_left_ + 1, limits_.resets);
  close(*stream);
}

void Impl::close(Stream& stream) {
  widened_ -= stream.window - limits_.stream_window;
  if (stream.work_done) --busy_;
  leaving_.push_back(stream.id);
  streams_.erase(stream.id);
  if (queue_.empty()) rest();
}

void Impl::reset(Stream& stream, std::uint32_t code) {
  queue_rst_stream(stream.id, code);
  close(stream);
}

void Impl::abandon(Stream& stream) {
  stream.abandoned = true;
  if (stream.local_ended && !stream.remote_ended) reset(stream, h2_error::kNone);
}

}  // namespace bulkhead::http
