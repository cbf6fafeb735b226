#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

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

// Where a thread's lines are written.
struct Room {
  char* begin;
  char* end;
};
std::vector<char>& own_room() {
  static thread_local std::vector<char> room(1024);
  return room;
}
[[gnu::noinline]] Room grow(std::size_t size) {
  own_room().resize(2 * size);
  return {own_room().data(), own_room().data() + 2 * size};
}

// Copies `text`, of which a byte may need six.
[[gnu::noinline]] char* escape(char* at, std::string_view text) {
  const auto put = [&](std::string_view piece) { at = std::ranges::copy(piece, at).out; };
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && kPlain[static_cast<unsigned char>(text[plain])]) ++plain;
    put(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::size_t length = sequence_length(text);
    const char c = text.front();
    if (length == 0) {
      put("\\ufffd");
    } else if (length > 1) {
      put(text.substr(0, length));
    } else if (c == '"' || c == '\\') {
      put("\\");
      put({&c, 1});
    } else {
      put(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return at;
}

// The members of one JSON object. There is one for each request: it is written by hand, and all of it is inlined so
// that the place of writing stays in a register.
class Line {
 public:
  template <std::size_t Size>
  [[gnu::always_inline]] explicit Line(const char (&begin)[Size]) {
    std::vector<char>& room = own_room();
    begin_ = at_ = room.data();
    end_ = begin_ + room.size();
    put(begin);
  }

  // `key` with what stands around it: `,"hop":`.
  template <std::size_t Size>
  [[gnu::always_inline]] void text(const char (&key)[Size], std::string_view value) {
    if (value.empty()) return;
    constexpr std::size_t kWorst = 6;  // a byte as \u001f
    make_room(Size + 2 + kWorst * value.size());
    put(key);
    put("\"");
    if (is_plain(value)) [[likely]]
      put(value);
    else
      at_ = escape(at_, value);
    put("\"");
  }
  template <std::size_t Size>
  [[gnu::always_inline]] void number(const char (&key)[Size], std::int64_t value) {
    const fmt::format_int digits(value);
    make_room(Size + digits.size());
    put(key);
    put({digits.data(), digits.size()});
  }
  template <std::size_t Size, std::size_t Bytes>
  [[gnu::always_inline]] void id(const char (&key)[Size], const std::array<std::uint8_t, Bytes>& bytes) {
    make_room(Size + 2 + 2 * Bytes);
    put(key);
    put("\"");
    write_hex(bytes, std::span(at_, 2 * Bytes));
    at_ += 2 * Bytes;
    put("\"");
  }
  // Members as a Line has written them.
  [[gnu::always_inline]] void members(std::string_view text) {
    make_room(text.size());
    put(text);
  }
  [[gnu::always_inline]] std::string_view end() {
    make_room(1);
    put("}");
    return so_far();
  }
  std::string_view so_far() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }

 private:
  [[gnu::always_inline]] void make_room(std::size_t wanted) {
    if (static_cast<std::size_t>(end_ - at_) >= wanted) [[likely]]
      return;
    const auto size = static_cast<std::size_t>(at_ - begin_);
    const Room room = grow(size + wanted);
    begin_ = room.begin;
    at_ = begin_ + size;
    end_ = room.end;
  }
  template <std::size_t Size>
  [[gnu::always_inline]] void put(const char (&text)[Size]) {
    std::memcpy(at_, text, Size - 1);
    at_ += Size - 1;
  }
  // Most are short: two copies that overlap are less than a call.
  [[gnu::always_inline]] void put(std::string_view text) {
    const std::size_t size = text.size();
    if (size > 16)
      std::memcpy(at_, text.data(), size);
    else if (size >= 8)
      put_ends<8>(text);
    else if (size >= 4)
      put_ends<4>(text);
    else if (size >= 2)
      put_ends<2>(text);
    else if (size == 1)
      *at_ = text.front();
    at_ += size;
  }
  template <std::size_t Size>
  [[gnu::always_inline]] void put_ends(std::string_view text) {
    std::memcpy(at_, text.data(), Size);
    std::memcpy(at_ + text.size() - Size, text.data() + text.size() - Size, Size);
  }

  char* begin_;
  char* at_;
  char* end_;
};

constexpr std::size_t kMostDetail = 400;
constexpr std::chrono::milliseconds kQueued{1};  // less is no waiting

std::int64_t whole_micros(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

std::string edge_members(std::string_view caller, std::string_view callee, std::uint16_t port) {
  Line line("");
  line.text(",\"caller\":", caller);
  line.text(",\"callee\":", callee);
  if (port != 0) line.number(",\"port\":", port);
  return std::string(line.so_far());
}

std::string_view to_line(const Span& span) {
  Line line("{\"type\":\"span\"");
  line.number(",\"start_us\":", unix_micros(span.start));
  line.number(",\"us\":", whole_micros(span.duration));
  line.id(",\"trace\":", span.context.trace_id);
  line.id(",\"span\":", span.context.span_id);
  if (span.parent) line.id(",\"parent\":", *span.parent);
  line.text(",\"request_id\":", span.request_id);
  line.text(",\"user\":", span.user);
  line.text(",\"hop\":", span.hop);
  line.members(span.edge);
  line.text(",\"instance\":", span.instance);
  line.text(",\"protocol\":", span.protocol);
  line.text(",\"method\":", span.method);
  line.text(",\"path\":", span.path.substr(0, span.path.find('?')));
  line.number(",\"status\":", span.status);
  if (span.grpc_status >= 0) line.number(",\"grpc_status\":", span.grpc_status);
  line.text(",\"cause\":", span.cause);
  if (!span.fell_back.empty()) line.text(",\"fell_back\":", span.fell_back);
  if (span.bytes_sent != 0) line.number(",\"sent\":", static_cast<std::int64_t>(span.bytes_sent));
  if (span.bytes_received != 0) line.number(",\"received\":", static_cast<std::int64_t>(span.bytes_received));
  if (span.attempts != 1) line.number(",\"attempts\":", span.attempts);
  line.text(",\"detail\":", span.detail.substr(0, kMostDetail));
  line.text(",\"rule\":", span.rule);
  line.text(",\"no_retry\":", span.no_retry);
  if (span.queued >= kQueued) line.number(",\"queued_us\":", whole_micros(span.queued));
  if (span.injected.count() > 0) line.number(",\"injected_us\":", whole_micros(span.injected));
  return line.end();
}

std::string_view to_line(const Denied& denied) {
  Line line("{\"type\":\"denied\"");
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
  return line.end();
}

std::string_view to_line(const UndeclaredDial& dial) {
  Line line("{\"type\":\"undeclared\"");
  line.number(",\"time_us\":", unix_micros(dial.time));
  line.text(",\"caller\":", dial.caller);
  line.text(",\"target\":", dial.target);
  line.text(",\"protocol\":", dial.protocol);
  line.text(",\"allow\":", dial.allow);
  if (dial.repeated != 1) line.number(",\"repeated\":", static_cast<std::int64_t>(dial.repeated));
  return line.end();
}

}  // namespace bulkhead::telemetry
