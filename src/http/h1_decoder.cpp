#include "http/h1_decoder.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

using Kind = H1Step::Kind;

bool is_target_octet(char c) { return c > 0x20 && c < 0x7f && c != '#'; }

}  // namespace

void H1Decoder::expect_response_to(std::string_view method, bool upgrade) {
  asked_method_.assign(method);
  upgrade_asked_ = upgrade;
}

H1Step H1Decoder::decode(std::string_view input) {
  switch (state_) {
    case State::start:
    case State::fields: return decode_head(input);
    case State::sized: return decode_sized(input);
    case State::chunk_size:
    case State::chunk_data:
    case State::chunk_end: return decode_chunked(input);
    case State::trailers: return decode_trailers(input);
    case State::until_close:
      if (input.empty()) return {};
      return {Kind::body, input.size(), input};
    case State::complete: state_ = State::ended; return {Kind::end, 0, {}};
    case State::ended: return {};
    case State::broken: return refused();
  }
  return refused();
}

H1Step H1Decoder::finish(std::size_t left) {
  switch (state_) {
    case State::until_close:
    case State::complete: state_ = State::ended; return {Kind::end, 0, {}};
    case State::ended: return {};
    case State::broken: return refused();
    case State::start:
      if (left == 0 && !head_.start_line) return {};
      break;
    default: break;
  }
  refuse(400, "the connection ended in the middle of a message");
  return refused();
}

void H1Decoder::next() {
  state_ = State::start;
  head_ = {};
  keep_alive_ = true;
  position_ = searched_ = 0;
  left_ = 0;
  request_ = {};
  response_ = {};
  trailers_.clear();
}

bool H1Decoder::refuse(std::uint16_t status, std::string reason) {
  refusal_ = {role_ == Role::request ? status : static_cast<std::uint16_t>(502), std::move(reason)};
  state_ = State::broken;
  keep_alive_ = false;
  return false;
}

H1Decoder::Line H1Decoder::read_line(std::string_view input, std::size_t limit, std::string_view what,
                                     std::string_view& line) {
  const std::size_t lf = input.find('\n', std::max(position_, searched_));
  const std::size_t end = lf == std::string_view::npos ? input.size() : lf + 1;
  if (end > limit) {
    const bool of_head = state_ == State::start || state_ == State::fields;
    refuse(of_head ? 431 : 400, fmt::format("the {} is above the limit of {} bytes", what, limit));
    return Line::refused;
  }
  searched_ = end;
  if (lf == std::string_view::npos) return Line::incomplete;
  if (lf == position_ || input[lf - 1] != '\r') {
    refuse(400, fmt::format("a line of the {} ends with a bare LF", what));
    return Line::refused;
  }
  line = input.substr(position_, lf - 1 - position_);
  position_ = end;
  return Line::complete;
}

H1Decoder::Line H1Decoder::read_start_line(std::string_view input) {
  if (position_ == 0 && !input.empty() && input.front() != '\r' && !is_token_octet(input.front())) {
    refuse(400, "the first byte is not the begin of an HTTP/1 message");
    return Line::refused;
  }
  // RFC 9112 §2.2: one empty line before a request is tolerated.
  if (role_ == Role::request && !head_.blank_skipped && input.starts_with("\r\n")) {
    head_.blank_skipped = true;
    position_ = 2;
  }
  const std::size_t begin = position_;
  const std::size_t lf = input.find('\n', std::max(begin, searched_));
  const std::size_t size = (lf == std::string_view::npos ? input.size() : lf + 1) - begin;
  if (size > limits_.start_line || (lf == std::string_view::npos && size == limits_.start_line)) {
    refuse(414, fmt::format("the first line is above the limit of {} bytes", limits_.start_line));
    return Line::refused;
  }
  std::string_view line;
  const Line result = read_line(input, begin + limits_.start_line, "first line", line);
  if (result != Line::complete) return result;
  const bool taken = role_ == Role::request ? take_request_line(line) : take_status_line(line);
  return taken ? Line::complete : Line::refused;
}

H1Step H1Decoder::decode_head(std::string_view input) {
  if (state_ == State::start) {
    const Line first = read_start_line(input);
    if (first == Line::refused) return refused();
    if (first == Line::incomplete) return {};
    state_ = State::fields;
    head_.start_line = true;
  }
  std::string_view line;
  while (true) {
    const Line result = read_line(input, limits_.bytes, "head", line);
    if (result == Line::refused) return refused();
    if (result == Line::incomplete) return {};
    if (line.empty()) break;
    if (!take_field(input, line)) return refused();
  }
  const std::size_t size = position_;
  position_ = searched_ = 0;
  const std::string_view block = input.substr(0, size);
  if (role_ == Role::request ? !end_request(block) : !end_response(block)) return refused();
  head_ = {};
  return {Kind::head, size, {}};
}

bool H1Decoder::take_version(std::string_view version) {
  if (version == "HTTP/1.1") {
    head_.version = Version::http11;
    return true;
  }
  if (version == "HTTP/1.0") {
    head_.version = Version::http10;
    return true;
  }
  const bool well_formed = version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
                           version[6] == '.' && is_digit(version[7]);
  if (well_formed) return refuse(505, fmt::format("version {} is not spoken here", version));
  return refuse(400, "the first line has no HTTP version");
}

bool H1Decoder::take_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return refuse(400, "the request line is not method, target and version");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(method)) return refuse(400, "the method is not a token");
  if (target.empty() || !std::ranges::all_of(target, is_target_octet)) {
    return refuse(400, "the target is empty or holds a byte that targets can't");
  }
  if (!take_version(line.substr(last + 1))) return false;
  if (method == "CONNECT") return refuse(405, "CONNECT is not offered");
  if (method == kPrefaceMethod) return refuse(400, kPrefaceMethodWhy);
  request_.method.assign(method);
  return take_target(target);
}

bool H1Decoder::take_target(std::string_view target) {
  if (target.front() == '/') {
    request_.target.assign(target);
    return true;
  }
  if (target == "*") {
    if (request_.method != "OPTIONS") return refuse(400, "the target * is for OPTIONS only");
    request_.target = "*";
    return true;
  }
  const std::size_t colon = target.find("://");
  const std::string_view scheme = target.substr(0, colon == std::string_view::npos ? 0 : colon);
  if (equal_ignoring_case(scheme, "http")) {
    request_.scheme = "http";
  } else if (equal_ignoring_case(scheme, "https")) {
    request_.scheme = "https";
  } else {
    return refuse(400, "the target is neither a path nor an http URL");
  }
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t path = std::min(rest.find_first_of("/?"), rest.size());
  head_.target_authority.assign(rest.substr(0, path));
  if (!is_authority(head_.target_authority)) return refuse(400, "the target's authority is not a host and a port");
  request_.target = path < rest.size() && rest[path] == '/' ? "" : "/";
  request_.target.append(rest.substr(path));
  return true;
}

bool H1Decoder::take_status_line(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (!take_version(line.substr(0, space))) return false;
  const std::string_view rest = space == std::string_view::npos ? "" : line.substr(space + 1);
  const bool digits = rest.size() >= 3 && std::ranges::all_of(rest.substr(0, 3), is_digit);
  if (!digits || (rest.size() > 3 && rest[3] != ' ') || rest[0] < '1' || rest[0] > '5') {
    return refuse(502, "the status is not a number from 100 to 599");
  }
  if (!is_field_value(rest.substr(3))) return refuse(502, "the reason holds a control byte");
  response_.status = static_cast<std::uint16_t>((rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0'));
  return true;
}

bool H1Decoder::split_field(std::string_view line, Field& field) {
  if (++head_.fields > limits_.count) {
    return refuse(431, fmt::format("there are more than the limit of {} fields", limits_.count));
  }
  if (line.front() == ' ' || line.front() == '\t') return refuse(400, "a field is folded over two lines");
  std::size_t colon = 0;
  while (colon < line.size() && is_token_octet(line[colon])) ++colon;
  if (colon == 0 || colon == line.size() || line[colon] != ':') {
    return refuse(400, "a field's name is empty, not a token, or not followed by a colon at once");
  }
  field = {line.substr(0, colon), trim_whitespace(line.substr(colon + 1))};
  if (is_field_value(field.value)) return true;
  return refuse(400, fmt::format("the value of {} holds a control byte", field.name));
}

void H1Decoder::keep_field(std::string_view input, const Field& field) {
  const auto offset = [&](std::string_view part) { return static_cast<std::uint32_t>(part.data() - input.data()); };
  if (head_.entries.empty()) head_.entries.reserve(16);
  head_.entries.push_back({offset(field.name), static_cast<std::uint32_t>(field.name.size()), offset(field.value),
                           static_cast<std::uint32_t>(field.value.size())});
}

bool H1Decoder::take_field(std::string_view input, std::string_view line) {
  Field field;
  bool special = false;
  if (!split_field(line, field) || !take_special(field.name, field.value, special)) return false;
  if (!special) keep_field(input, field);
  return true;
}

bool H1Decoder::take_trailer(std::string_view input, std::string_view line) {
  Field field;
  if (!split_field(line, field)) return false;
  if (!forbidden_in_trailers(field.name)) keep_field(input, field);
  return true;
}

// Fields that frame or route are told by members of the message. Connection and Upgrade are looked at and stay.
bool H1Decoder::take_special(std::string_view name, std::string_view value, bool& special) {
  switch (name.size()) {
    case 4:
      if (role_ == Role::response || !equal_ignoring_case(name, "host")) return true;
      special = true;
      return take_host(value);
    case 6:
      if (role_ == Role::response || !equal_ignoring_case(name, "expect")) return true;
      special = true;
      if (!equal_ignoring_case(value, "100-continue")) return refuse(417, "an expectation other than 100-continue");
      request_.expect_continue = true;
      return true;
    case 7:
      if (!equal_ignoring_case(name, "upgrade")) return true;
      if (!head_.upgrade_to.empty()) head_.upgrade_to += ',';
      head_.upgrade_to.append(value);
      return true;
    case 10:
      if (equal_ignoring_case(name, "connection")) take_connection(value);
      return true;
    case 14:
      if (!equal_ignoring_case(name, "content-length")) return true;
      special = true;
      return take_content_length(value);
    case 17:
      if (!equal_ignoring_case(name, "transfer-encoding")) return true;
      special = true;
      if (head_.chunked) return refuse(400, "more than one Transfer-Encoding");
      if (!equal_ignoring_case(value, "chunked")) return refuse(400, "a Transfer-Encoding other than chunked");
      head_.chunked = true;
      return true;
    default: return true;
  }
}

bool H1Decoder::take_content_length(std::string_view value) {
  if (head_.length) return refuse(400, "more than one Content-Length");
  if (value.empty() || !std::ranges::all_of(value, is_digit)) {
    return refuse(400, "the Content-Length is not a plain number");
  }
  constexpr std::size_t kDigits = 18;  // can't overflow, and no body is longer
  if (value.size() > kDigits) return refuse(400, fmt::format("the Content-Length has more than {} digits", kDigits));
  std::uint64_t length = 0;
  for (const char c : value) length = length * 10 + static_cast<std::uint64_t>(c - '0');
  head_.length = length;
  return true;
}

bool H1Decoder::take_host(std::string_view value) {
  if (head_.host) return refuse(400, "more than one Host");
  head_.host = true;
  if (!is_authority(value)) return refuse(400, "the Host is not a host and a port");
  request_.authority.assign(value);
  return true;
}

void H1Decoder::take_connection(std::string_view value) {
  for_each_member(value, [&](std::string_view member) {
    head_.close = head_.close || equal_ignoring_case(member, "close");
    head_.keep_alive = head_.keep_alive || equal_ignoring_case(member, "keep-alive");
    head_.upgrade = head_.upgrade || equal_ignoring_case(member, "upgrade");
  });
}

bool H1Decoder::end_request(std::string_view block) {
  if (!head_.host && head_.version == Version::http11) return refuse(400, "the request has no Host");
  if (!head_.target_authority.empty()) {
    if (head_.host && !equal_ignoring_case(head_.target_authority, request_.authority)) {
      return refuse(400, "the Host differs from the target's authority");
    }
    request_.authority = head_.target_authority;
  }
  if (head_.chunked && head_.length) return refuse(400, "both Transfer-Encoding and Content-Length");
  if (head_.chunked && head_.version == Version::http10) return refuse(400, "Transfer-Encoding in HTTP/1.0");
  keep_alive_ = !head_.close && (head_.version == Version::http11 || head_.keep_alive);
  request_.version = head_.version;
  request_.content_length = head_.length;
  request_.body = head_.chunked || head_.length.value_or(0) > 0;
  if (head_.version == Version::http10 || !request_.body) request_.expect_continue = false;
  take_upgrade();
  request_.fields = Fields::from_block(block, std::move(head_.entries));
  begin_body(head_.chunked, head_.length.value_or(0));
  return true;
}

// Only what can become a tunnel in every version of HTTP: a GET without a body that names one protocol. A server may
// ignore any other Upgrade (RFC 9110 §7.8), and h2c by upgrade is obsolete.
void H1Decoder::take_upgrade() {
  const std::string_view protocol = head_.upgrade_to;
  if (!head_.upgrade || head_.version != Version::http11 || request_.method != "GET" || request_.body) return;
  if (protocol.empty() || equal_ignoring_case(protocol, "h2c")) return;
  if (!std::ranges::all_of(protocol, [](char c) { return is_token_octet(c) || c == '/'; })) return;
  for (const char c : protocol) request_.protocol += lower(c);
}

bool H1Decoder::end_response(std::string_view block) {
  const std::uint16_t status = response_.status;
  if (head_.chunked && head_.length) return refuse(502, "both Transfer-Encoding and Content-Length");
  if (head_.chunked && head_.version == Version::http10) return refuse(502, "Transfer-Encoding in HTTP/1.0");
  const bool bodiless_status = status < 200 || status == 204;
  if (bodiless_status && (head_.chunked || head_.length.value_or(0) > 0)) {
    return refuse(502, fmt::format("a body announced with status {}", status));
  }
  if (status == 101 && !upgrade_asked_) return refuse(502, "101 without a request to switch");
  response_.version = head_.version;
  response_.content_length = bodiless_status ? std::nullopt : head_.length;
  response_.fields = Fields::from_block(block, std::move(head_.entries));
  keep_alive_ = !head_.close && (head_.version == Version::http11 || head_.keep_alive);
  if (status == 101) {
    response_.body = true;
    keep_alive_ = false;
    state_ = State::until_close;
    return true;
  }
  if (status < 200) {
    state_ = State::start;
    return true;
  }
  const bool may_have_body = response_may_have_body(asked_method_, status);
  const bool framed = head_.chunked || head_.length.has_value();
  if (!may_have_body) {
    begin_body(false, 0);
  } else if (framed) {
    response_.body = head_.chunked || *head_.length > 0;
    begin_body(head_.chunked, head_.length.value_or(0));
  } else {
    response_.body = true;
    keep_alive_ = false;
    state_ = State::until_close;
  }
  return true;
}

void H1Decoder::begin_body(bool chunked, std::optional<std::uint64_t> length) {
  left_ = length.value_or(0);
  if (chunked) {
    state_ = State::chunk_size;
  } else {
    state_ = left_ > 0 ? State::sized : State::complete;
  }
}

}  // namespace bulkhead::http
