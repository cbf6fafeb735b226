#include "gateway/client_certificate.hpp"

#include <algorithm>

namespace bulkhead::gateway {

namespace {

constexpr std::chrono::minutes kRefusedFor{1};

nlohmann::json claims_of(const std::vector<std::string>& wanted, const X509& leaf,
                         const std::vector<identity::ClientName>& names) {
  nlohmann::json claims = nlohmann::json::object();
  for (const std::string& claim : wanted) {
    if (claim == "issuer") claims[claim] = identity::issuer_text(leaf);
    if (claim == "serial") claims[claim] = identity::serial_text(leaf);
    if (claim != "names") continue;
    for (const identity::ClientName& name : names) claims[claim][to_string(name.kind)].push_back(name.text);
  }
  return claims;
}

Result<IdentityPtr> identity_of(const ClientAuthority& by, X509& leaf) {
  const auto names = identity::client_names(leaf);
  if (!names) return fail(names.error());
  const identity::ClientName* subject = identity::subject_of(*names, by.subject);
  if (subject == nullptr)
    return fail(Cause::denied, "it has no name of the kind {}",
                by.subject ? to_string(*by.subject) : "uri, email or dns");
  return std::make_shared<const Identity>(subject->text, by.name, claims_of(by.claims, leaf, *names));
}

}  // namespace

ClientCertificate::Verdict ClientCertificate::decide(const std::shared_ptr<const ClientAuthority>& by,
                                                     identity::WallTime now) const {
  const auto until = by->anchors.verify(presented_, now);
  Result<IdentityPtr> identity = until ? identity_of(*by, *presented_.leaf) : fail(until.error());
  return {by, now, until && identity ? *until : now + kRefusedFor, std::move(identity)};
}

const Result<IdentityPtr>& ClientCertificate::judge(const std::shared_ptr<const ClientAuthority>& by,
                                                    identity::WallTime now) {
  const auto found = std::ranges::find(known_, by->name, [](const Verdict& each) { return each.by->name; });
  if (found == known_.end()) return known_.emplace_back(decide(by, now)).identity;
  // The clock may have been set back.
  const bool holds = found->by == by && found->since <= now && now < found->until;
  if (!holds) *found = decide(by, now);
  return found->identity;
}

}  // namespace bulkhead::gateway
