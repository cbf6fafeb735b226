#pragma once

// The end user that a request is made for. The gateway finds out who it is and signs it as a transaction token
// (jose/txn_token.hpp); from there on the token travels in a field of each request that the first one causes, and every
// sidecar verifies it. What a service can do with it: hand it on, or leave it out.

#include <memory>
#include <string>

#include "conditions/document.hpp"
#include "http/fields.hpp"
#include "jose/cache.hpp"
#include "jose/txn_token.hpp"
#include "policy/decide.hpp"
#include "proxy/journal.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

// Who mints and who reads agree on this. A token lives for as long as a request may reasonably wait before it causes
// the next one; what has begun with it may take longer.
jose::TxnDomain txn_domain(const Snapshot& snapshot);

// What `context` says, as conditions read it; null where that is.
std::shared_ptr<const conditions::Document> claims_of(const std::shared_ptr<const jose::TxnContext>& context);

// Immutable.
struct EndUser {
  // `user` borrows from what `owner` holds, if it is not this.
  EndUser(std::string the_text, policy::User the_user, jose::Time when, std::shared_ptr<const void> the_owner = nullptr)
      : text(std::move(the_text)), user(the_user), expires(when), owner(std::move(the_owner)) {}
  EndUser(const EndUser&) = delete;
  EndUser& operator=(const EndUser&) = delete;

  const std::string text;   // the token as it travels: a secret for as long as it lives
  const policy::User user;  // as conditions read it
  const jose::Time expires;
  const std::shared_ptr<const void> owner;
};
using EndUserPtr = std::shared_ptr<const EndUser>;

// Whom `token` is of, which says so as `text`.
EndUserPtr end_user(std::string text, jose::TxnToken token);

// Reads transaction tokens by the keys of the current snapshot, and remembers those that it verified. Loop's thread.
class EndUsers {
 public:
  // Whose signatures count from now on. The snapshot has been checked.
  void take(const Snapshot& snapshot);

  // Whether anybody could be known.
  bool known() const { return keys_.has_value(); }

  // Whoever `fields` say that the request is made for: null where they say nothing or nobody could be known, a fault
  // where it is not to be believed.
  jose::TokenResult<EndUserPtr> read(const http::Fields& fields, jose::Time now);

 private:
  jose::TokenResult<EndUserPtr> verify(std::string_view text, jose::Time now);

  std::optional<jose::KeySet> keys_;
  std::string text_;  // that keys_ was read of, and
  std::string seal_text_;
  jose::TxnDomain domain_;
  std::optional<jose::SealKey> seal_;  // ours
  // A token is of one request: it is asked for again by the calls that the request causes, soon or not at all.
  static constexpr std::size_t kRemembered = 256;
  jose::Cache<EndUser> verified_{kRemembered};
};

jose::Time wall_seconds();
// When `visit` began.
inline jose::Time came_at(const Visit& visit) { return std::chrono::floor<std::chrono::seconds>(visit.wall_start); }

// What a decision about `visit` is told of its user; null where there is none.
const policy::User* policy_user(const Visit& visit);

}  // namespace bulkhead::proxy
