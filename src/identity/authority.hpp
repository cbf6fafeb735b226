#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "identity/key.hpp"
#include "identity/spiffe_id.hpp"
#include "identity/time.hpp"
#include "net/tls.hpp"

namespace bulkhead::identity {

// A signed identity. The private key is with whoever asked.
struct Svid {
  SpiffeId id;
  std::string chain_pem;  // leaf, then intermediate
  WallTime not_before;
  WallTime not_after;
  std::string serial;  // 32 lower-case hexadecimal digits
};

// The certificate authority of one trust domain, in files of its own directory (mode 0600): a root of ten years that
// signs only intermediates, and an intermediate of one year that signs SVIDs. The intermediate is replaced when two
// thirds of its life are over; SVIDs carry the one that signed them, so old and new overlap under the same root.
class Authority {
 public:
  // Fails, naming file and remedy, when a file can be read or written by others, does not fit the others, is for
  // another trust domain, or the clock is outside the root's life.
  static Result<Authority> open_or_create(const std::string& directory, std::string_view trust_domain, WallClock clock);

  // Signs what a request's key is to be known as. `ttl` is cut to what is left of the intermediate's life. Denied when
  // the request asks for another ID than `id`, or `id` is of another trust domain or has no path.
  Result<Svid> sign(std::string_view request_pem, const SpiffeId& id, std::chrono::seconds ttl);

  // The trust anchors that peers verify against.
  const std::string& bundle_pem() const { return bundle_pem_; }
  const std::string& trust_domain() const { return trust_domain_; }

 private:
  struct Signer {
    net::OpensslPtr<X509> certificate;
    net::PrivateKey key;
  };
  Authority(std::string directory, std::string trust_domain, WallClock clock)
      : directory_(std::move(directory)), trust_domain_(std::move(trust_domain)), clock_(std::move(clock)) {}
  Result<> load_or_create_root();
  Result<> load_or_create_intermediate();
  Result<> create_intermediate();
  Result<> check_root_life() const;
  bool intermediate_is_due() const;

  std::string directory_;
  std::string trust_domain_;
  WallClock clock_;
  Signer root_;
  Signer intermediate_;
  std::string bundle_pem_;
  std::string intermediate_pem_;
};

}  // namespace bulkhead::identity
