#include "http/h2_session.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "http/h2_impl.hpp"

namespace bulkhead::http {

H2Session::Impl::Impl(Role role, const H2Limits& limits, H2Events& events)
    : role_(role),
      limits_(limits),
      events_(events),
      preface_left_(role == Role::server ? h2::kPreface.size() : 0),
      resets_left_(limits.resets),
      control_left_(limits.control_frames) {
  queue_first_settings();
}

bool H2Session::Impl::accepts_streams() const {
  return role_ == Role::client && state_ && !terminated_ && !goaway_sent_ && !goaway_received_ &&
         next_id_ <= h2::kMaxStream - 2;
}

bool H2Session::Impl::want_write() const {
  return !queue_.empty() || (!terminated_ && send_window_ > 0 && !waiting_.empty());
}

bool H2Session::Impl::finished() const {
  const bool ending = goaway_sent_ || goaway_received_;
  return !want_write() && (terminated_ || (ending && streams_.size() == 0));
}

H2Session::H2Session(Role role, const H2Limits& limits, H2Events& events)
    : impl_(std::make_unique<Impl>(role, limits, events)) {}
H2Session::~H2Session() = default;

Result<> H2Session::receive(std::string_view bytes) { return impl_->receive(bytes); }
std::uint64_t H2Session::unfinished() const { return impl_->unfinished(); }
void H2Session::end(std::string_view why) { impl_->break_connection(h2_error::kCalm, why); }
bool H2Session::want_write() const { return impl_->want_write(); }
void H2Session::pull_output(std::string& out, std::size_t limit) { impl_->pull_output(out, limit); }
bool H2Session::finished() const { return impl_->finished(); }

Result<StreamId> H2Session::submit_request(const Request& request, bool end) {
  if (open_streams() >= peer_max_streams()) {
    return fail(Cause::exhausted, "the peer's limit of {} streams is reached", peer_max_streams());
  }
  return impl_->submit_request(request, end);
}

std::size_t H2Session::open_streams() const { return impl_->streams_.size(); }
std::uint32_t H2Session::peer_max_streams() const { return impl_->settings_received_ ? impl_->peer_max_streams_ : 100; }
bool H2Session::peer_settings_received() const { return impl_->settings_received_; }
bool H2Session::peer_allows_extended_connect() const { return impl_->peer_connect_; }
bool H2Session::accepts_streams() const { return impl_->accepts_streams(); }

Result<> H2Session::submit_response(StreamId stream, const Response& response, bool end) {
  Impl::Stream* found = impl_->live(stream);
  if (found == nullptr) return fail(Cause::closed, "the stream has ended");
  return impl_->submit_response(*found, response, end);
}

void H2Session::send_body(StreamId stream, std::string_view data, bool end) {
  Impl::Stream* found = impl_->live(stream);
  if (found != nullptr) impl_->send_body(*found, data, end);
}

void H2Session::send_trailers(StreamId stream, const Fields& trailers) {
  Impl::Stream* found = impl_->live(stream);
  if (found != nullptr) impl_->send_trailers(*found, trailers);
}

std::size_t H2Session::send_room(StreamId stream) const {
  const Impl::Stream* found = impl_->live(stream);
  if (found == nullptr || found->pending() >= impl_->limits_.send_buffer) return 0;
  return found->wants_room ? 0 : impl_->limits_.send_buffer - found->pending();
}

void H2Session::consume(StreamId stream, std::size_t size) {
  Impl::Stream* found = impl_->live(stream);
  if (found == nullptr) return;
  const std::size_t given = std::min(size, found->unconsumed);
  found->unconsumed -= given;
  impl_->give_back(*found, given);
}

void H2Session::reset(StreamId stream, std::uint32_t code) {
  Impl::Stream* found = impl_->find(stream);
  if (found != nullptr) impl_->reset(*found, code);
}

void H2Session::abandon(StreamId stream) {
  Impl::Stream* found = impl_->live(stream);
  if (found != nullptr) impl_->abandon(*found);
}

bool H2Session::sending(StreamId stream) const {
  const Impl::Stream* found = impl_->find(stream);
  if (found != nullptr) return !found->local_ended || found->last_at > impl_->pulled_;
  return std::ranges::find(impl_->leaving_, stream) != impl_->leaving_.end();
}

bool H2Session::request_sent(StreamId stream) const {
  const Impl::Stream* found = impl_->find(stream);
  return found == nullptr || found->head_at <= impl_->pulled_;
}

void H2Session::work_done(StreamId stream) {
  Impl::Stream* found = impl_->find(stream);
  if (found != nullptr) {
    found->work_done = true;
  } else if (impl_->busy_ > 0) {
    --impl_->busy_;
  }
}

void H2Session::shutdown_notice() {
  if (!impl_->terminated_) impl_->queue_goaway(h2::kMaxStream, h2_error::kNone);
}

void H2Session::goaway(std::uint32_t code) {
  if (code != h2_error::kNone) return impl_->terminate(code);
  if (impl_->terminated_) return;
  impl_->goaway_sent_ = true;
  impl_->last_taken_ = std::min(impl_->last_taken_, impl_->newest_);
  impl_->queue_goaway(impl_->last_taken_, code);
}

void H2Session::ping(std::uint64_t opaque) {
  std::array<char, 8> bytes{};
  std::memcpy(bytes.data(), &opaque, bytes.size());
  h2::append_head({8, h2::kPing, 0, 0}, impl_->queue_);
  impl_->queue_.append(bytes.data(), bytes.size());
}

void H2Session::refill_budgets() {
  const H2Limits& limits = impl_->limits_;
  impl_->resets_left_ = std::min(impl_->resets_left_ + limits.resets / 4 + 1, limits.resets);
  impl_->control_left_ = std::min(impl_->control_left_ + limits.control_frames / 4 + 1, limits.control_frames);
}

}  // namespace bulkhead::http
