#include "identity/peer.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "identity/certificate.hpp"

namespace bulkhead::identity {
namespace {

std::unexpected<Fault> not_svid(std::string_view why) { return fail(Cause::denied, "not an X.509-SVID: {}", why); }

bool stands_once_and_critical(const X509& leaf, int nid) {
  const int at = X509_get_ext_by_NID(&leaf, nid, -1);
  if (at < 0 || X509_get_ext_by_NID(&leaf, nid, at) >= 0) return false;
  return X509_EXTENSION_get_critical(X509_get_ext(&leaf, at)) == 1;
}

Result<> check_use(X509& leaf) {
  const std::uint32_t flags = X509_get_extension_flags(&leaf);
  if ((flags & EXFLAG_INVALID) != 0 || (flags & EXFLAG_V1) != 0) return not_svid("its extensions are not understood");
  if ((flags & EXFLAG_CA) != 0) return not_svid("it is a signing certificate");
  if ((flags & EXFLAG_KUSAGE) == 0 || !stands_once_and_critical(leaf, NID_key_usage)) {
    return not_svid("it has no critical key usage");
  }
  const std::uint32_t usage = X509_get_key_usage(&leaf);
  if ((usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0) return not_svid("its key may sign certificates");
  if ((usage & KU_DIGITAL_SIGNATURE) == 0) return not_svid("its key may not sign handshakes");
  if ((flags & EXFLAG_XKUSAGE) == 0) return {};
  constexpr std::uint32_t kBoth = XKU_SSL_SERVER | XKU_SSL_CLIENT;
  if ((X509_get_extended_key_usage(&leaf) & kBoth) != kBoth) return not_svid("it is not for servers and clients both");
  return {};
}

// The text of the only URI; it lives as long as `names`.
Result<std::string_view> only_uri(const GENERAL_NAMES* names) {
  const GENERAL_NAME* found = nullptr;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    if (found != nullptr) return not_svid("it has several URI names");
    found = name;
  }
  if (found == nullptr) return not_svid("it has no URI name");
  return text_of(found->d.uniformResourceIdentifier);
}

Result<SpiffeId> read_id(const X509& leaf) {
  int critical = -1;
  const GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&leaf, NID_subject_alt_name, &critical, nullptr)));
  if (!names) return not_svid("it has no alternative name, or several lists of them");
  const bool nameless = X509_NAME_entry_count(X509_get_subject_name(&leaf)) == 0;
  if (nameless && critical != 1) return not_svid("it has neither a subject nor a critical alternative name");
  const auto uri = only_uri(names.get());
  if (!uri) return fail(uri.error());
  auto id = SpiffeId::parse(*uri);
  if (!id) return not_svid(id.error().message);
  if (id->path().empty()) return not_svid("it is for a trust domain and not for a workload");
  return id;
}

Result<> check_lifetime(const X509& leaf, WallTime now) {
  const auto validity = validity_of(leaf);
  if (!validity) return not_svid(validity.error().message);
  if (now < validity->not_before) return not_svid("it is not valid yet");
  if (now > validity->not_after) return not_svid("it has expired");
  return {};
}

}  // namespace

Result<SpiffeId> verify_svid(X509& leaf, WallTime now) {
  ERR_clear_error();
  if (const auto checked = check_use(leaf); !checked) return fail(checked.error());
  if (const auto checked = check_lifetime(leaf, now); !checked) return fail(checked.error());
  auto id = read_id(leaf);
  ERR_clear_error();
  return id;
}

net::TlsConfig mesh_tls(net::TlsRole role, const WorkloadIdentity& own, std::vector<std::string> alpn,
                        WallClock clock) {
  net::TlsConfig config;
  config.role = role;
  config.credentials = {own.credential};
  config.trust_anchors_pem = own.bundle_pem;
  config.alpn = std::move(alpn);
  config.peer = net::PeerCheck::mesh;
  config.accept_peer = [trust_domain = std::string(own.id.trust_domain()),
                        clock = std::move(clock)](X509& leaf) -> Result<std::string> {
    const auto id = verify_svid(leaf, clock());
    if (!id) return fail(id.error());
    if (id->trust_domain() != trust_domain) {
      return fail(Cause::denied, "{} is not of the trust domain {}", id->text(), trust_domain);
    }
    return id->text();
  };
  return config;
}

std::function<Result<>(const std::string&)> expect_peer(SpiffeId id) {
  return [id = std::move(id)](const std::string& peer) -> Result<> {
    if (!id.empty() && peer_identity(peer) == id) return {};
    return fail(Cause::denied, "expected {}, found {}", id.text(), peer.empty() ? "nobody" : peer);
  };
}

SpiffeId peer_identity(const std::string& peer) {
  auto id = SpiffeId::parse(peer);
  return id ? std::move(*id) : SpiffeId();
}

}  // namespace bulkhead::identity
