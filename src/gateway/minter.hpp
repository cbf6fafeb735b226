#pragma once

// Makes the transaction tokens in whose place a credential stays outside. Of the tokens of one user by one route from
// one address within a second only the transaction differs: what they have in common is written and hashed for the
// first, and kept for the next. Loop's thread.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gateway/identity.hpp"
#include "jose/seal.hpp"
#include "jose/signing_key.hpp"
#include "jose/txn_token.hpp"
#include "proxy/end_user.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::gateway {

class Minter {
 public:
  // The keys of a new configuration. Cause::invalid where they can't be read; those of the old one stay.
  Result<> take(const proxy::Snapshot& snapshot);

  // The request that a token is for. Views are borrowed for the call.
  struct Errand {
    std::string_view transaction;
    std::string_view route;  // that it came in by
    std::string_view client_address;
  };
  // Whom the request is made for, with the token that says so. `sealed`: all who read it verify seals. Cause::exhausted
  // where the claims that travel are too large, Cause::invalid where a claim is not UTF-8 or there is no key.
  Result<proxy::EndUserPtr> mint(const IdentityPtr& identity, const Errand& errand, bool sealed, jose::Time now);

 private:
  struct Start {
    IdentityPtr identity;
    std::string route, client_address;
    jose::Time second;
    jose::TxnStart start;
  };
  static constexpr int kStartBits = 7;

  Result<std::string> sealed_token(const IdentityPtr& identity, const Errand& errand, jose::Time now);
  static std::size_t place_of(const Identity* identity);
  jose::TxnToken token_of(const Identity& identity, const Errand& errand) const;

  jose::TxnDomain domain_;
  std::optional<jose::SigningKey> signing_key_;
  std::string signing_key_pem_;  // that it was read of
  std::vector<jose::SealKey> seals_;
  std::vector<std::string> seals_text_;  // likewise
  // Each at its identity's place.
  std::array<std::unique_ptr<const Start>, std::size_t{1} << kStartBits> starts_;
};

}  // namespace bulkhead::gateway
