#include <cstddef>
#include <cstdint>
#include <span>

#include "net/nflog.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto& attempt : bulkhead::net::parse_nflog(std::as_bytes(std::span(data, size)))) {
    if (attempt.destination.empty()) __builtin_trap();
  }
  return 0;
}
