// Frames as they come in, however they are cut (RFC 9113 §4, §6). What breaks a rule of the connection ends it.

#include <algorithm>
#include <cstring>

#include "http/h2_impl.hpp"

namespace bulkhead::http {

using Impl = H2Session::Impl;
using h2::Head;

Result<> Impl::receive(std::string_view bytes) {
  if (terminated_ || !take_preface(bytes)) return state_;
  while (state_ && !terminated_ && !bytes.empty()) {
    if (in_data_) {
      take_body(bytes);
    } else if (!partial_.empty() || bytes.size() < h2::kHead) {
      gather_frame(bytes);
    } else {
      const Head head = h2::read_head(bytes);
      if (!check_head(head)) break;
      if (head.type == h2::kData) {
        bytes.remove_prefix(h2::kHead);
        begin_data(head);
      } else if (bytes.size() - h2::kHead < head.length) {
        note_begun();
        partial_.assign(bytes);
        break;
      } else {
        const std::string_view payload = bytes.substr(h2::kHead, head.length);
        bytes.remove_prefix(h2::kHead + head.length);
        take_frame(head, payload);
      }
    }
  }
  return state_;
}

bool Impl::take_preface(std::string_view& bytes) {
  if (preface_left_ == 0) return state_.has_value();
  const std::string_view rest = h2::kPreface.substr(h2::kPreface.size() - preface_left_);
  const std::size_t size = std::min(rest.size(), bytes.size());
  if (!state_) return false;
  if (bytes.substr(0, size) != rest.substr(0, size)) {
    break_connection(h2_error::kProtocol, "the connection does not begin with the preface");
    return false;
  }
  preface_left_ -= size;
  bytes.remove_prefix(size);
  return true;
}

// A frame that the input ended in: its head, then its payload.
void Impl::gather_frame(std::string_view& bytes) {
  if (partial_.empty()) note_begun();
  const bool has_head = partial_.size() >= h2::kHead;
  const std::size_t whole = h2::kHead + (has_head ? h2::read_head(partial_).length : 0);
  const std::size_t size = std::min(whole - partial_.size(), bytes.size());
  partial_.append(bytes.substr(0, size));
  bytes.remove_prefix(size);
  if (partial_.size() < whole) return;
  const Head head = h2::read_head(partial_);
  if (!has_head && !check_head(head)) return;
  if (head.type == h2::kData) {
    partial_.clear();
    begin_data(head);
  } else if (has_head || head.length == 0) {
    const std::string frame = std::exchange(partial_, {});
    in_pieces_ = true;
    take_frame(head, std::string_view(frame).substr(h2::kHead));
    in_pieces_ = false;
  }
}

// What is wrong whatever the payload says.
bool Impl::check_head(const Head& head) {
  if (head.length > h2::kMaxFrame) {
    break_connection(h2_error::kFrameSize, "a frame is longer than 16384 bytes");
  } else if (!settings_received_ && (head.type != h2::kSettings || head.has(h2::kAck))) {
    break_connection(h2_error::kProtocol, "the first frame is not SETTINGS");
  } else if (block_stream_ != 0 && (head.type != h2::kContinuation || head.stream != block_stream_)) {
    break_connection(h2_error::kProtocol, "a field block is interrupted by another frame");
  }
  return state_.has_value();
}

// What continues a field block is of one with it.
void Impl::note_begun() {
  if (block_stream_ == 0) ++begun_;
}

void Impl::take_frame(const Head& head, std::string_view payload) {
  switch (head.type) {
    case h2::kHeaders: return take_headers(head, payload);
    case h2::kContinuation: return take_continuation(head, payload);
    case h2::kPriority: return take_priority(head, payload);
    case h2::kRstStream: return take_rst_stream(head, payload);
    case h2::kSettings: return take_settings(head, payload);
    case h2::kPing: return take_ping(head, payload);
    case h2::kGoaway: return take_goaway(head, payload);
    case h2::kWindowUpdate: return take_window_update(head, payload);
    case h2::kPushPromise: return break_connection(h2_error::kProtocol, "PUSH_PROMISE is not enabled");
    default: return spend(control_left_, "too many frames of unknown types");
  }
}

bool Impl::idle(StreamId id) const {
  const bool of_client = id % 2 == 1;
  if (role_ == Role::server) return !of_client || id > newest_;
  return !of_client || id >= next_id_;
}

void Impl::begin_data(const Head& head) {
  if (head.stream == 0 || idle(head.stream)) {
    return break_connection(h2_error::kProtocol, "DATA on a stream that is not open");
  }
  if (!check_open(head.stream)) return;
  give_back(head.length);
  in_data_ = true;
  data_ = head;
  data_left_ = head.length;
  padding_left_ = 0;
  pad_length_due_ = head.has(h2::kPadded);
  if (pad_length_due_ && head.length == 0) return break_connection(h2_error::kFrameSize, "DATA without its padding");
  if (!pad_length_due_) begin_body();
}

// The peer ends its side early or late: the stream's fault. What is not told is given back at once.
void Impl::begin_body() {
  if (data_left_ == 0 && !data_.has(h2::kEndStream)) spend(control_left_, "too many empty DATA frames");
  if (!state_) return;
  Stream* stream = live(data_.stream);
  if (stream != nullptr) {
    const bool beyond = data_.length > 0 && data_.length > stream->receive_window;
    const bool before_head = role_ == Role::client && !stream->final_head;
    const bool too_long = stream->expected && data_left_ > *stream->expected;
    stream->receive_window -= data_.length;
    if (beyond) {
      fail_stream(data_.stream, h2_error::kFlowControl);
    } else if (before_head || too_long) {
      fail_stream(data_.stream, h2_error::kProtocol);
    } else if (stream->expected) {
      *stream->expected -= data_left_;
    }
  }
  stream = live(data_.stream);
  if (stream != nullptr && data_.length > data_left_) give_back(*stream, data_.length - data_left_);
  if (data_left_ + padding_left_ == 0) end_data();
}

void Impl::take_body(std::string_view& bytes) {
  if (pad_length_due_) {
    pad_length_due_ = false;
    padding_left_ = h2::octet(bytes, 0);
    bytes.remove_prefix(1);
    if (padding_left_ > --data_left_) return break_connection(h2_error::kProtocol, "the padding is the whole frame");
    data_left_ -= padding_left_;
    return begin_body();
  }
  const std::string_view data = bytes.substr(0, data_left_);
  bytes.remove_prefix(data.size());
  data_left_ -= data.size();
  if (!data.empty()) {
    Stream* stream = live(data_.stream);
    if (stream != nullptr && told(*stream)) {
      stream->unconsumed += data.size();
      events_.on_body(data_.stream, data);
    }
  }
  const std::size_t padding = std::min(bytes.size(), padding_left_);
  bytes.remove_prefix(padding);
  padding_left_ -= padding;
  if (state_ && data_left_ + padding_left_ == 0) end_data();
}

void Impl::end_data() {
  in_data_ = false;
  if (!data_.has(h2::kEndStream)) return;
  Stream* stream = find(data_.stream);
  if (stream == nullptr) return;
  if (stream->expected.value_or(0) > 0) return fail_stream(data_.stream, h2_error::kProtocol);
  end_stream(*stream, {});
}

void Impl::take_headers(const Head& head, std::string_view payload) {
  if (head.has(h2::kPadded)) {
    if (payload.empty()) return break_connection(h2_error::kFrameSize, "HEADERS without its padding");
    const std::size_t padding = h2::octet(payload, 0);
    payload.remove_prefix(1);
    if (padding > payload.size()) return break_connection(h2_error::kProtocol, "the padding is the whole frame");
    payload.remove_suffix(padding);
  }
  if (head.has(h2::kHasPriority)) {
    if (payload.size() < 5) return break_connection(h2_error::kFrameSize, "HEADERS without its priority");
    if (h2::read_u31(payload) == head.stream) {
      return break_connection(h2_error::kProtocol, "a stream that depends on itself");
    }
    payload.remove_prefix(5);
  }
  if (!check_headers(head.stream)) return;
  if (head.has(h2::kEndHeaders)) return end_block(head.stream, head.has(h2::kEndStream), payload);
  if (!in_pieces_) note_begun();  // else it began with the first of them
  block_stream_ = head.stream;
  block_ends_stream_ = head.has(h2::kEndStream);
  continuations_ = 0;
  block_.assign(payload);
}

// Frames of streams that ended may have crossed our reset, and are thrown away. None may follow the peer's own end,
// which is the connection's fault, or its own reset, which is the stream's (§5.1); but grpc++ as a server writes what
// it had queued, and no other stream shall suffer for that.
bool Impl::check_open(StreamId id) {
  const Stream* stream = find(id);
  const auto known = std::ranges::find(ended_, id, &h2::Ended::id);
  const bool was_reset = stream == nullptr && known != ended_.end() && known->how == h2::HowEnded::reset;
  if (stream != nullptr ? stream->remote_ended : known != ended_.end() && !was_reset) {
    break_connection(h2_error::kStreamClosed, "a frame of a stream that the peer has ended");
  } else if (was_reset && role_ == Role::server) {
    fail_stream(id, h2_error::kStreamClosed);
  }
  return state_.has_value();
}

// Whether a field block may begin here. The peer may not go back to an id that it left out (§5.1.1).
bool Impl::check_headers(StreamId id) {
  const bool of_client = id % 2 == 1;
  if (!of_client || (role_ == Role::client && id >= next_id_)) {
    break_connection(h2_error::kProtocol, "HEADERS on a stream that can't be");
    return false;
  }
  if (role_ == Role::server && id > newest_) {
    if (id > newest_ + 2) skipped_ = {newest_ + 1, id - 1};
    newest_ = id;
    opening_ = true;
    return true;
  }
  if (!check_open(id)) return false;
  if (find(id) == nullptr && id >= skipped_.first && id <= skipped_.second) {
    break_connection(h2_error::kProtocol, "a stream below one that was opened");
  }
  return state_.has_value();
}

void Impl::take_continuation(const Head& head, std::string_view payload) {
  constexpr std::uint32_t kContinuations = 8;
  if (block_stream_ == 0) return break_connection(h2_error::kProtocol, "CONTINUATION of nothing");
  if (++continuations_ > kContinuations) return give_up("too many CONTINUATION frames");
  block_.append(payload);
  if (!head.has(h2::kEndHeaders)) return;
  block_stream_ = 0;
  const std::string block = std::exchange(block_, {});
  end_block(head.stream, block_ends_stream_, block);
}

void Impl::take_rst_stream(const Head& head, std::string_view payload) {
  if (payload.size() != 4) return break_connection(h2_error::kFrameSize, "RST_STREAM is four bytes");
  if (head.stream == 0 || idle(head.stream)) return break_connection(h2_error::kProtocol, "RST_STREAM of no stream");
  if (role_ == Role::server) spend(resets_left_, "too many streams were reset");
  if (!state_) return;
  remember(head.stream, h2::HowEnded::reset);
  Stream* stream = find(head.stream);
  if (stream == nullptr) return;
  const std::uint32_t code = h2::read_u32(payload);
  const bool tell = !stream->abandoned && told(*stream);
  const bool never = role_ == Role::client && code == h2_error::kRefused && !stream->final_head;
  close(*stream);
  if (tell) events_.on_reset(head.stream, code, never);
}

void Impl::take_window_update(const Head& head, std::string_view payload) {
  if (payload.size() != 4) return break_connection(h2_error::kFrameSize, "WINDOW_UPDATE is four bytes");
  const std::int64_t increment = h2::read_u31(payload);
  if (head.stream == 0) {
    if (increment == 0) return break_connection(h2_error::kProtocol, "WINDOW_UPDATE of nothing");
    send_window_ += increment;
    if (send_window_ > h2::kMaxWindow) break_connection(h2_error::kFlowControl, "the connection's window is too large");
    return;
  }
  if (idle(head.stream)) return break_connection(h2_error::kProtocol, "WINDOW_UPDATE of no stream");
  Stream* stream = find(head.stream);
  if (stream == nullptr) return;
  if (increment == 0) return fail_stream(head.stream, h2_error::kProtocol);
  stream->send_window += increment;
  if (stream->send_window > h2::kMaxWindow) return fail_stream(head.stream, h2_error::kFlowControl);
  note_output(*stream);
}

void Impl::take_priority(const Head& head, std::string_view payload) {
  if (payload.size() != 5) return break_connection(h2_error::kFrameSize, "PRIORITY is five bytes");
  if (head.stream == 0) return break_connection(h2_error::kProtocol, "PRIORITY of no stream");
  if (h2::read_u31(payload) == head.stream) {
    return break_connection(h2_error::kProtocol, "a stream that depends on itself");
  }
  spend(control_left_, "too many PRIORITY frames");
}

void Impl::take_ping(const Head& head, std::string_view payload) {
  if (payload.size() != 8) return break_connection(h2_error::kFrameSize, "PING is eight bytes");
  if (head.stream != 0) return break_connection(h2_error::kProtocol, "PING on a stream");
  if (head.has(h2::kAck)) {
    std::uint64_t opaque = 0;
    std::memcpy(&opaque, payload.data(), sizeof opaque);
    return events_.on_pong(opaque);
  }
  spend(control_left_, "too many PINGs");
  if (!state_) return;
  if (++queued_answers_ > limits_.queued_control) return give_up("too many frames that want an answer");
  h2::append_head({8, h2::kPing, h2::kAck, 0}, queue_);
  queue_.append(payload);
}

void Impl::take_goaway(const Head& head, std::string_view payload) {
  if (payload.size() < 8) return break_connection(h2_error::kFrameSize, "GOAWAY is too short");
  if (head.stream != 0) return break_connection(h2_error::kProtocol, "GOAWAY on a stream");
  const StreamId last = h2::read_u31(payload);
  if (last > last_of_peer_) return break_connection(h2_error::kProtocol, "GOAWAY with a later stream than before");
  spend(control_left_, "too many GOAWAY frames");
  if (!state_) return;
  goaway_received_ = true;
  last_of_peer_ = last;
  events_.on_goaway(last, h2::read_u32(payload.substr(4)));
  if (role_ == Role::server) return;
  std::vector<StreamId> unprocessed;
  streams_.for_each([&](const Stream& stream) {
    if (stream.id > last) unprocessed.push_back(stream.id);
  });
  for (const StreamId id : unprocessed) {
    Stream* stream = find(id);
    if (stream == nullptr) continue;
    const bool tell = !stream->abandoned;
    close(*stream);
    if (tell) events_.on_reset(id, h2_error::kRefused, true);
  }
}

}  // namespace bulkhead::http
