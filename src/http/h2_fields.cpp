// Field blocks: decoded straight into the message that they are, and judged (RFC 9113 §8).

#include <algorithm>

#include "base/release.hpp"
#include "http/h2_impl.hpp"
#include "http/hop.hpp"
#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

constexpr std::size_t kUsualBlock = 4096;  // octets; larger ones make room as they come

using Impl = H2Session::Impl;
using FieldKind = hpack::Kind;

bool is_target(std::string_view path) {
  return !path.empty() && (path.front() == '/' || path == "*") &&
         std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

std::optional<std::uint64_t> read_length(std::string_view text) {
  constexpr std::size_t kDigits = 18;  // whatever they are, they fit
  if (text.empty() || text.size() > kDigits || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : text) length = length * 10 + static_cast<std::uint64_t>(c - '0');
  return length;
}

std::uint16_t read_status(std::string_view text) {
  if (text.size() != 3 || !std::ranges::all_of(text, is_digit) || text[0] == '0') return 0;
  return static_cast<std::uint16_t>((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
}

void take_not_switched(Fields& fields, std::uint16_t& status) {
  const std::string_view text = fields.find(kNotSwitchedField).value_or("");
  if (text.starts_with('2')) {
    const std::uint16_t told = read_status(text);
    if (told != 0) status = told;
  }
  fields.remove(kNotSwitchedField);
}

}  // namespace

// Every block passes the decoder, whoever wants it: the next ones depend on it.
void Impl::end_block(StreamId id, bool end, std::string_view block) {
  const bool request = std::exchange(opening_, false);
  Stream* stream = find(id);
  const bool wanted = request ? id <= last_taken_ : stream != nullptr && !stream->abandoned && told(*stream);
  if (!decode_block(block, wanted)) return;
  if (request) {
    if (wanted) end_request(id, end);
  } else if (wanted && role_ == Role::client && !stream->final_head) {
    end_response(*stream, end);
  } else if (wanted) {
    end_trailers(*stream, end);
  } else if (stream != nullptr && end) {
    end_stream(*stream, {});
  }
  if (message_.too_large) release(message_.fields);  // what it took is not kept
}

bool Impl::decode_block(std::string_view block, bool store) {
  message_.fields.clear();
  message_.content_length.reset();
  message_.count = message_.bytes = message_.cookies = 0;
  message_.has_host = message_.hosts_differ = message_.expects = false;
  message_.malformed = message_.too_large = message_.regular = false;
  message_.pseudo = 0;
  if (store) message_.fields.expect(std::min(block.size(), kUsualBlock));
  decoder_.begin(block);
  hpack::DecodedField field;
  while (true) {
    const hpack::Decoder::Outcome outcome = decoder_.next(field);
    if (outcome == hpack::Decoder::Outcome::end) return true;
    if (outcome == hpack::Decoder::Outcome::error) {
      break_connection(h2_error::kCompression, "a field block is not HPACK");
      return false;
    }
    if (store) take_field(field);
  }
}

// What exceeds the limits is counted, so that the refusal can name it, but neither kept nor looked at.
void Impl::take_field(const hpack::DecodedField& field) {
  Block& message = message_;
  ++message.count;
  message.bytes += field.name.size() + field.value.size() + 32;
  if (message.count > limits_.fields.count || message.bytes > limits_.fields.bytes) {
    message.too_large = true;
    return;
  }
  const bool pseudo = field.kind >= FieldKind::method && field.kind <= FieldKind::status;
  if (!pseudo) message.regular = true;
  switch (field.kind) {
    case FieldKind::regular: return message.fields.add(field.name, field.value);
    case FieldKind::method: return take_pseudo(field, message.method);
    case FieldKind::scheme: return take_pseudo(field, message.scheme);
    case FieldKind::authority: return take_pseudo(field, message.authority);
    case FieldKind::path: return take_pseudo(field, message.path);
    case FieldKind::protocol: return take_pseudo(field, message.protocol);
    case FieldKind::status: return take_pseudo(field, message.status_text);
    case FieldKind::host:
      if (role_ == Role::client) return message.fields.add(field.name, field.value);
      if (message.has_host && !equal_ignoring_case(message.host, field.value)) message.hosts_differ = true;
      message.has_host = true;
      message.host.assign(field.value);
      return;
    case FieldKind::content_length:
      if (message.content_length) message.malformed = true;
      message.content_length = read_length(field.value);
      if (!message.content_length) message.malformed = true;
      return;
    case FieldKind::expect:
      if (role_ == Role::client) return message.fields.add(field.name, field.value);
      message.expects = true;
      return;
    case FieldKind::te:
      if (!equal_ignoring_case(field.value, "trailers")) message.malformed = true;
      return message.fields.add(field.name, field.value);
    case FieldKind::cookie: ++message.cookies; return message.fields.add(field.name, field.value);
    case FieldKind::connection:
    case FieldKind::invalid: message.malformed = true; return;
  }
}

void Impl::take_pseudo(const hpack::DecodedField& field, std::string& member) {
  const auto bit = static_cast<std::uint16_t>(1U << static_cast<unsigned>(field.kind));
  if ((message_.pseudo & bit) != 0 || message_.regular) message_.malformed = true;
  message_.pseudo |= bit;
  member.assign(field.value);
}

bool Impl::has_pseudo(std::initializer_list<FieldKind> needed, std::initializer_list<FieldKind> allowed) const {
  std::uint16_t need = 0;
  std::uint16_t allow = 0;
  for (const FieldKind kind : needed) need |= static_cast<std::uint16_t>(1U << static_cast<unsigned>(kind));
  for (const FieldKind kind : allowed) allow |= static_cast<std::uint16_t>(1U << static_cast<unsigned>(kind));
  return (message_.pseudo & need) == need && (message_.pseudo & ~(need | allow)) == 0;
}

// RFC 9113 §8.3.1, RFC 8441 §4.
bool Impl::is_request() const {
  const Block& message = message_;
  if (message.malformed || !is_token(message.method)) return false;
  const bool has_path = message.path.starts_with('/') || (message.path == "*" && message.method == "OPTIONS");
  const bool whole = has_pseudo({FieldKind::method, FieldKind::scheme, FieldKind::path},
                                {FieldKind::authority, FieldKind::protocol}) &&
                     has_path;
  if (has_pseudo({FieldKind::protocol},
                 {FieldKind::method, FieldKind::scheme, FieldKind::path, FieldKind::authority})) {
    return whole && message.method == "CONNECT" && is_token(message.protocol);
  }
  if (message.method == "CONNECT") return has_pseudo({FieldKind::method, FieldKind::authority}, {});
  return whole;
}

void Impl::end_request(StreamId id, bool end) {
  Block& message = message_;
  const FieldLimits& limits = limits_.fields;
  if (message.too_large) {
    const bool bomb = message.count > 4 * limits.count || message.bytes > 4 * limits.bytes;
    if (message.malformed || bomb) return fail_stream(id, bomb ? h2_error::kCalm : h2_error::kProtocol);
    const std::string reason = fmt::format("the fields take {} bytes in {} fields; the limits are {} and {}",
                                           message.bytes, message.count, limits.bytes, limits.count);
    return refuse_request(id, end, 431, reason);
  }
  if ((message.pseudo & 1U << static_cast<unsigned>(FieldKind::method)) == 0) message.method.clear();
  if ((message.pseudo & 1U << static_cast<unsigned>(FieldKind::protocol)) == 0) message.protocol.clear();
  if (!is_request()) return fail_stream(id, h2_error::kProtocol);
  if (busy_ >= limits_.max_streams) {
    spend(resets_left_, "too many streams beyond the limit");
    if (state_) queue_rst_stream(id, h2_error::kRefused);
    return;
  }
  const bool tunnel = !message.protocol.empty();
  if (message.method == "CONNECT" && !tunnel) return refuse_request(id, end, 405, "CONNECT is not offered");
  if (message.method == kPrefaceMethod) return refuse_request(id, end, 400, kPrefaceMethodWhy);
  if ((message.pseudo & 1U << static_cast<unsigned>(FieldKind::authority)) == 0) message.authority.clear();
  if (message.authority.empty() && message.has_host) message.authority.assign(message.host);
  if (message.hosts_differ || (message.has_host && !equal_ignoring_case(message.host, message.authority))) {
    return refuse_request(id, end, 400, ":authority and Host differ");
  }
  if (!is_authority(message.authority)) return refuse_request(id, end, 400, ":authority is not a host and a port");
  if (!is_target(message.path)) return refuse_request(id, end, 400, ":path holds a byte that targets can't");
  if (message.scheme != "http" && message.scheme != "https") {
    return refuse_request(id, end, 400, ":scheme is neither http nor https");
  }
  if (end && message.content_length.value_or(0) > 0) return fail_stream(id, h2_error::kProtocol);
  if (message.cookies > 1) join_cookies(message.fields);
  Request request;
  request.version = Version::http2;
  request.method = tunnel ? "GET" : std::move(message.method);
  request.scheme = std::move(message.scheme);
  request.authority = std::move(message.authority);
  request.target = std::move(message.path);
  request.protocol = std::move(message.protocol);
  request.content_length = message.content_length;
  request.body = !end && !tunnel && message.content_length.value_or(1) > 0;
  request.expect_continue = message.expects && request.body;
  request.fields = std::move(message.fields);
  message.fields = {};
  Stream& stream = open(id);
  stream.counted = true;
  stream.tunnel = tunnel;
  if (!tunnel) stream.expected = request.content_length;
  ++busy_;
  events_.on_request(id, std::move(request));
  if (!end) return;
  Stream* still = find(id);
  if (still != nullptr) end_stream(*still, {});
}

// Answers a request that nobody is told of.
void Impl::refuse_request(StreamId id, bool end, std::uint16_t status, std::string_view reason) {
  spend(resets_left_, "too many refused requests");
  if (!state_) return;
  Stream& stream = open(id);
  stream.remote_ended = end;
  Response response;
  response.status = status;
  response.content_length = reason.size();
  response.body = true;
  response.fields.add("content-type", "text/plain");
  if (submit_response(stream, response, false)) send_body(stream, reason, true);
}

void Impl::end_response(Stream& stream, bool end) {
  Block& message = message_;
  const bool has_status = has_pseudo({FieldKind::status}, {});
  Response response;
  response.version = Version::http2;
  response.status = has_status ? read_status(message.status_text) : 0;
  // 101 is not of HTTP/2 (RFC 9113 §8.6).
  if (message.malformed || message.too_large || response.status < 100 || response.status == 101) {
    return fail_stream(stream.id, h2_error::kProtocol);
  }
  if (response.interim() && (end || message.content_length)) return fail_stream(stream.id, h2_error::kProtocol);
  const bool accepted = stream.tunnel && response.status >= 200 && response.status < 300;
  if (accepted || (response.status == 204 && message.content_length == 0)) message.content_length.reset();
  const bool bodiless = stream.bodiless || response.status == 304;
  if (end && !bodiless && message.content_length.value_or(0) > 0) return fail_stream(stream.id, h2_error::kProtocol);
  if (accepted) response.status = 101;
  if (stream.tunnel && response.status == kNotSwitched) take_not_switched(message.fields, response.status);
  response.content_length = message.content_length;
  response.fields = std::move(message.fields);
  message.fields = {};
  stream.final_head = !response.interim();
  if (stream.final_head) stream.expected = bodiless ? 0 : message.content_length;
  response.body = accepted || (stream.final_head && !end && response.content_length.value_or(1) > 0);
  const StreamId id = stream.id;
  events_.on_response(id, std::move(response));
  if (!end) return;
  Stream* still = find(id);
  if (still != nullptr) end_stream(*still, {});
}

void Impl::end_trailers(Stream& stream, bool end) {
  const Block& message = message_;
  if (message.malformed || message.too_large || !end || message.pseudo != 0 || stream.expected.value_or(0) > 0) {
    return fail_stream(stream.id, h2_error::kProtocol);
  }
  Fields trailers = std::move(message_.fields);
  message_.fields = {};
  trailers.remove_if([](const Field& field) { return forbidden_in_trailers(field.name); });
  end_stream(stream, std::move(trailers));
}

// The peer has ended its side.
void Impl::end_stream(Stream& stream, Fields&& trailers) {
  const StreamId id = stream.id;
  stream.remote_ended = true;
  if (!stream.abandoned && told(stream)) events_.on_end(id, std::move(trailers));
  close_if_done(id);
}

}  // namespace bulkhead::http
