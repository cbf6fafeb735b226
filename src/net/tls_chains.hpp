#pragma once

// Chains of certificates that were verified. Peers of the mesh come again and again with the same few, and their two
// signatures and the search for an issuer would be a sixth of a handshake. That a peer holds the leaf's key is proved
// by each handshake all the same, and who it is is decided anew.

#include <array>
#include <cstddef>
#include <ctime>
#include <map>

#include <openssl/x509_vfy.h>

namespace bulkhead::net {

// Of one TlsContext: of one set of trust anchors, of one purpose, and for no name. For one thread. Private to net.
class TlsChains {
 public:
  explicit TlsChains(std::size_t most) : most_(most) {}

  // As X509_verify_cert() does, which is asked where these certificates, all of them and in this order, have not been
  // accepted before, or one of their chain is not valid any more, or not yet, as of `now`. The fault of what is not
  // accepted is in `store`.
  bool verify(X509_STORE_CTX* store, std::time_t now);

  std::size_t size() const { return known_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Validity {
    std::time_t from, until;  // both included
    bool includes(std::time_t now) const { return from <= now && now <= until; }
  };
  static bool digest(X509_STORE_CTX* store, Digest& digest);
  static bool validity(X509_STORE_CTX* store, Validity& validity);
  void remember(const Digest& digest, const Validity& validity, std::time_t now);

  std::size_t most_;
  std::map<Digest, Validity> known_;
};

}  // namespace bulkhead::net
