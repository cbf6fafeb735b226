// The bodies of H1Decoder: RFC 9112 §6 and §7.

#include <algorithm>

#include <fmt/format.h>

#include "http/h1_decoder.hpp"
#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

using Kind = H1Step::Kind;

constexpr std::size_t kChunkLineLimit = 1024;  // a chunk's size with its extensions
constexpr std::size_t kSizeDigits = 15;        // can't overflow, and no chunk is larger

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

void skip_whitespace(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

bool take_token(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_token_octet(text[size])) ++size;
  text.remove_prefix(size);
  return size > 0;
}

// RFC 9110 §5.6.4; that no control byte is in it has been seen.
bool take_quoted(std::string_view& text) {
  if (!take(text, '"')) return false;
  while (!text.empty() && text.front() != '"') text.remove_prefix(text.front() == '\\' && text.size() > 1 ? 2 : 1);
  return take(text, '"');
}

// RFC 9112 §7.1.1: any number of `;name` and `;name=value`, with whitespace around the signs.
bool are_extensions(std::string_view text) {
  if (!is_field_value(text)) return false;
  while (!text.empty()) {
    skip_whitespace(text);
    if (!take(text, ';')) return false;
    skip_whitespace(text);
    if (!take_token(text)) return false;
    std::string_view value = text;
    skip_whitespace(value);
    if (!take(value, '=')) continue;
    skip_whitespace(value);
    if (!take_quoted(value) && !take_token(value)) return false;
    text = value;
  }
  return true;
}

}  // namespace

H1Step H1Decoder::decode_sized(std::string_view input) {
  if (input.empty()) return {};
  const std::size_t size = std::min<std::uint64_t>(left_, input.size());
  left_ -= size;
  if (left_ == 0) state_ = State::complete;
  return {Kind::body, size, input.substr(0, size)};
}

H1Step H1Decoder::decode_chunked(std::string_view input) {
  std::size_t done = 0;
  while (true) {
    const std::string_view rest = input.substr(done);
    if (state_ == State::chunk_end) {
      if (!rest.empty() && (rest[0] != '\r' || (rest.size() > 1 && rest[1] != '\n'))) {
        refuse(400, "a chunk's data is not followed by CRLF");
        return refused();
      }
      if (rest.size() < 2) return {Kind::need_more, done, {}};
      done += 2;
      state_ = State::chunk_size;
    } else if (state_ == State::chunk_size) {
      const Line result = read_chunk_size(rest);
      if (result == Line::refused) return refused();
      if (result == Line::incomplete) return {Kind::need_more, done, {}};
      done += position_;
      position_ = searched_ = 0;
      if (left_ == 0) {
        state_ = State::trailers;
        H1Step step = decode_trailers(input.substr(done));
        step.consumed += done;
        return step;
      }
      state_ = State::chunk_data;
    } else {
      if (rest.empty()) return {Kind::need_more, done, {}};
      const std::size_t size = std::min<std::uint64_t>(left_, rest.size());
      left_ -= size;
      if (left_ == 0) state_ = State::chunk_end;
      return {Kind::body, done + size, rest.substr(0, size)};
    }
  }
}

// Extensions are read and dropped; nothing else may follow the size.
H1Decoder::Line H1Decoder::read_chunk_size(std::string_view input) {
  std::string_view line;
  const Line result = read_line(input, kChunkLineLimit, "chunk's size line", line);
  if (result != Line::complete) return result;
  std::uint64_t size = 0;
  std::size_t digits = 0;
  while (digits < line.size() && hex_value(line[digits]) >= 0 && digits <= kSizeDigits) {
    size = size * 16 + static_cast<std::uint64_t>(hex_value(line[digits]));
    ++digits;
  }
  const std::string_view rest = line.substr(digits);
  const bool ends = rest.empty() || rest.front() == ';' || rest.front() == ' ' || rest.front() == '\t';
  if (digits > kSizeDigits) {
    refuse(400, fmt::format("a chunk's size has more than {} digits", kSizeDigits));
    return Line::refused;
  }
  if (digits == 0 || !ends) {
    refuse(400, "a chunk's size is not a plain hexadecimal number");
    return Line::refused;
  }
  if (!are_extensions(rest)) {
    refuse(400, "what follows a chunk's size is no extension");
    return Line::refused;
  }
  left_ = size;
  return Line::complete;
}

H1Step H1Decoder::decode_trailers(std::string_view input) {
  std::string_view line;
  while (true) {
    const Line result = read_line(input, limits_.trailer_bytes, "trailer section", line);
    if (result == Line::refused) return refused();
    if (result == Line::incomplete) return {};
    if (line.empty()) break;
    if (!take_trailer(input, line)) return refused();
  }
  const std::size_t size = position_;
  position_ = searched_ = 0;
  trailers_ = Fields::from_block(input.substr(0, size), std::move(head_.entries));
  head_ = {};
  state_ = State::ended;
  return {Kind::end, size, {}};
}

}  // namespace bulkhead::http
