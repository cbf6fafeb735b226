#include <cstdlib>

#include "identity/spiffe_id.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using bulkhead::identity::SpiffeId;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto id = SpiffeId::parse(text);
  if (!id) return 0;
  if (id->text() != text) std::abort();
  if (id->service().empty()) return 0;
  const auto made = SpiffeId::make(id->trust_domain(), id->app(), id->service());
  if (!made || *made != *id) std::abort();
  return 0;
}
