#pragma once

// Signs transaction tokens for the door. A signature costs more than the rest of a request, so all tokens that are
// wanted in one turn of the loop get one together (jose/token_tree.hpp): nobody waits for another request to come, and
// the busier the gateway is, the less each costs.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jose/signing_key.hpp"
#include "jose/txn_token.hpp"
#include "net/event.hpp"
#include "net/loop.hpp"

namespace bulkhead::gateway {

// Loop's thread.
class Minter {
 public:
  explicit Minter(net::Loop& loop) : sign_(loop, [this] { sign_all(); }), signed_(loop) {}

  // The key from now on: PKCS #8 PEM, a secret.
  Result<> take(const std::string& pem);

  // `together`: whoever verifies knows of trees. Else, and where no other token is wanted now, it is signed by itself.
  // As jose::mint().
  net::Task<Result<std::string>> mint(const jose::TxnDomain& domain, const jose::TxnToken& token, bool together);

 private:
  struct Waiting {
    std::string payload;
    std::optional<Result<std::string>> token;
  };
  void sign_all();

  std::optional<jose::SigningKey> key_;
  std::string pem_;  // that key_ was read of
  std::vector<std::shared_ptr<Waiting>> waiting_;
  net::Deferred sign_;
  net::Notify signed_;
};

}  // namespace bulkhead::gateway
