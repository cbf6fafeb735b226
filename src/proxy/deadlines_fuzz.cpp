#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proxy/deadlines.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::proxy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto check = [](auto time, auto write, auto read) {
    if (!time) return;
    if (time->count() < 0 || *time > kLongestTimeout) std::abort();
    // Rounded up, and what is written stays as it is from then on.
    const auto next = read(write(*time));
    if (!next || *next < *time || read(write(*next)) != next) std::abort();
  };
  check(parse_grpc_timeout(text), format_grpc_timeout, parse_grpc_timeout);
  check(parse_timeout(text), format_timeout, parse_timeout);
  return 0;
}
