// SETTINGS (RFC 9113 §6.5): ours, and what the peer's change.

#include <algorithm>

#include "http/h2_impl.hpp"

namespace bulkhead::http {

using Impl = H2Session::Impl;

void Impl::queue_first_settings() {
  const auto setting = [this](h2::Setting id, std::size_t value) {
    h2::append_u16(id, queue_);
    h2::append_u32(static_cast<std::uint32_t>(value), queue_);
  };
  if (role_ == Role::client) queue_.append(h2::kPreface);
  const std::size_t at = queue_.size();
  h2::append_head({0, h2::kSettings, 0, 0}, queue_);
  setting(h2::kInitialWindowSize, limits_.stream_window);
  setting(h2::kMaxHeaderListSize, limits_.fields.bytes);
  setting(h2::kNoRfc7540Priorities, 1);
  if (role_ == Role::server) {
    setting(h2::kMaxConcurrentStreams, limits_.max_streams);
    setting(h2::kEnableConnectProtocol, 1);
  } else {
    setting(h2::kEnablePush, 0);
  }
  h2::patch_length(queue_, at, queue_.size() - at - h2::kHead);
  if (limits_.connection_window > h2::kInitialWindow)
    queue_window_update(0, limits_.connection_window - h2::kInitialWindow);
}

void Impl::take_settings(const h2::Head& head, std::string_view payload) {
  constexpr std::size_t kSettings = 32;
  constexpr std::size_t kEach = 6;
  if (head.stream != 0) return break_connection(h2_error::kProtocol, "SETTINGS on a stream");
  if (head.has(h2::kAck)) {
    if (!payload.empty()) return break_connection(h2_error::kFrameSize, "an acknowledgement that says something");
    return settings_acknowledged();
  }
  if (payload.size() % kEach != 0) return break_connection(h2_error::kFrameSize, "SETTINGS are six bytes each");
  if (payload.size() > kSettings * kEach) return give_up("too many settings in one frame");
  spend(control_left_, "too many SETTINGS");
  if (!state_) return;
  for (; !payload.empty(); payload.remove_prefix(kEach)) {
    if (!take_setting(h2::read_u16(payload), h2::read_u32(payload.substr(2)))) return;
  }
  settings_received_ = true;
  if (++queued_answers_ > limits_.queued_control) return give_up("too many frames that want an answer");
  h2::append_head({0, h2::kSettings, h2::kAck, 0}, queue_);
  events_.on_settings();
}

bool Impl::take_setting(std::uint32_t id, std::uint32_t value) {
  const auto refuse = [this](std::uint32_t code) {
    break_connection(code, "a setting has a value that it can't have");
    return false;
  };
  switch (id) {
    case h2::kHeaderTableSize: encoder_.set_allowed(value); return true;
    case h2::kEnablePush:
      return value > 1 || (role_ == Role::client && value == 1) ? refuse(h2_error::kProtocol) : true;
    case h2::kMaxConcurrentStreams: peer_max_streams_ = value; return true;
    case h2::kInitialWindowSize: return change_initial_window(value) || refuse(h2_error::kFlowControl);
    case h2::kMaxFrameSize:
      if (value < h2::kMaxFrame || value >= 1U << 24U) return refuse(h2_error::kProtocol);
      peer_max_frame_ = value;
      return true;
    case h2::kEnableConnectProtocol:
      if (value > 1 || (peer_connect_ && value == 0)) return refuse(h2_error::kProtocol);
      peer_connect_ = value == 1;
      return true;
    case h2::kNoRfc7540Priorities: return value > 1 ? refuse(h2_error::kProtocol) : true;
    default: return true;
  }
}

// §6.9.2: of every stream by the difference, and below zero if need be.
bool Impl::change_initial_window(std::uint32_t value) {
  if (value > h2::kMaxWindow) return false;
  const std::int64_t difference = static_cast<std::int64_t>(value) - peer_window_;
  peer_window_ = value;
  bool fits = true;
  streams_.for_each([&](Stream& stream) {
    stream.send_window += difference;
    fits = fits && stream.send_window <= h2::kMaxWindow;
    if (difference > 0) note_output(stream);
  });
  return fits;
}

// Until then the peer may have gone by the window that RFC 9113 says.
void Impl::settings_acknowledged() {
  if (settings_acknowledged_) return;
  settings_acknowledged_ = true;
  const std::int64_t excess = std::max<std::int64_t>(h2::kInitialWindow - limits_.stream_window, 0);
  if (excess > 0) streams_.for_each([&](Stream& stream) { stream.receive_window -= excess; });
}

}  // namespace bulkhead::http
