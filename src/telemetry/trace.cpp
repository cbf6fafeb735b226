#include "telemetry/trace.hpp"

#include <algorithm>
#include <cctype>
#include <vector>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bulkhead::telemetry {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kVersion00Size = 55;
constexpr std::size_t kMaxStateMembers = 32;
constexpr std::size_t kMaxStateBytes = 512;
constexpr std::size_t kMaxStateKey = 256;
constexpr std::size_t kMaxStateValue = 256;
constexpr std::size_t kMaxRequestId = 128;
constexpr std::size_t kMaxTenant = 241;
constexpr std::size_t kMaxSystem = 14;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// 16 for what is none.
unsigned digit_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  return c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10 : 16;
}

template <std::size_t Size>
bool all_zero(const std::array<std::uint8_t, Size>& bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

template <std::size_t Size>
std::array<std::uint8_t, Size> random_id(const Random& random) {
  std::array<std::uint8_t, Size> id{};
  random(id);
  if (all_zero(id)) id.back() = 1;
  return id;
}

bool is_key_rest(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/'; });
}

// "name", or "tenant@system", whose tenant may begin with a digit.
bool is_state_key(std::string_view key) {
  if (key.empty() || key.size() > kMaxStateKey) return false;
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) return is_lower(key.front()) && is_key_rest(key);
  const std::string_view tenant = key.substr(0, at);
  const std::string_view system = key.substr(at + 1);
  if (tenant.empty() || tenant.size() > kMaxTenant || system.empty() || system.size() > kMaxSystem) return false;
  if (!is_lower(tenant.front()) && !is_digit(tenant.front())) return false;
  return is_lower(system.front()) && is_key_rest(tenant) && is_key_rest(system);
}

bool is_state_value(std::string_view value) {
  if (value.empty() || value.size() > kMaxStateValue || value.back() == ' ') return false;
  return std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool read_hex(std::string_view text, std::span<std::uint8_t> bytes) {
  if (text.size() != bytes.size() * 2) return false;
  unsigned wrong = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned high = digit_value(text[2 * i]);
    const unsigned low = digit_value(text[2 * i + 1]);
    wrong |= high | low;
    bytes[i] = static_cast<std::uint8_t>(high << 4U | low);
  }
  return (wrong & 16U) == 0;
}

void write_hex(std::span<const std::uint8_t> bytes, std::span<char> text) {
  std::size_t i = 0;
#if defined(__SSE2__)
  // Eight octets at a time, as ids have eight or sixteen.
  for (; i + 8 <= bytes.size(); i += 8) {
    const __m128i octets = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes.data() + i));
    const __m128i low = _mm_set1_epi8(15);
    const __m128i digits = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(octets, 4), low), _mm_and_si128(octets, low));
    const __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(digits, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(text.data() + 2 * i),
                     _mm_add_epi8(_mm_add_epi8(digits, letters), _mm_set1_epi8('0')));
  }
#endif
  for (; i < bytes.size(); ++i) {
    text[2 * i] = kDigits[bytes[i] >> 4U];
    text[2 * i + 1] = kDigits[bytes[i] & 15U];
  }
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text(bytes.size() * 2, '0');
  write_hex(bytes, text);
  return text;
}

std::optional<TraceParent> parse_traceparent(std::string_view text) {
  if (text.size() < kVersion00Size || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  TraceParent parent;
  if (!read_hex(text.substr(0, 2), version) || version[0] == 0xff) return std::nullopt;
  if (text.size() > kVersion00Size && (version[0] == 0 || text[kVersion00Size] != '-')) return std::nullopt;
  if (!read_hex(text.substr(3, 32), parent.trace_id) || !read_hex(text.substr(36, 16), parent.span_id)) {
    return std::nullopt;
  }
  if (!read_hex(text.substr(53, 2), flags)) return std::nullopt;
  if (all_zero(parent.trace_id) || all_zero(parent.span_id)) return std::nullopt;
  parent.sampled = (flags[0] & 1U) != 0;
  return parent;
}

std::array<char, kVersion00Size> format_traceparent(const TraceParent& parent) {
  std::array<char, kVersion00Size> text;
  text.fill('-');
  const std::span<char> place(text);
  place[0] = place[1] = '0';
  write_hex(parent.trace_id, place.subspan(3));
  write_hex(parent.span_id, place.subspan(36));
  place[53] = '0';
  place[54] = parent.sampled ? '1' : '0';
  return text;
}

TraceParent start_span(const std::optional<TraceParent>& parent, const Random& random) {
  TraceParent span;
  span.trace_id = parent ? parent->trace_id : random_id<16>(random);
  span.span_id = random_id<8>(random);
  span.sampled = !parent || parent->sampled;
  return span;
}

bool is_tracestate(std::string_view text) {
  if (text.size() > kMaxStateBytes) return false;
  std::vector<std::string_view> keys;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view member = trimmed(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view key = member.substr(0, equals);
    if (!is_state_key(key) || !is_state_value(member.substr(equals + 1))) return false;
    if (std::ranges::find(keys, key) != keys.end() || keys.size() == kMaxStateMembers) return false;
    keys.push_back(key);
  }
  return !keys.empty();
}

bool is_request_id(std::string_view text) {
  constexpr std::string_view kMarks = "-_.:+/=@";
  if (text.empty() || text.size() > kMaxRequestId) return false;
  return std::ranges::all_of(text, [&](char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || kMarks.find(c) != std::string_view::npos;
  });
}

std::string request_id_of(const TraceId& trace) {
  auto bytes = trace;
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0fU) | 0x40U);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3fU) | 0x80U);
  std::string text(36, '-');
  std::size_t read = 0;
  std::size_t place = 0;
  for (const std::size_t group : {4U, 2U, 2U, 2U, 6U}) {
    write_hex(std::span(bytes).subspan(read, group), std::span<char>(text).subspan(place));
    read += group;
    place += 2 * group + 1;
  }
  return text;
}

}  // namespace bulkhead::telemetry
