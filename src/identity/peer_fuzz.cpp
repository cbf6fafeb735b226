#include <cstdlib>
#include <vector>

#include "identity/certificate.hpp"
#include "identity/key.hpp"
#include "identity/peer.hpp"

// DER in, verdict out: it never crashes, and whatever is accepted is one canonical ID with a path. Input that does not
// begin like DER is a list of edits (two bytes of offset, one byte) to a valid leaf, so that the checks behind the
// decoder are reached without a corpus.
namespace {

using namespace bulkhead;

const identity::WallTime kNow(std::chrono::seconds(1'700'000'000));

std::vector<unsigned char> valid_leaf() {
  const auto id = identity::SpiffeId::make("example", "shop", "cart");
  const auto key = identity::generate_key();
  const identity::Draft draft{"",
                              *id,
                              key->get(),
                              {kNow - std::chrono::hours(1), kNow + std::chrono::hours(1)},
                              {"critical,CA:FALSE", "critical,digitalSignature", "serverAuth,clientAuth"}};
  const auto made = identity::sign_certificate(draft, nullptr, key->get());
  unsigned char* der = nullptr;
  const int size = i2d_X509(made->certificate.get(), &der);
  std::vector<unsigned char> bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

void judge(const unsigned char* der, std::size_t size) {
  const net::OpensslPtr<X509> leaf(d2i_X509(nullptr, &der, static_cast<long>(size)));
  if (!leaf) return;
  const auto id = identity::verify_svid(*leaf, kNow);
  if (!id) return;
  const auto again = identity::SpiffeId::parse(id->text());
  if (!again || *again != *id || id->path().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const std::vector<unsigned char> leaf = valid_leaf();
  constexpr unsigned char kSequence = 0x30;
  if (size > 0 && data[0] == kSequence) {
    judge(data, size);
    return 0;
  }
  std::vector<unsigned char> edited = leaf;
  for (std::size_t at = 0; at + 2 < size; at += 3) {
    edited[(static_cast<std::size_t>(data[at]) << 8U | data[at + 1]) % edited.size()] = data[at + 2];
  }
  judge(edited.data(), edited.size());
  return 0;
}
