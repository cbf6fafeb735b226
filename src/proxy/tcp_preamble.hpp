#pragma once

// The first bytes of a raw TCP connection between two sidecars (ALPN "bulkhead-tcp"). The caller says which port of the
// callee it means and which span this is; the callee authorizes the port and answers. After an `ok` both ends' bytes
// follow. Pure.
//
//   caller → callee   "BHT1", port (2 bytes, big-endian), trace id (16), span id (8)
//   callee → caller   status (1 byte), length of the reason (2 bytes, big-endian), the reason

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::proxy {

struct TcpPreamble {
  static constexpr std::size_t kSize = 30;
  std::uint16_t port = 0;
  telemetry::TraceParent context;
};
std::string encode(const TcpPreamble& preamble);
// `bytes` is exactly TcpPreamble::kSize long. Cause::protocol for another magic or port 0.
Result<TcpPreamble> decode_tcp_preamble(std::string_view bytes);

enum class TcpStatus : std::uint8_t { ok = 0, denied = 1, unavailable = 2, overloaded = 3 };

struct TcpAnswer {
  static constexpr std::size_t kHeadSize = 3;
  static constexpr std::size_t kMaxReason = 1024;
  TcpStatus status = TcpStatus::ok;
  std::string reason;  // cut at kMaxReason
};
std::string encode(const TcpAnswer& answer);
struct TcpAnswerHead {
  TcpStatus status = TcpStatus::ok;
  std::size_t reason_size = 0;
};
Result<TcpAnswerHead> decode_tcp_answer_head(std::string_view bytes);

}  // namespace bulkhead::proxy
