#include <cstdlib>

#include "net/client_hello.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = bulkhead::net::peek_client_hello(bytes);
  if (!whole || !whole->complete) return 0;
  // What is complete says the same however it arrives, and no prefix of it says something else.
  for (std::size_t cut = 0; cut < size; cut += 1 + size / 16) {
    const auto part = bulkhead::net::peek_client_hello(bytes.substr(0, cut));
    if (!part) std::abort();
    if (part->complete && part->sni != whole->sni) std::abort();
  }
  return 0;
}
