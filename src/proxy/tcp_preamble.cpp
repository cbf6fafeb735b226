#include "proxy/tcp_preamble.hpp"

#include <algorithm>

namespace bulkhead::proxy {

namespace {

constexpr std::string_view kMagic = "BHT1";

void put16(std::string& text, std::size_t value) {
  text.push_back(static_cast<char>(value >> 8U & 0xffU));
  text.push_back(static_cast<char>(value & 0xffU));
}

std::uint16_t get16(std::string_view text) {
  const unsigned high = static_cast<unsigned char>(text[0]);
  const unsigned low = static_cast<unsigned char>(text[1]);
  return static_cast<std::uint16_t>(high << 8U | low);
}

}  // namespace

std::string encode(const TcpPreamble& preamble) {
  std::string text(kMagic);
  put16(text, preamble.port);
  text.append(preamble.context.trace_id.begin(), preamble.context.trace_id.end());
  text.append(preamble.context.span_id.begin(), preamble.context.span_id.end());
  return text;
}

Result<TcpPreamble> decode_tcp_preamble(std::string_view bytes) {
  if (bytes.size() != TcpPreamble::kSize || !bytes.starts_with(kMagic)) {
    return fail(Cause::protocol, "not the beginning of a raw connection");
  }
  TcpPreamble preamble;
  preamble.port = get16(bytes.substr(4));
  if (preamble.port == 0) return fail(Cause::protocol, "a raw connection to port 0");
  std::ranges::copy(bytes.substr(6, 16), preamble.context.trace_id.begin());
  std::ranges::copy(bytes.substr(22, 8), preamble.context.span_id.begin());
  return preamble;
}

std::string encode(const TcpAnswer& answer) {
  const std::string_view reason = std::string_view(answer.reason).substr(0, TcpAnswer::kMaxReason);
  std::string text(1, static_cast<char>(answer.status));
  put16(text, reason.size());
  return text.append(reason);
}

Result<TcpAnswerHead> decode_tcp_answer_head(std::string_view bytes) {
  if (bytes.size() != TcpAnswer::kHeadSize || static_cast<unsigned char>(bytes[0]) > 3) {
    return fail(Cause::protocol, "not an answer to a raw connection");
  }
  TcpAnswerHead head{static_cast<TcpStatus>(bytes[0]), get16(bytes.substr(1))};
  if (head.reason_size > TcpAnswer::kMaxReason) return fail(Cause::protocol, "an answer that is too long");
  return head;
}

}  // namespace bulkhead::proxy
