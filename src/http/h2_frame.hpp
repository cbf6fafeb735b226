#pragma once

// The heads of HTTP/2 frames and the numbers in them (RFC 9113 §4.1, §6).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bulkhead::http::h2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t kHead = 9;
inline constexpr std::size_t kMaxFrame = 16384;  // SETTINGS_MAX_FRAME_SIZE, ours always
inline constexpr std::int64_t kInitialWindow = 65535;
inline constexpr std::int64_t kMaxWindow = 0x7fffffff;
inline constexpr std::int32_t kMaxStream = 0x7fffffff;

enum Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
};

inline constexpr std::uint8_t kEndStream = 0x1, kAck = 0x1, kEndHeaders = 0x4, kPadded = 0x8, kHasPriority = 0x20;

enum Setting : std::uint16_t {
  kHeaderTableSize = 1,
  kEnablePush = 2,
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kMaxFrameSize = 5,
  kMaxHeaderListSize = 6,
  kEnableConnectProtocol = 8,  // RFC 8441
  kNoRfc7540Priorities = 9,    // RFC 9218
};

struct Head {
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream = 0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

inline std::uint32_t octet(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }
inline std::uint32_t read_u16(std::string_view text) { return octet(text, 0) << 8U | octet(text, 1); }
inline std::uint32_t read_u32(std::string_view text) { return read_u16(text) << 16U | read_u16(text.substr(2)); }
inline std::int32_t read_u31(std::string_view text) { return static_cast<std::int32_t>(read_u32(text) & 0x7fffffffU); }

inline Head read_head(std::string_view text) {
  return {read_u16(text) << 8U | octet(text, 2), static_cast<std::uint8_t>(octet(text, 3)),
          static_cast<std::uint8_t>(octet(text, 4)), read_u31(text.substr(5))};
}

inline void append_u32(std::uint32_t value, std::string& out) {
  const char octets[] = {static_cast<char>(value >> 24U), static_cast<char>(value >> 16U),
                         static_cast<char>(value >> 8U), static_cast<char>(value)};
  out.append(octets, sizeof octets);
}
inline void append_u16(std::uint32_t value, std::string& out) {
  const char octets[] = {static_cast<char>(value >> 8U), static_cast<char>(value)};
  out.append(octets, sizeof octets);
}
inline void append_head(const Head& head, std::string& out) {
  const auto id = static_cast<std::uint32_t>(head.stream);
  const char octets[] = {
      static_cast<char>(head.length >> 16U), static_cast<char>(head.length >> 8U), static_cast<char>(head.length),
      static_cast<char>(head.type),          static_cast<char>(head.flags),        static_cast<char>(id >> 24U),
      static_cast<char>(id >> 16U),          static_cast<char>(id >> 8U),          static_cast<char>(id)};
  out.append(octets, sizeof octets);
}
inline void patch_length(std::string& out, std::size_t head_at, std::size_t length) {
  out[head_at] = static_cast<char>(length >> 16U);
  out[head_at + 1] = static_cast<char>(length >> 8U);
  out[head_at + 2] = static_cast<char>(length);
}

}  // namespace bulkhead::http::h2
