#include "proxy/end_user.hpp"

#include "proxy/defaults.hpp"
#include "proxy/request_fields.hpp"

namespace bulkhead::proxy {

jose::TxnDomain txn_domain(const Snapshot& snapshot) {
  return {.issuer = fmt::format("spiffe://{}/{}/{}", snapshot.trust_domain, snapshot.app, policy::kGateway),
          .trust_domain = snapshot.trust_domain,
          .lifetime = defaults::kUserToken};
}

std::shared_ptr<const conditions::Document> claims_of(const std::shared_ptr<const jose::TxnContext>& context) {
  if (!context) return nullptr;
  return std::make_shared<const conditions::Document>(std::shared_ptr<const nlohmann::json>(context, &context->claims));
}

EndUserPtr end_user(std::string text, jose::TxnToken token) {
  struct Owner {
    Owner(std::string the_text, jose::TxnToken the_token)
        : token(std::move(the_token)),
          claims(claims_of(token.context)),
          user(std::move(the_text),
               {token.subject, token.request.provider, claims ? claims->value() : conditions::Document::empty_map()},
               token.expires) {}
    const jose::TxnToken token;
    const std::shared_ptr<const conditions::Document> claims;
    const EndUser user;
  };
  const auto owner = std::make_shared<const Owner>(std::move(text), std::move(token));
  return {owner, &owner->user};
}

void EndUsers::take(const Snapshot& snapshot) {
  domain_ = txn_domain(snapshot);
  if (snapshot.user_keys == text_ && snapshot.user_seal == seal_text_) return;
  // What was sealed by another key is believed no more.
  if (snapshot.user_seal != seal_text_) verified_ = jose::Cache<EndUser>(kRemembered);
  text_ = snapshot.user_keys;
  seal_text_ = snapshot.user_seal;
  keys_.reset();
  seal_.reset();
  if (text_.empty()) return;
  if (auto keys = jose::KeySet::parse(text_)) keys_ = std::move(*keys);
  if (seal_text_.empty()) return;
  if (auto seal = jose::SealKey::from_text(seal_text_)) seal_ = std::move(*seal);
}

jose::TokenResult<EndUserPtr> EndUsers::read(const http::Fields& fields, jose::Time now) {
  if (!keys_) return nullptr;
  const auto text = fields.only(kUserField);
  if (text) return verify(*text, now);
  if (!fields.has(kUserField)) return nullptr;
  return jose::refuse(jose::TokenCause::malformed, "there are two of them");
}

jose::TokenResult<EndUserPtr> EndUsers::verify(std::string_view text, jose::Time now) {
  const jose::Digest digest = jose::sha256(text);
  if (auto known = verified_.find(digest, keys_->revision(), now)) return known;
  auto token = jose::verify_txn_token(text, *keys_, domain_, now, seal_ ? &*seal_ : nullptr);
  if (!token) return std::unexpected(std::move(token.error()));
  auto user = end_user(std::string(text), std::move(*token));
  verified_.put(digest, keys_->revision(), user);
  return user;
}

const policy::User* policy_user(const Visit& visit) { return visit.user ? &visit.user->user : nullptr; }

jose::Time wall_seconds() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

}  // namespace bulkhead::proxy
