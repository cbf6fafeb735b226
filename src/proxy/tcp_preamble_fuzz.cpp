#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proxy/tcp_preamble.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::proxy;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto preamble = decode_tcp_preamble(bytes);
  if (preamble && encode(*preamble) != bytes) std::abort();
  const auto head = decode_tcp_answer_head(bytes);
  if (head && head->reason_size > TcpAnswer::kMaxReason) std::abort();
  return 0;
}
