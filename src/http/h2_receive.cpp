// What comes in on an HTTP/2 connection: frames become events, broken rules become resets and refusals.

#include <algorithm>

#include "http/h2_impl.hpp"
#include "http/hop.hpp"
#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

using Impl = H2Session::Impl;

Impl& impl_of(void* user_data) { return *static_cast<Impl*>(user_data); }

std::string_view text_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  impl_of(user_data).begin_fields(*frame);
  return 0;
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value, std::uint8_t,
              void* user_data) {
  Impl& impl = impl_of(user_data);
  Impl::Stream* stream = impl.live(frame->hd.stream_id);
  return stream != nullptr ? impl.take_field(*stream, text_of(name), text_of(value)) : 0;
}

// nghttp2 would drop such a field; whoever sends one may mean to be read in two ways.
int on_invalid_header(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf*, nghttp2_rcbuf*,
                      std::uint8_t, void*) {
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  impl_of(user_data).frame_received(*frame);
  return 0;
}

int on_data(nghttp2_session* session, std::uint8_t, StreamId id, const std::uint8_t* data, std::size_t size,
            void* user_data) {
  bool consumed = false;
  impl_of(user_data).data_received(id, {reinterpret_cast<const char*>(data), size}, consumed);
  if (consumed) nghttp2_session_consume(session, id, size);
  return 0;
}

int on_stream_close(nghttp2_session*, StreamId id, std::uint32_t code, void* user_data) {
  impl_of(user_data).stream_closed(id, code);
  return 0;
}

int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  impl_of(user_data).frame_sent(*frame);
  return 0;
}

int on_frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
  impl_of(user_data).frame_not_sent(*frame);
  return 0;
}

bool is_target(std::string_view path) {
  return !path.empty() && (path.front() == '/' || path == "*") &&
         std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

// nghttp2 has checked that it is a number and stands once.
std::optional<std::uint64_t> take_length(Fields& fields) {
  const std::optional<std::string_view> text = fields.find("content-length");
  if (!text) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : *text) length = length * 10 + static_cast<std::uint64_t>(c - '0');
  fields.remove("content-length");
  return length;
}

void take_not_switched(Fields& fields, std::uint16_t& status) {
  const std::string_view text = fields.find(kNotSwitchedField).value_or("");
  if (text.size() == 3 && text[0] == '2' && is_digit(text[1]) && is_digit(text[2])) {
    status = static_cast<std::uint16_t>(200 + (text[1] - '0') * 10 + (text[2] - '0'));
  }
  fields.remove(kNotSwitchedField);
}

}  // namespace

void Impl::install(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
}

Result<> Impl::receive(std::string_view bytes) {
  if (role_ == Role::server) {
    std::string_view rest = bytes;
    while (state_ && scanner_.next(rest)) {
      if (scanner_.type() != NGHTTP2_DATA && scanner_.type() != NGHTTP2_HEADERS) continue;
      // What precedes the head, and not the head: with it, an empty frame would be done.
      const std::size_t read = bytes.size() - rest.size();
      const std::size_t before = read - std::min(read, FrameScanner::kHead);
      feed(bytes.substr(0, before));
      bytes.remove_prefix(before);
      frame_begun(scanner_.type(), scanner_.stream());
    }
  }
  feed(bytes);
  return state_;
}

void Impl::feed(std::string_view bytes) {
  if (!state_) return;
  const ssize_t read =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (!state_) return;
  if (read == NGHTTP2_ERR_FLOODED) {
    give_up("too many frames that want an answer");
  } else if (read < 0) {
    state_ = fail(Cause::protocol, "HTTP/2: {}", nghttp2_strerror(static_cast<int>(read)));
  }
}

// Nothing is told any more; the GOAWAY is for pull_output.
void Impl::give_up(std::string_view why) {
  if (!state_) return;
  nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
  state_ = fail(Cause::exhausted, "HTTP/2: {}", why);
}

void Impl::break_connection(std::uint32_t code, std::string_view why) {
  if (!state_) return;
  nghttp2_session_terminate_session(session_, code);
  state_ = fail(Cause::protocol, "HTTP/2: {}", why);
}

// nghttp2 forgets closed streams and lets frames for them pass, as they may have crossed our reset. Those that the peer
// ended itself can't have (RFC 9113 §5.1), nor may it go back to an id that it left out (§5.1.1).
void Impl::frame_begun(std::uint8_t type, StreamId id) {
  if (!state_ || id == 0) return;
  const bool headers = type == NGHTTP2_HEADERS;
  if (headers && id > newest_) {
    if (id > newest_ + 2) skipped_ = {newest_ + 1, id - 1};
    newest_ = id;
    return;
  }
  if (std::ranges::find(ended_, id) != ended_.end()) {
    return break_connection(NGHTTP2_STREAM_CLOSED, "a frame of a stream that the peer has ended");
  }
  const bool skipped = id >= skipped_.first && id <= skipped_.second;
  if (headers && skipped) break_connection(NGHTTP2_PROTOCOL_ERROR, "a stream below one that was opened");
}

void Impl::spend(std::uint32_t& budget, std::string_view what) {
  if (budget == 0) {
    give_up(what);
  } else {
    --budget;
  }
}

Impl::Stream& Impl::add(StreamId id) {
  std::unique_ptr<Stream>& stream = streams_[id];
  if (!stream) stream = std::make_unique<Stream>();
  stream->id = id;
  return *stream;
}

void Impl::begin_fields(const nghttp2_frame& frame) {
  if (!state_ || frame.hd.type != NGHTTP2_HEADERS) return;
  const bool request = role_ == Role::server && frame.headers.cat == NGHTTP2_HCAT_REQUEST;
  Stream* stream = request ? &add(frame.hd.stream_id) : live(frame.hd.stream_id);
  if (stream == nullptr) return;
  stream->fields.clear();
  stream->status = 0;
  stream->field_count = stream->field_bytes = 0;
}

int Impl::take_field(Stream& stream, std::string_view name, std::string_view value) {
  if (!state_) return 0;
  ++stream.field_count;
  stream.field_bytes += name.size() + value.size() + 32;
  const FieldLimits& fields = limits_.fields;
  if (stream.field_count > fields.count || stream.field_bytes > fields.bytes) {
    stream.too_large = true;
    // The refusal is sent at the block's end, but a bomb is not decoded that far.
    const bool bomb = stream.field_count > 4 * fields.count || stream.field_bytes > 4 * fields.bytes;
    return bomb ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
  }
  if (name.starts_with(':')) {
    take_pseudo(stream, name, value);
  } else {
    stream.fields.add(name, value);
  }
  return 0;
}

void Impl::take_pseudo(Stream& stream, std::string_view name, std::string_view value) {
  if (name == ":method") {
    stream.method.assign(value);
  } else if (name == ":path") {
    stream.path.assign(value);
  } else if (name == ":scheme") {
    stream.scheme.assign(value);
  } else if (name == ":authority") {
    stream.authority.assign(value);
  } else if (name == ":protocol") {
    stream.protocol.assign(value);
  } else if (name == ":status" && value.size() == 3) {
    stream.status = static_cast<std::uint16_t>((value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0'));
  }
}

void Impl::frame_received(const nghttp2_frame& frame) {
  if (!state_) return;
  const bool ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  Stream* stream = live(frame.hd.stream_id);
  if (stream == nullptr && end) {
    Stream* untold = find(frame.hd.stream_id);
    if (untold != nullptr) untold->remote_ended = true;
  }
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (stream != nullptr) end_fields(*stream, end);
      break;
    case NGHTTP2_DATA:
      if (frame.hd.length == 0 && !end) spend(control_left_, "too many empty DATA frames");
      if (stream != nullptr && end) end_body(*stream);
      break;
    case NGHTTP2_RST_STREAM:
      if (role_ == Role::server) spend(resets_left_, "too many streams were reset");
      remember_ended(frame.hd.stream_id);
      break;
    case NGHTTP2_SETTINGS:
      if (ack) break;
      spend(control_left_, "too many SETTINGS");
      settings_received_ = true;
      if (state_) events_.on_settings();
      break;
    case NGHTTP2_PING:
      if (!ack) {
        spend(control_left_, "too many PINGs");
        break;
      }
      {
        std::uint64_t opaque = 0;
        std::copy_n(frame.ping.opaque_data, sizeof opaque, reinterpret_cast<std::uint8_t*>(&opaque));
        events_.on_pong(opaque);
      }
      break;
    case NGHTTP2_PRIORITY: spend(control_left_, "too many PRIORITY frames"); break;
    case NGHTTP2_GOAWAY: events_.on_goaway(frame.goaway.last_stream_id, frame.goaway.error_code); break;
    default: break;
  }
}

void Impl::end_fields(Stream& stream, bool end) {
  if (role_ == Role::server) {
    if (stream.counted) {
      end_trailers(stream);
    } else {
      end_request(stream, end);
    }
  } else if (!stream.final_head && stream.status != 0) {
    end_response(stream, end);
  } else {
    end_trailers(stream);
  }
}

void Impl::end_request(Stream& stream, bool end) {
  const FieldLimits& limits = limits_.fields;
  if (stream.too_large) {
    const std::string reason = fmt::format("the fields take {} bytes in {} fields; the limits are {} and {}",
                                           stream.field_bytes, stream.field_count, limits.bytes, limits.count);
    return refuse(stream, 431, reason);
  }
  if (working_ >= limits_.max_streams) {
    spend(resets_left_, "too many streams beyond the limit");
    return reset(stream, NGHTTP2_REFUSED_STREAM);
  }
  Fields& fields = stream.fields;
  const std::vector<std::string_view> hosts = fields.all("host");
  if (stream.authority.empty() && hosts.size() == 1) stream.authority.assign(hosts.front());
  for (const std::string_view host : hosts) {
    if (!equal_ignoring_case(host, stream.authority)) return refuse(stream, 400, ":authority and Host differ");
  }
  if (!is_authority(stream.authority)) return refuse(stream, 400, ":authority is not a host and a port");
  if (stream.method == "CONNECT" && stream.protocol.empty()) return refuse(stream, 405, "CONNECT is not offered");
  if (!is_target(stream.path)) return refuse(stream, 400, ":path holds a byte that targets can't");
  if (stream.scheme != "http" && stream.scheme != "https")
    return refuse(stream, 400, ":scheme is neither http nor https");
  fields.remove("host");
  join_cookies(fields);
  Request request;
  request.version = Version::http2;
  request.method = stream.protocol.empty() ? std::move(stream.method) : "GET";
  request.scheme = std::move(stream.scheme);
  request.authority = std::move(stream.authority);
  request.target = std::move(stream.path);
  request.protocol = std::move(stream.protocol);
  stream.tunnel = !request.protocol.empty();
  request.content_length = take_length(fields);
  request.body = !end && !stream.tunnel && request.content_length.value_or(1) > 0;
  request.expect_continue = fields.remove("expect") > 0 && request.body;
  request.fields = std::move(fields);
  fields = {};
  stream.counted = true;
  ++working_;
  const StreamId id = stream.id;
  events_.on_request(id, std::move(request));
  Stream* still = live(id);
  if (end && still != nullptr) end_body(*still);
}

void Impl::end_response(Stream& stream, bool end) {
  Response response;
  response.version = Version::http2;
  response.status = stream.status;
  if (stream.too_large || stream.status == 101) return fail_stream(stream.id);
  const bool accepted = stream.tunnel && response.status >= 200 && response.status < 300;
  if (accepted) response.status = 101;
  if (stream.tunnel && response.status == kNotSwitched) take_not_switched(stream.fields, response.status);
  response.content_length = take_length(stream.fields);
  response.fields = std::move(stream.fields);
  stream.fields = {};
  stream.final_head = !response.interim();
  response.body = accepted || (stream.final_head && !end && response.content_length.value_or(1) > 0);
  const StreamId id = stream.id;
  events_.on_response(id, std::move(response));
  Stream* still = live(id);
  if (end && still != nullptr) end_body(*still);
}

void Impl::end_trailers(Stream& stream) {
  if (stream.too_large) return fail_stream(stream.id);
  Fields trailers = std::move(stream.fields);
  stream.fields = {};
  trailers.remove_if([](const Field& field) { return forbidden_in_trailers(field.name); });
  stream.remote_ended = true;
  events_.on_end(stream.id, std::move(trailers));
}

void Impl::end_body(Stream& stream) {
  if (stream.remote_ended) return;
  stream.remote_ended = true;
  events_.on_end(stream.id, {});
}

void Impl::data_received(StreamId id, std::string_view data, bool& consumed) {
  Stream* stream = state_ ? live(id) : nullptr;
  const bool told = stream != nullptr && (role_ == Role::client ? stream->final_head : stream->counted);
  if (!told) {
    consumed = true;
    return;
  }
  stream->unconsumed += data.size();
  events_.on_body(id, data);
}

void Impl::stream_closed(StreamId id, std::uint32_t code) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  const std::unique_ptr<Stream> last = std::move(streams_[id]);
  streams_.erase(id);
  if (last->unconsumed > 0) nghttp2_session_consume_connection(session_, last->unconsumed);
  if (last->dead || !state_) return;
  if (last->remote_ended && code == NGHTTP2_NO_ERROR) remember_ended(id);
  const bool whole = last->remote_ended && last->local_ended && code == NGHTTP2_NO_ERROR;
  if (whole) {
    resets_left_ = std::min(resets_left_ + 1, limits_.resets);
    return;
  }
  if (last->abandoned || (role_ == Role::server && !last->counted)) return;
  events_.on_reset(id, code, role_ == Role::client && code == NGHTTP2_REFUSED_STREAM && !last->final_head);
}

void Impl::frame_sent(const nghttp2_frame& frame) {
  Stream* stream = find(frame.hd.stream_id);
  const bool may_end = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
  if (may_end && stream != nullptr) stream->head_sent = true;
  if (may_end && stream != nullptr && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    stream->local_ended = true;
    // Nobody waits for the rest of a request that was refused or answered.
    const bool unwanted = role_ == Role::server && (!stream->counted || stream->abandoned);
    if (unwanted && !stream->remote_ended && !stream->dead) reset(*stream, NGHTTP2_NO_ERROR);
  }
  // A reset that the peer's own mistake made us send costs the peer as much as one of its own (CVE-2025-8671).
  const bool ours = stream != nullptr && stream->dead;
  if (role_ == Role::server && frame.hd.type == NGHTTP2_RST_STREAM && !ours) {
    spend(resets_left_, "too many broken streams");
  }
}

void Impl::frame_not_sent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  Stream* stream = find(frame.hd.stream_id);
  if (stream == nullptr) return;
  if (role_ == Role::server) return fail_stream(stream->id);
  // A request that did not leave.
  const StreamId id = stream->id;
  const bool dead = stream->dead || !state_;
  streams_.erase(id);
  if (!dead) events_.on_reset(id, NGHTTP2_REFUSED_STREAM, true);
}

// Ends a stream whose peer, or whose encoder, broke a rule.
void Impl::fail_stream(StreamId id) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
}

// Answers a request that nobody is told of.
void Impl::refuse(Stream& stream, std::uint16_t status, std::string_view reason) {
  spend(resets_left_, "too many refused requests");
  if (!state_) return;
  Response response;
  response.status = status;
  response.content_length = reason.size();
  response.body = true;
  response.fields.add("content-type", "text/plain");
  const Result<> submitted = submit_response(stream, response, false);
  if (!submitted) return reset(stream, NGHTTP2_INTERNAL_ERROR);
  send_body(stream, reason, true);
}

}  // namespace bulkhead::http
