#include "gateway/minter.hpp"

#include <bit>
#include <cstdint>

#include "proxy/defaults.hpp"

namespace bulkhead::gateway {

Result<> Minter::take(const proxy::Snapshot& snapshot) {
  const proxy::Gateway& gateway = snapshot.gateway;
  if (gateway.signing_key_pem != signing_key_pem_ && !gateway.signing_key_pem.empty()) {
    auto key = jose::SigningKey::from_pem(gateway.signing_key_pem);
    if (!key) return fail(Cause::invalid, "the key of transaction tokens can't be read");
    signing_key_ = std::move(*key);
    signing_key_pem_ = gateway.signing_key_pem;
  }
  if (gateway.seals != seals_text_) {
    std::vector<jose::SealKey> seals;
    for (const std::string& text : gateway.seals) {
      auto seal = jose::SealKey::from_text(text);
      if (!seal) return fail(Cause::invalid, "a key of transaction tokens' seals can't be read");
      seals.push_back(std::move(*seal));
    }
    seals_ = std::move(seals);
    seals_text_ = gateway.seals;
  }
  domain_ = proxy::txn_domain(snapshot);
  starts_ = {};
  return {};
}

jose::TxnToken Minter::token_of(const Identity& identity, const Errand& errand) const {
  jose::TxnToken token;
  token.transaction = errand.transaction;
  token.subject = identity.subject;
  token.scope = errand.route;
  token.context = identity.context;
  token.request = {std::string(errand.client_address), identity.provider};
  return token;
}

// Identities lie in regular steps: what of a multiple is drawn from all bits (Knuth 6.4) does not.
std::size_t Minter::place_of(const Identity* identity) {
  const auto address = std::bit_cast<std::uintptr_t>(identity);
  return (address * 0x9e3779b97f4a7c15U) >> (64 - kStartBits);
}

Result<std::string> Minter::sealed_token(const IdentityPtr& identity, const Errand& errand, jose::Time now) {
  std::unique_ptr<const Start>& start = starts_[place_of(identity.get())];
  const bool known = start && start->identity == identity && start->second == now && start->route == errand.route &&
                     start->client_address == errand.client_address;
  if (!known) {
    auto made = jose::TxnStart::make(domain_, token_of(*identity, errand), now);
    if (!made) return fail(std::move(made.error()));
    start = std::make_unique<const Start>(identity, std::string(errand.route), std::string(errand.client_address), now,
                                          std::move(*made));
  }
  return start->start.mint(errand.transaction, seals_);
}

Result<proxy::EndUserPtr> Minter::mint(const IdentityPtr& identity, const Errand& errand, bool sealed, jose::Time now) {
  if (!signing_key_) return fail(Cause::invalid, "there is no key");  // no snapshot with providers is without
  const bool seals = sealed && !seals_.empty();
  Result<std::string> text;
  if (seals) text = sealed_token(identity, errand, now);
  // Shorter than many seals.
  if (!seals || (text && text->size() > proxy::defaults::kLongestUserToken))
    text = jose::mint(*signing_key_, domain_, token_of(*identity, errand), now);
  if (!text) return fail(std::move(text.error()));
  if (text->size() > proxy::defaults::kLongestUserToken)
    return fail(Cause::exhausted, "the claims that travel are too large");
  return std::make_shared<const proxy::EndUser>(std::move(*text), identity->user(), now + domain_.lifetime, identity);
}

}  // namespace bulkhead::gateway
