// What goes out on an HTTP/2 connection: heads, bodies by a deferred provider, trailers.

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/h2_impl.hpp"

namespace bulkhead::http {
namespace {

using Impl = H2Session::Impl;

// What HPACK must not remember, lest it be guessed byte by byte or linger (RFC 7541 §7.1).
bool is_secret(std::string_view name) {
  switch (name.size()) {
    case 6: return equal_ignoring_case(name, "cookie");
    case 10: return equal_ignoring_case(name, "set-cookie");
    case 13: return equal_ignoring_case(name, "authorization");
    default: {
      const std::string_view tail = name.size() > 5 ? name.substr(name.size() - 5) : name;
      return equal_ignoring_case(tail, "token") || equal_ignoring_case(name, "x-api-key");
    }
  }
}

// Values that are new in every request would only push useful ones out of the table.
bool is_volatile(std::string_view name) {
  return equal_ignoring_case(name, "traceparent") || equal_ignoring_case(name, "x-request-id") ||
         equal_ignoring_case(name, "content-length") || name == ":path";
}

ssize_t on_read_body(nghttp2_session*, StreamId id, std::uint8_t* to, std::size_t size, std::uint32_t* flags,
                     nghttp2_data_source*, void* user_data) {
  Impl& impl = *static_cast<Impl*>(user_data);
  Impl::Stream* stream = impl.find(id);
  return stream != nullptr && !stream->dead ? impl.read_body(*stream, to, size, flags) : NGHTTP2_ERR_DEFERRED;
}

}  // namespace

void Impl::append(std::string_view name, std::string_view value) {
  const auto* name_bytes = reinterpret_cast<const std::uint8_t*>(name.data());
  const auto* value_bytes = reinterpret_cast<const std::uint8_t*>(value.data());
  const bool unindexed = is_secret(name) || is_volatile(name);
  block_.push_back({const_cast<std::uint8_t*>(name_bytes), const_cast<std::uint8_t*>(value_bytes), name.size(),
                    value.size(),
                    static_cast<std::uint8_t>(unindexed ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)});
}

void Impl::append_fields(const Fields& fields, bool trailers) {
  for (const Field field : fields) {
    if (frames_message(field.name) || !is_token(field.name) || !is_field_value(field.value)) continue;
    if (trailers && forbidden_in_trailers(field.name)) continue;
    append(field.name, field.value);
  }
}

nghttp2_data_provider Impl::provider(Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = on_read_body;
  return provider;
}

Result<StreamId> Impl::submit_request(const Request& request, bool end) {
  if (!state_ || nghttp2_session_check_request_allowed(session_) == 0) {
    return fail(Cause::closed, "the connection takes no new streams");
  }
  const bool tunnel = !request.protocol.empty();
  if (tunnel && nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) != 1) {
    return fail(Cause::unsupported, "the peer does not take {} over HTTP/2", request.protocol);
  }
  block_.clear();
  append(":method", tunnel ? "CONNECT" : std::string_view(request.method));
  append(":scheme", request.scheme.empty() ? "http" : std::string_view(request.scheme));
  append(":authority", request.authority);
  append(":path", request.target);
  if (tunnel) append(":protocol", request.protocol);
  append_fields(request.fields, false);
  const std::string length = request.content_length && !tunnel ? fmt::format("{}", *request.content_length) : "";
  if (!length.empty()) append("content-length", length);
  auto stream = std::make_unique<Stream>();
  const nghttp2_data_provider body = provider(*stream);
  const StreamId id =
      nghttp2_submit_request(session_, nullptr, block_.data(), block_.size(), end ? nullptr : &body, nullptr);
  if (id < 0) return fail(Cause::closed, "submit an HTTP/2 request: {}", nghttp2_strerror(id));
  stream->id = id;
  stream->tunnel = tunnel;
  streams_[id] = std::move(stream);
  return id;
}

Result<> Impl::submit_response(Stream& stream, const Response& response, bool end) {
  const bool tunnel = response.status == 101;
  const bool not_switched = stream.tunnel && response.status >= 200 && response.status < 300;
  const std::string told = fmt::format("{}", response.status);
  const std::string status = tunnel ? "200" : not_switched ? fmt::format("{}", kNotSwitched) : told;
  const std::string length = response.content_length && !tunnel ? fmt::format("{}", *response.content_length) : "";
  block_.clear();
  append(":status", status);
  append_fields(response.fields, false);
  if (not_switched) append(kNotSwitchedField, told);
  if (!length.empty() && !response.interim()) append("content-length", length);
  int code = 0;
  if (response.interim()) {
    code =
        nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, block_.data(), block_.size(), nullptr);
  } else {
    const nghttp2_data_provider body = provider(stream);
    code = nghttp2_submit_response(session_, stream.id, block_.data(), block_.size(), end ? nullptr : &body);
  }
  if (code != 0) return fail(Cause::closed, "submit an HTTP/2 response: {}", nghttp2_strerror(code));
  return {};
}

void Impl::send_body(Stream& stream, std::string_view data, bool end) {
  if (stream.out_ended) return;
  stream.out.append(data);
  stream.out_ended = end;
  if (stream.pending() >= limits_.send_buffer) stream.wants_room = true;
  resume(stream);
}

void Impl::resume(Stream& stream) {
  if (!stream.deferred) return;
  stream.deferred = false;
  nghttp2_session_resume_data(session_, stream.id);
}

ssize_t Impl::read_body(Stream& stream, std::uint8_t* to, std::size_t size, std::uint32_t* flags) {
  const std::size_t count = std::min(size, stream.pending());
  std::memcpy(to, stream.out.data() + stream.sent, count);
  stream.sent += count;
  if (stream.wants_room && stream.pending() <= limits_.send_buffer / 2) {
    stream.wants_room = false;
    drained_.push_back(stream.id);
  }
  if (stream.pending() > 0) return static_cast<ssize_t>(count);
  stream.out.clear();
  stream.sent = 0;
  if (!stream.out_ended) {
    if (count > 0) return static_cast<ssize_t>(count);
    stream.deferred = true;
    if (stream.out.capacity() > 1024) stream.out.shrink_to_fit();
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!stream.has_trailers) return static_cast<ssize_t>(count);
  block_.clear();
  append_fields(stream.trailers, true);
  if (block_.empty()) return static_cast<ssize_t>(count);
  *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  nghttp2_submit_trailer(session_, stream.id, block_.data(), block_.size());
  return static_cast<ssize_t>(count);
}

void Impl::pull_output(std::string& out, std::size_t limit) {
  while (out.size() < limit) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0 && state_) state_ = fail(Cause::internal, "HTTP/2: {}", nghttp2_strerror(static_cast<int>(size)));
    if (size <= 0) break;
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  // Not from within nghttp2: whoever hears it sends more.
  const std::vector<StreamId> drained = std::exchange(drained_, {});
  for (const StreamId id : drained) {
    if (state_ && live(id) != nullptr) events_.on_drained(id);
  }
}

void Impl::reset(Stream& stream, std::uint32_t code) {
  stream.dead = true;
  stream.out = {};
  stream.sent = 0;
  if (stream.unconsumed > 0) nghttp2_session_consume_connection(session_, std::exchange(stream.unconsumed, 0));
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, code);
}

void Impl::abandon(Stream& stream) {
  stream.abandoned = true;
  if (stream.unconsumed > 0) nghttp2_session_consume_connection(session_, std::exchange(stream.unconsumed, 0));
  if (stream.local_ended && !stream.remote_ended) reset(stream, NGHTTP2_NO_ERROR);
}

}  // namespace bulkhead::http
