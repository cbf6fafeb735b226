#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

#include "base/octet_scan.hpp"
#include "telemetry/records.hpp"

namespace bulkhead::telemetry {

namespace {

// The length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629 §4), 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf && tail(1)) return 2;
  const unsigned second = byte(1);
  if (first >= 0xe0 && first <= 0xef && tail(1) && tail(2)) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4 && tail(1) && tail(2) && tail(3)) {
    const bool overlong = first == 0xf0 && second < 0x90;
    const bool beyond = first == 0xf4 && second >= 0x90;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

constexpr std::array<bool, 256> make_plain_table() {
  std::array<bool, 256> table{};
  for (unsigned c = 0x20; c < 0x7f; ++c) table[c] = c != '"' && c != '\\';
  return table;
}
constexpr std::array<bool, 256> kPlain = make_plain_table();

// Most values need no escape: seen sixteen octets at a time.
bool is_plain(std::string_view value) {
#if defined(__SSE2__)
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i del = _mm_set1_epi8(0x7f);
  return !any_octet(value, [&](__m128i octets) {
    const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(octets, quote), _mm_cmpeq_epi8(octets, backslash));
    const __m128i outside = _mm_or_si128(_mm_cmplt_epi8(octets, space), _mm_cmpeq_epi8(octets, del));  // as signed
    return _mm_or_si128(marks, outside);
  });
#else
  return std::ranges::all_of(value, [](char c) { return kPlain[static_cast<unsigned char>(c)]; });
#endif
}

// Appends the members of one JSON object. Lines are made for each request, so room is made once and filled by hand.
class Line {
 public:
  Line(std::string& out, std::string_view type) : out_(out), size_(out.size()) {
    out_.resize(size_ + kFirst);
    put("{\"type\":\"");
    put(type);
    put("\"");
  }

  // `key` with what stands around it: `,"hop":`.
  template <std::size_t Size>
  void text(const char (&key)[Size], std::string_view value) {
    if (value.empty()) return;
    constexpr std::size_t kWorst = 6;  // a byte as \u001f
    make_room(Size + 2 + kWorst * value.size());
    put(key);
    put("\"");
    quote(value);
    put("\"");
  }
  template <std::size_t Size>
  void number(const char (&key)[Size], std::int64_t value) {
    const fmt::format_int digits(value);
    make_room(Size + digits.size());
    put(key);
    put({digits.data(), digits.size()});
  }
  template <std::size_t Size, std::size_t Bytes>
  void id(const char (&key)[Size], const std::array<std::uint8_t, Bytes>& bytes) {
    make_room(Size + 2 + 2 * Bytes);
    put(key);
    put("\"");
    write_hex(bytes, std::span(out_).subspan(size_));
    size_ += 2 * Bytes;
    put("\"");
  }
  void end() {
    make_room(1);
    put("}");
    out_.resize(size_);
  }

 private:
  static constexpr std::size_t kFirst = 768;

  void make_room(std::size_t wanted) {
    if (out_.size() - size_ < wanted) out_.resize(2 * out_.size() + wanted);
  }
  template <std::size_t Size>
  void put(const char (&text)[Size]) {
    std::memcpy(out_.data() + size_, text, Size - 1);
    size_ += Size - 1;
  }
  void put(std::string_view text) {
    std::memcpy(out_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }

  void quote(std::string_view value) {
    if (is_plain(value)) return put(value);
    while (true) {
      std::size_t plain = 0;
      while (plain < value.size() && kPlain[static_cast<unsigned char>(value[plain])]) ++plain;
      put(value.substr(0, plain));
      value.remove_prefix(plain);
      if (value.empty()) return;
      const std::size_t length = sequence_length(value);
      const char c = value.front();
      if (length == 0) {
        put("\\ufffd");
      } else if (length > 1) {
        put(value.substr(0, length));
      } else if (c == '"' || c == '\\') {
        const std::array<char, 2> escaped{'\\', c};
        put({escaped.data(), escaped.size()});
      } else {
        put(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
      }
      value.remove_prefix(length == 0 ? 1 : length);
    }
  }

  std::string& out_;
  std::size_t size_;  // of what is written; `out_` is longer until end()
};

constexpr std::size_t kMostDetail = 400;
constexpr std::chrono::milliseconds kQueued{1};  // less is no waiting

std::int64_t whole_micros(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

void append_line(const Span& span, std::string& out) {
  Line line(out, "span");
  line.number(",\"start_us\":", unix_micros(span.start));
  line.number(",\"us\":", whole_micros(span.duration));
  line.id(",\"trace\":", span.context.trace_id);
  line.id(",\"span\":", span.context.span_id);
  if (span.parent) line.id(",\"parent\":", *span.parent);
  line.text(",\"request_id\":", span.request_id);
  line.text(",\"user\":", span.user);
  line.text(",\"hop\":", span.hop);
  line.text(",\"caller\":", span.caller);
  line.text(",\"callee\":", span.callee);
  line.text(",\"instance\":", span.instance);
  if (span.port != 0) line.number(",\"port\":", span.port);
  line.text(",\"protocol\":", span.protocol);
  line.text(",\"method\":", span.method);
  line.text(",\"path\":", span.path.substr(0, span.path.find('?')));
  line.number(",\"status\":", span.status);
  if (span.grpc_status >= 0) line.number(",\"grpc_status\":", span.grpc_status);
  line.text(",\"cause\":", span.cause);
  if (!span.fell_back.empty()) line.text(",\"fell_back\":", span.fell_back);
  line.number(",\"sent\":", static_cast<std::int64_t>(span.bytes_sent));
  line.number(",\"received\":", static_cast<std::int64_t>(span.bytes_received));
  if (span.attempts != 1) line.number(",\"attempts\":", span.attempts);
  line.text(",\"detail\":", span.detail.substr(0, kMostDetail));
  line.text(",\"rule\":", span.rule);
  line.text(",\"no_retry\":", span.no_retry);
  if (span.queued >= kQueued) line.number(",\"queued_us\":", whole_micros(span.queued));
  if (span.injected.count() > 0) line.number(",\"injected_us\":", whole_micros(span.injected));
  line.end();
}

void append_line(const Denied& denied, std::string& out) {
  Line line(out, "denied");
  line.number(",\"time_us\":", unix_micros(denied.time));
  line.text(",\"subject\":", denied.subject);
  line.text(",\"object\":", denied.object);
  line.text(",\"owner\":", denied.owner);
  line.text(",\"action\":", denied.action.substr(0, denied.action.find('?')));
  line.text(",\"verdict\":", denied.verdict);
  line.text(",\"rule\":", denied.rule);
  line.text(",\"rule_at\":", denied.rule_at);
  line.text(",\"reason\":", denied.reason);
  line.text(",\"allow\":", denied.allow);
  line.text(",\"hop\":", denied.hop);
  line.text(",\"trace\":", denied.trace_id);
  line.text(",\"request_id\":", denied.request_id);
  line.text(",\"user\":", denied.user);
  if (denied.repeated != 1) line.number(",\"repeated\":", static_cast<std::int64_t>(denied.repeated));
  line.end();
}

void append_line(const UndeclaredDial& dial, std::string& out) {
  Line line(out, "undeclared");
  line.number(",\"time_us\":", unix_micros(dial.time));
  line.text(",\"caller\":", dial.caller);
  line.text(",\"target\":", dial.target);
  line.text(",\"protocol\":", dial.protocol);
  line.text(",\"allow\":", dial.allow);
  if (dial.repeated != 1) line.number(",\"repeated\":", static_cast<std::int64_t>(dial.repeated));
  line.end();
}

}  // namespace bulkhead::telemetry
