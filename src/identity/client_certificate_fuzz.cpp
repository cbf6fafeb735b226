#include <cstdlib>
#include <vector>

#include "identity/client_certificate.hpp"
#include "identity/fixture.hpp"

// DER in, names and verdict out: it never crashes, names are what they say, and nothing is believed that the one anchor
// did not sign. Input that does not begin like DER is a list of edits (two bytes of offset, one byte) to a valid leaf.
namespace {

using namespace bulkhead;  // NOLINT(google-build-using-namespace)

struct Fixture {
  identity::test::Issued root = identity::test::authority("root");
  identity::ClientAnchors anchors = *identity::ClientAnchors::parse(root.pem());
  std::vector<unsigned char> leaf;
  std::vector<identity::ClientName> names;

  Fixture() {
    const auto made = identity::test::issue(
        {.common_name = "Ann", .names = "email:ann@shop.example,DNS:pc.shop.example,URI:urn:ann"}, &root);
    unsigned char* der = nullptr;
    const int size = i2d_X509(made.certificate.get(), &der);
    leaf.assign(der, der + size);
    names = *identity::client_names(*made.certificate);
    OPENSSL_free(der);
  }
};

void judge(const Fixture& fixture, const unsigned char* der, std::size_t size) {
  net::PeerCertificates presented;
  presented.leaf.reset(d2i_X509(nullptr, &der, static_cast<long>(size)));
  if (!presented.leaf) return;
  X509& leaf = *presented.leaf;
  if (identity::issuer_text(leaf).size() > 1024 || identity::serial_text(leaf).size() > 128) std::abort();
  const auto names = identity::client_names(leaf);
  if (names) {
    if (names->size() > 33) std::abort();
    for (const identity::ClientName& name : *names)
      for (const char c : name.text)
        if (c < ' ' || c > '~') std::abort();
  }
  // Outside the signature's reach it may be written otherwise; its words are the same.
  const bool verified = fixture.anchors.verify(presented, std::chrono::system_clock::now()).has_value();
  if (verified && (!names || *names != fixture.names)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const Fixture fixture;
  constexpr unsigned char kSequence = 0x30;
  if (size > 0 && data[0] == kSequence) {
    judge(fixture, data, size);
    return 0;
  }
  std::vector<unsigned char> edited = fixture.leaf;
  for (std::size_t at = 0; at + 2 < size; at += 3)
    edited[(static_cast<std::size_t>(data[at]) << 8U | data[at + 1]) % edited.size()] = data[at + 2];
  judge(fixture, edited.data(), edited.size());
  return 0;
}
