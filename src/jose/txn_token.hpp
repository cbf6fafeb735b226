#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.hpp"
#include "jose/seal.hpp"
#include "jose/signing_key.hpp"
#include "jose/token.hpp"

namespace bulkhead::jose {

// Transaction tokens (draft-ietf-oauth-transaction-tokens): who a request is made for, signed where it came in and
// carried unchanged through every call that it causes. Short-lived; good only inside one trust domain.

inline constexpr std::string_view kTxnTokenType = "txntoken+jwt";

// Who mints them, and for whom. Both ends of a trust domain have the same.
struct TxnDomain {
  std::string issuer;        // `iss`
  std::string trust_domain;  // `aud`
  std::chrono::seconds lifetime{30};
  std::chrono::seconds leeway{5};  // between the clocks of one domain
};

// Where the request came from (`rctx`). Each is left out where it is "".
struct RequestContext {
  std::string client_address;  // `req_ip`
  std::string provider;        // `provider`: who vouched for the user
  friend bool operator==(const RequestContext&, const RequestContext&) = default;
};

// The user's claims that may travel, an object. Immutable: all tokens of one credential share it.
struct TxnContext {
  explicit TxnContext(nlohmann::json the_claims, std::string the_text = "")
      : claims(std::move(the_claims)), text(std::move(the_text)) {}
  // Of which many tokens are to be minted.
  static std::shared_ptr<const TxnContext> written(nlohmann::json claims);

  const nlohmann::json claims;
  const std::string text;  // the same as JSON, or "", where it is written for each token
};

struct TxnToken {
  std::string transaction;  // `txn`: of this request and all that it causes. The gateway puts its trace's id here
  std::string subject;      // `sub`
  std::string scope;        // `scope`: the route that it came in by
  std::shared_ptr<const TxnContext> context;  // `tctx`; null: none
  RequestContext request;
  Time issued;
  Time expires;
};

// What a token is made of, JSON. Valid from `now` for the domain's lifetime; what `token` says of its times is not
// looked at. Cause::invalid where something in it is not UTF-8, or `context` is no
// object.
Result<std::string> txn_payload(const TxnDomain& domain, const TxnToken& token, Time now);

// What the sealed tokens of one user, route and second have in common: all but the transaction, written and hashed
// once. Immutable; any thread.
class TxnStart {
 public:
  // As txn_payload(); `token.transaction` is not looked at.
  static Result<TxnStart> make(const TxnDomain& domain, const TxnToken& token, Time now);
  // The whole token, for the parties of `keys`, 1 to kMostSeals. Cause::invalid where `transaction` is not UTF-8.
  Result<std::string> mint(std::string_view transaction, std::span<const SealKey> keys) const;

 private:
  explicit TxnStart(SealedStart start) : start_(std::move(start)) {}

  SealedStart start_;
};

// A token that every holder of the public key verifies.
Result<std::string> mint(const SigningKey& key, const TxnDomain& domain, const TxnToken& token, Time now);
// A token that the parties of `keys` verify, 1 to kMostSeals.
Result<std::string> mint(std::span<const SealKey> keys, const TxnDomain& domain, const TxnToken& token, Time now);

// As jose::verify(), with this typ and no other, this issuer and audience, and no longer life than the domain's.
// Members of `rctx` that are not known are not looked at. With `seal`, tokens that are sealed for that party, too. Any
// thread.
TokenResult<TxnToken> verify_txn_token(std::string_view text, const KeySet& keys, const TxnDomain& domain, Time now,
                                       const SealKey* seal = nullptr);

}  // namespace bulkhead::jose
