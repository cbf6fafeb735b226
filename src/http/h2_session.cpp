#include "http/h2_session.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "http/h2_impl.hpp"

namespace bulkhead::http {
namespace {

using Settings = std::vector<nghttp2_settings_entry>;

Settings settings_of(H2Session::Role role, const H2Limits& limits) {
  Settings settings{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.fields.bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  if (role == H2Session::Role::server) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_streams});
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  return settings;
}

struct DeleteOption {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
struct DeleteCallbacks {
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};

std::unique_ptr<nghttp2_option, DeleteOption> options_of(const H2Limits& limits) {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_server_fallback_rfc7540_priorities(option, 1);  // a client of old is held to PRIORITY's rules
  nghttp2_option_set_max_outbound_ack(option, limits.queued_control);
  nghttp2_option_set_max_settings(option, 32);
  nghttp2_option_set_max_continuations(option, 8);
  nghttp2_option_set_stream_reset_rate_limit(option, 4ULL * limits.resets, limits.resets);
  nghttp2_option_set_max_send_header_block_length(option, 4 * limits.fields.bytes);
  return std::unique_ptr<nghttp2_option, DeleteOption>(option);
}

}  // namespace

H2Session::Impl::Impl(Role role, const H2Limits& limits, H2Events& events)
    : role_(role), limits_(limits), events_(events), resets_left_(limits.resets), control_left_(limits.control_frames) {
  const auto options = options_of(limits);
  nghttp2_session_callbacks* made = nullptr;
  if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
  const std::unique_ptr<nghttp2_session_callbacks, DeleteCallbacks> callbacks(made);
  install(callbacks.get());
  const int code = role == Role::server ? nghttp2_session_server_new2(&session_, callbacks.get(), this, options.get())
                                        : nghttp2_session_client_new2(&session_, callbacks.get(), this, options.get());
  if (code != 0) throw std::bad_alloc();
  const Settings settings = settings_of(role, limits);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window));
}

H2Session::H2Session(Role role, const H2Limits& limits, H2Events& events)
    : impl_(std::make_unique<Impl>(role, limits, events)) {}
H2Session::~H2Session() = default;

Result<> H2Session::receive(std::string_view bytes) { return impl_->receive(bytes); }
bool H2Session::want_write() const { return nghttp2_session_want_write(impl_->session_) != 0; }
void H2Session::pull_output(std::string& out, std::size_t limit) { impl_->pull_output(out, limit); }
bool H2Session::finished() const { return nghttp2_session_want_read(impl_->session_) == 0 && !want_write(); }

Result<StreamId> H2Session::submit_request(const Request& request, bool end) {
  if (open_streams() >= peer_max_streams()) {
    return fail(Cause::exhausted, "the peer's limit of {} streams is reached", peer_max_streams());
  }
  return impl_->submit_request(request, end);
}

std::size_t H2Session::open_streams() const { return impl_->streams_.size(); }

std::uint32_t H2Session::peer_max_streams() const {
  if (!impl_->settings_received_) return 100;
  return nghttp2_session_get_remote_settings(impl_->session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2Session::peer_settings_received() const { return impl_->settings_received_; }

bool H2Session::peer_allows_extended_connect() const {
  return nghttp2_session_get_remote_settings(impl_->session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

bool H2Session::accepts_streams() const {
  return impl_->state_ && nghttp2_session_check_request_allowed(impl_->session_) != 0;
}

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
  if (found == nullptr || found->out_ended) return;
  found->trailers = trailers;
  found->has_trailers = true;
  impl_->send_body(*found, {}, true);
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
  nghttp2_session_consume(impl_->session_, stream, given);
}

void H2Session::reset(StreamId stream, std::uint32_t code) {
  Impl::Stream* found = impl_->find(stream);
  if (found != nullptr && !found->dead) impl_->reset(*found, code);
}

void H2Session::abandon(StreamId stream) {
  Impl::Stream* found = impl_->live(stream);
  if (found != nullptr) impl_->abandon(*found);
}

bool H2Session::sending(StreamId stream) const {
  const Impl::Stream* found = impl_->find(stream);
  return found != nullptr && !found->dead && !found->local_ended;
}

bool H2Session::request_sent(StreamId stream) const {
  const Impl::Stream* found = impl_->find(stream);
  return found != nullptr && found->head_sent;
}

void H2Session::work_done(StreamId) {
  if (impl_->working_ > 0) --impl_->working_;
}

void H2Session::shutdown_notice() { nghttp2_submit_shutdown_notice(impl_->session_); }

void H2Session::goaway(std::uint32_t code) {
  if (code != NGHTTP2_NO_ERROR) {
    nghttp2_session_terminate_session(impl_->session_, code);
    return;
  }
  const StreamId last = nghttp2_session_get_last_proc_stream_id(impl_->session_);
  nghttp2_submit_goaway(impl_->session_, NGHTTP2_FLAG_NONE, last, code, nullptr, 0);
}

void H2Session::ping(std::uint64_t opaque) {
  std::array<std::uint8_t, 8> bytes{};
  std::memcpy(bytes.data(), &opaque, bytes.size());
  nghttp2_submit_ping(impl_->session_, NGHTTP2_FLAG_NONE, bytes.data());
}

void H2Session::refill_budgets() {
  const H2Limits& limits = impl_->limits_;
  impl_->resets_left_ = std::min(impl_->resets_left_ + limits.resets / 4 + 1, limits.resets);
  impl_->control_left_ = std::min(impl_->control_left_ + limits.control_frames / 4 + 1, limits.control_frames);
}

}  // namespace bulkhead::http
