// What goes out on an HTTP/2 connection. Heads are encoded into the queue when they are submitted, and bodies follow
// them there as far as windows and the queue's bound allow; the rest waits with its stream.

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/release.hpp"
#include "http/h2_impl.hpp"
#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

using Impl = H2Session::Impl;
using hpack::Indexing;

constexpr std::size_t kQueue = 64U << 10U;  // beyond it bodies wait with their streams, which take turns
constexpr std::size_t kHeads = 4096;        // frames' and messages' heads beside bodies

// Octets of names in lower case; zero where a token can't have them.
constexpr std::array<char, 256> make_lower_token() {
  std::array<char, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const char c = static_cast<char>(i);
    if (is_token_octet(c)) table[i] = lower(c);
  }
  return table;
}
constexpr std::array<char, 256> kLowerToken = make_lower_token();

bool lower_name(std::string_view name, std::string& out) {
  out.resize(name.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    out[i] = kLowerToken[static_cast<unsigned char>(name[i])];
    if (out[i] == 0) return false;
  }
  return !name.empty();
}

// Never: what HPACK must not remember, lest it be guessed byte by byte or linger (RFC 7541 §7.1). Without: values that
// are new in every request would only push useful ones out of the table.
Indexing indexing_of(std::string_view name) {
  switch (name.size()) {
    case 5: return name == ":path" ? Indexing::without : name == "token" ? Indexing::never : Indexing::add;
    case 6: return name == "cookie" ? Indexing::never : Indexing::add;
    case 9: return name == "x-api-key" || name.ends_with("token") ? Indexing::never : Indexing::add;
    case 10: return name == "set-cookie" || name.ends_with("token") ? Indexing::never : Indexing::add;
    case 11:
      return name == "traceparent" ? Indexing::without : name.ends_with("token") ? Indexing::never : Indexing::add;
    case 12:
      return name == "x-request-id" ? Indexing::without : name.ends_with("token") ? Indexing::never : Indexing::add;
    case 13: return name == "authorization" || name.ends_with("token") ? Indexing::never : Indexing::add;
    case 14:
      return name == "content-length" ? Indexing::without : name.ends_with("token") ? Indexing::never : Indexing::add;
    case 19: return name == "proxy-authorization" || name.ends_with("token") ? Indexing::never : Indexing::add;
    default: return name.ends_with("token") ? Indexing::never : Indexing::add;
  }
}

}  // namespace

std::size_t Impl::begin_headers(StreamId id) {
  const std::size_t at = queue_.size();
  h2::append_head({0, h2::kHeaders, 0, id}, queue_);
  encoder_.begin(queue_);
  return at;
}

void Impl::encode(std::string_view name, std::string_view value) {
  encoder_.encode(name, value, indexing_of(name), queue_);
}

void Impl::encode_fields(const Fields& fields, bool trailers) {
  for (const Field field : fields) {
    if (frames_message(field.name) || !is_field_value(field.value) || !lower_name(field.name, name_)) continue;
    if (trailers && forbidden_in_trailers(field.name)) continue;
    encode(name_, trim_whitespace(field.value));
  }
}

void Impl::encode_length(std::uint64_t length) {
  std::array<char, 24> digits{};
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), length).ptr;
  encode("content-length", {digits.data(), static_cast<std::size_t>(end - digits.data())});
}

// The head at `at` gets its length; what is too long for one frame goes on in CONTINUATION.
void Impl::end_headers(std::size_t at, StreamId id, bool end) {
  const std::size_t size = queue_.size() - at - h2::kHead;
  const std::uint8_t end_stream = end ? h2::kEndStream : 0;
  if (size <= h2::kMaxFrame) {
    h2::patch_length(queue_, at, size);
    queue_[at + 4] = static_cast<char>(h2::kEndHeaders | end_stream);
    return;
  }
  const std::string block = queue_.substr(at + h2::kHead);
  queue_.resize(at);
  for (std::size_t sent = 0; sent < block.size(); sent += h2::kMaxFrame) {
    const std::string_view piece = std::string_view(block).substr(sent, h2::kMaxFrame);
    const std::uint8_t flags =
        (sent == 0 ? end_stream : 0) | (sent + piece.size() == block.size() ? h2::kEndHeaders : 0);
    h2::append_head({static_cast<std::uint32_t>(piece.size()), sent == 0 ? h2::kHeaders : h2::kContinuation, flags, id},
                    queue_);
    queue_.append(piece);
  }
}

Impl::Stream& Impl::open(StreamId id) {
  Stream& stream = streams_.add(id);
  stream.send_window = peer_window_;
  stream.window = limits_.stream_window;
  stream.receive_window = stream.window;
  if (!settings_acknowledged_) stream.receive_window = std::max(stream.receive_window, h2::kInitialWindow);
  return stream;
}

Result<StreamId> Impl::submit_request(const Request& request, bool end) {
  if (!accepts_streams()) return fail(Cause::closed, "the connection takes no new streams");
  const bool tunnel = !request.protocol.empty();
  if (tunnel && !peer_connect_) {
    return fail(Cause::unsupported, "the peer does not take {} over HTTP/2", request.protocol);
  }
  if (!fits(request.fields)) return fail(Cause::exhausted, "the request's fields are too large for HTTP/2");
  const StreamId id = std::exchange(next_id_, next_id_ + 2);
  const std::size_t at = begin_headers(id);
  encode(":method", tunnel ? "CONNECT" : std::string_view(request.method));
  encode(":scheme", request.scheme.empty() ? "http" : std::string_view(request.scheme));
  encode(":authority", request.authority);
  encode(":path", request.target);
  if (tunnel) encode(":protocol", request.protocol);
  encode_fields(request.fields, false);
  if (request.content_length && !tunnel) encode_length(*request.content_length);
  end_headers(at, id, end);
  Stream& stream = open(id);
  stream.tunnel = tunnel;
  stream.bodiless = request.method == "HEAD";
  stream.may_send = true;
  stream.head_at = stream.last_at = queued_in_all();
  if (end) stream.out_ended = stream.local_ended = true;
  return id;
}

Result<> Impl::submit_response(Stream& stream, const Response& response, bool end) {
  if (stream.may_send) return fail(Cause::conflict, "the stream has its answer");
  if (!fits(response.fields)) {
    reset(stream, h2_error::kInternal);
    return fail(Cause::exhausted, "the answer's fields are too large for HTTP/2");
  }
  const bool tunnel = response.status == 101;
  const bool not_switched = stream.tunnel && response.status >= 200 && response.status < 300;
  const auto digits = [](std::uint16_t status) {
    return std::array<char, 3>{static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
                               static_cast<char>('0' + status % 10)};
  };
  const std::array<char, 3> told = digits(response.status);
  const std::array<char, 3> status = tunnel ? digits(200) : not_switched ? digits(kNotSwitched) : told;
  const std::size_t at = begin_headers(stream.id);
  encode(":status", {status.data(), status.size()});
  encode_fields(response.fields, false);
  if (not_switched) encode(kNotSwitchedField, {told.data(), told.size()});
  const bool final = !response.interim();
  if (response.content_length && !tunnel && final) encode_length(*response.content_length);
  end_headers(at, stream.id, end && final);
  stream.last_at = queued_in_all();
  if (!final) return {};
  stream.may_send = true;
  if (end) {
    release(stream.out);
    stream.sent = 0;
    stream.out_ended = true;
    ended_locally(stream);
  } else if (stream.pending() == 0 && stream.out_ended) {
    finish_output(stream);
  } else {
    note_output(stream);
  }
  return {};
}

void Impl::send_body(Stream& stream, std::string_view data, bool end) {
  if (stream.out_ended) return;
  stream.out_ended = end;
  if (stream.may_send && stream.pending() == 0) {
    while (!data.empty() && queue_.size() < kQueue) {
      const std::size_t size = may_write(stream, data.size());
      if (size == 0) break;
      const bool last = end && size == data.size() && !stream.has_trailers;
      write_data(stream, data.substr(0, size), last);
      data.remove_prefix(size);
      if (last) return ended_locally(stream);
    }
    if (data.empty()) {
      if (end) finish_output(stream);
      return;
    }
  }
  stream.out.append(data);
  if (stream.pending() >= limits_.send_buffer) stream.wants_room = true;
  note_output(stream);
}

void Impl::send_trailers(Stream& stream, const Fields& trailers) {
  if (stream.out_ended) return;
  stream.trailers = trailers;
  stream.has_trailers = std::ranges::any_of(trailers, [](const Field& field) {
    return !forbidden_in_trailers(field.name) && is_token(field.name) && is_field_value(field.value);
  });
  if (!fits(trailers)) stream.has_trailers = false;
  send_body(stream, {}, true);
}

// How much of so many bytes one frame may carry now.
std::size_t Impl::may_write(const Stream& stream, std::size_t size) const {
  const std::int64_t window = std::min(stream.send_window, send_window_);
  if (window <= 0) return 0;
  return std::min({size, static_cast<std::size_t>(window), h2::kMaxFrame});
}

void Impl::write_data(Stream& stream, std::string_view data, bool end) {
  const std::uint8_t flags = end ? h2::kEndStream : 0;
  // More of a large body follows, as a rule: room for it at once, rather than by doubling and moving.
  if (data.size() > kQueue / 8 && queue_.capacity() < kQueue) queue_.reserve(kQueue + h2::kMaxFrame + kHeads);
  h2::append_head({static_cast<std::uint32_t>(data.size()), h2::kData, flags, stream.id}, queue_);
  queue_.append(data);
  stream.send_window -= static_cast<std::int64_t>(data.size());
  send_window_ -= static_cast<std::int64_t>(data.size());
  stream.last_at = queued_in_all();
}

// The end, behind the last of the body.
void Impl::finish_output(Stream& stream) {
  if (stream.has_trailers) {
    const std::size_t at = begin_headers(stream.id);
    encode_fields(stream.trailers, true);
    end_headers(at, stream.id, true);
    stream.last_at = queued_in_all();
  } else {
    write_data(stream, {}, true);
  }
  ended_locally(stream);
}

// Last of all that is done with a stream: it may be gone then.
void Impl::ended_locally(Stream& stream) {
  stream.local_ended = true;
  // Nobody waits for the rest of a request that was refused or answered.
  const bool unwanted = role_ == Role::server && (!stream.counted || stream.abandoned);
  if (unwanted && !stream.remote_ended) return reset(stream, h2_error::kNone);
  close_if_done(stream.id);
}

void Impl::note_output(Stream& stream) {
  if (stream.waiting || !stream.may_send || stream.pending() == 0 || stream.send_window <= 0) return;
  stream.waiting = true;
  waiting_.push_back(stream.id);
}

// A connection without streams holds no buffer.
void Impl::rest() {
  if (streams_.size() == 0 && queue_.capacity() > kQueue / 4) release(queue_);
}

void Impl::pull_output(std::string& out, std::size_t limit) {
  if (out.size() < limit) {
    if (!terminated_) fill_from_streams(limit - out.size());
    pulled_ += queue_.size();
    if (out.empty()) {
      out.swap(queue_);
    } else {
      out.append(queue_);
    }
    queue_.clear();
    rest();
    queued_answers_ = 0;
    leaving_.clear();
  }
  const std::vector<StreamId> drained = std::exchange(drained_, {});
  for (const StreamId id : drained) {
    if (state_ && live(id) != nullptr) events_.on_drained(id);
  }
}

// A frame of each stream in turn.
void Impl::fill_from_streams(std::size_t limit) {
  std::size_t done = 0;
  for (; done < waiting_.size() && queue_.size() < limit && send_window_ > 0; ++done) {
    Stream* stream = find(waiting_[done]);
    if (stream == nullptr || !stream->waiting) continue;
    stream->waiting = false;
    write_some(*stream);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Impl::write_some(Stream& stream) {
  const std::size_t size = may_write(stream, stream.pending());
  if (size == 0) return;
  const bool all = size == stream.pending();
  const bool last = all && stream.out_ended && !stream.has_trailers;
  write_data(stream, std::string_view(stream.out).substr(stream.sent, size), last);
  stream.sent += size;
  if (stream.wants_room && stream.pending() <= limits_.send_buffer / 2) {
    stream.wants_room = false;
    drained_.push_back(stream.id);
  }
  if (!all) return note_output(stream);
  stream.out.clear();
  stream.sent = 0;
  if (last) return ended_locally(stream);
  if (stream.out_ended) return finish_output(stream);
  if (stream.out.capacity() > 1024) stream.out.shrink_to_fit();
}

void Impl::queue_rst_stream(StreamId id, std::uint32_t code) {
  h2::append_head({4, h2::kRstStream, 0, id}, queue_);
  h2::append_u32(code, queue_);
}

void Impl::queue_goaway(StreamId last, std::uint32_t code) {
  h2::append_head({8, h2::kGoaway, 0, 0}, queue_);
  h2::append_u32(static_cast<std::uint32_t>(last), queue_);
  h2::append_u32(code, queue_);
}

void Impl::queue_window_update(StreamId id, std::size_t increment) {
  h2::append_head({4, h2::kWindowUpdate, 0, id}, queue_);
  h2::append_u32(static_cast<std::uint32_t>(increment), queue_);
}

// The peer is told once it is half of the window.
void Impl::give_back(std::size_t size) {
  credit_ += size;
  if (credit_ < limits_.connection_window / 2 || !state_) return;
  queue_window_update(0, std::exchange(credit_, 0));
}

void Impl::give_back(Stream& stream, std::size_t size) {
  stream.credit += size;
  if (stream.remote_ended || stream.credit < stream.window / 2 || !state_) return;
  widen(stream);
  stream.receive_window += static_cast<std::int64_t>(stream.credit);
  queue_window_update(stream.id, std::exchange(stream.credit, 0));
}

void Impl::widen(Stream& stream) {
  if (stream.window >= limits_.widest_window) return;
  const std::uint32_t more = std::min(stream.window, limits_.widest_window - stream.window);
  if (widened_ + more > limits_.widening) return;
  widened_ += more;
  stream.window += more;
  stream.credit += more;
}

}  // namespace bulkhead::http
