#include <cstdlib>

#include "identity/peer.hpp"

// DER in, verdict out: it never crashes, and whatever is accepted is one canonical ID with a path.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace bulkhead;
  const unsigned char* at = data;
  const net::OpensslPtr<X509> leaf(d2i_X509(nullptr, &at, static_cast<long>(size)));
  if (!leaf) return 0;
  const auto id =
      identity::verify_svid(*leaf, std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)));
  if (!id) return 0;
  const auto again = identity::SpiffeId::parse(id->text());
  if (!again || *again != *id || id->path().empty()) std::abort();
  return 0;
}
