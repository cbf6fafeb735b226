#include "net/tls_chains.hpp"

#include <algorithm>
#include <limits>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace bulkhead::net {

namespace {

bool seconds_of(const ASN1_TIME* time, std::time_t& seconds) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return false;
  seconds = ::timegm(&parts);
  return true;
}

}  // namespace

bool TlsChains::verify(X509_STORE_CTX* store, std::time_t now) {
  Digest presented;
  const bool comparable = digest(store, presented);
  if (comparable) {
    const auto known = known_.find(presented);
    if (known != known_.end() && known->second.includes(now)) {
      X509_STORE_CTX_set_error(store, X509_V_OK);
      return true;
    }
  }
  if (X509_verify_cert(store) != 1) return false;
  Validity valid;
  if (comparable && validity(store, valid) && valid.includes(now)) remember(presented, valid, now);
  return true;
}

// SHA-256 of the SHA-256 of each certificate that came.
bool TlsChains::digest(X509_STORE_CTX* store, Digest& digest) {
  constexpr int kMost = 8;
  const STACK_OF(X509)* came = X509_STORE_CTX_get0_untrusted(store);
  const int count = came != nullptr ? sk_X509_num(came) : 0;
  // The first of those that came is the leaf, which is not among them where only one is verified by itself.
  if (count < 1 || count > kMost || sk_X509_value(came, 0) != X509_STORE_CTX_get0_cert(store)) return false;
  std::array<unsigned char, kMost * sizeof(Digest)> all;
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) {
    unsigned written = 0;
    if (X509_digest(sk_X509_value(came, i), EVP_sha256(), all.data() + size, &written) != 1) return false;
    size += written;
  }
  return EVP_Digest(all.data(), size, digest.data(), nullptr, EVP_sha256(), nullptr) == 1;
}

bool TlsChains::validity(X509_STORE_CTX* store, Validity& validity) {
  validity = {std::numeric_limits<std::time_t>::min(), std::numeric_limits<std::time_t>::max()};
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(store);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    std::time_t from = 0;
    std::time_t until = 0;
    const X509* certificate = sk_X509_value(chain, i);
    if (!seconds_of(X509_get0_notBefore(certificate), from) || !seconds_of(X509_get0_notAfter(certificate), until))
      return false;
    validity.from = std::max(validity.from, from);
    validity.until = std::min(validity.until, until);
  }
  return true;
}

void TlsChains::remember(const Digest& digest, const Validity& validity, std::time_t now) {
  if (known_.size() >= most_) std::erase_if(known_, [&](const auto& each) { return !each.second.includes(now); });
  if (known_.size() >= most_) known_.clear();
  known_.insert_or_assign(digest, validity);
}

}  // namespace bulkhead::net
