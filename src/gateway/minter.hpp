#pragma once

// Signs transaction tokens for the door. A signature costs more than the rest of a request, and each sidecar behind
// pays three times as much to verify it, so tokens that are wanted in one turn of the loop get one together
// (jose/token_tree.hpp), and in a crowd those that are wanted within kApart of the last signature. Else nobody waits;
// the busier the gateway is, the less each costs.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jose/signing_key.hpp"
#include "jose/txn_token.hpp"
#include "net/event.hpp"
#include "net/loop.hpp"
#include "net/timer.hpp"

namespace bulkhead::gateway {

// Loop's thread.
class Minter {
 public:
  // Between two signatures in a crowd. Each costs 20 to 40 µs, so that a busy gateway signs for a few hundredths of its
  // time.
  static constexpr net::Duration kApart = std::chrono::milliseconds(1);

  explicit Minter(net::Loop& loop, net::Duration apart = kApart)
      : loop_(loop),
        apart_(apart),
        sign_(loop, [this] { sign_all(); }),
        signed_(loop),
        rested_(&Minter::on_rested, this) {}

  // The key from now on: PKCS #8 PEM, a secret. Who waits gets the signature of the one before.
  Result<> take(const std::string& pem);

  // `together`: whoever verifies knows of trees. Else, and where no other token is wanted now, it is signed by itself.
  // `crowd`: so many others are under way that waiting for kApart brings company. As jose::mint().
  net::Task<Result<std::string>> mint(const jose::TxnDomain& domain, const jose::TxnToken& token, bool together,
                                      bool crowd);

 private:
  struct Waiting {
    std::string payload;
    std::optional<Result<std::string>> token;
  };
  void sign_soon(bool crowd);
  void sign_all();
  static void on_rested(void* self) { static_cast<Minter*>(self)->sign_all(); }

  net::Loop& loop_;
  net::Duration apart_;
  std::optional<jose::SigningKey> key_;
  std::string pem_;  // that key_ was read of
  std::vector<std::shared_ptr<Waiting>> waiting_;
  net::Deferred sign_;
  net::Notify signed_;
  net::SteadyTime rests_until_;
  net::Timer rested_;
};

}  // namespace bulkhead::gateway
