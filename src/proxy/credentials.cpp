#include "proxy/credentials.hpp"

#include <ctime>

#include <openssl/x509.h>

#include "identity/key.hpp"

namespace bulkhead::proxy {

namespace {

identity::WallTime wall_now() { return std::chrono::system_clock::now(); }

Result<identity::WallTime> wall_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return fail(Cause::invalid, "certificate without a time");
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

}  // namespace

Result<std::string> Credentials::make_request() {
  auto key = identity::generate_key();
  if (!key) return fail(std::move(key.error()));
  pending_key_ = std::move(*key);
  return identity::make_certificate_request(pending_key_, own_);
}

Result<> Credentials::install(const std::string& chain_pem, const std::string& bundle_pem, double random) {
  if (!pending_key_) return fail(Cause::conflict, "a certificate came that nobody asked for");
  const auto chain = net::certificates_from_pem(chain_pem);
  if (!chain) return fail(within("certificate", chain.error()));
  X509& leaf = *chain->front();
  const auto id = identity::verify_svid(leaf, wall_now());
  if (!id) return fail(within("certificate", id.error()));
  if (*id != own_) return fail(Cause::denied, "the certificate is for {}, not for {}", id->text(), own_.text());
  if (X509_check_private_key(&leaf, pending_key_.get()) != 1) {
    return fail(Cause::invalid, "the certificate is for another key: {}", net::openssl_error());
  }
  const auto not_before = wall_time(X509_get0_notBefore(&leaf));
  const auto not_after = wall_time(X509_get0_notAfter(&leaf));
  if (!not_before || !not_after) return fail(Cause::invalid, "the certificate has no validity");

  const identity::WorkloadIdentity identity{own_, {chain_pem, pending_key_}, bundle_pem};
  const auto make = [&](net::TlsRole role, std::vector<std::string> alpn) {
    return net::TlsContext::make(identity::mesh_tls(role, identity, std::move(alpn), wall_now));
  };
  auto server = make(net::TlsRole::server, {std::string(kAlpnHttp), std::string(kAlpnTcp)});
  auto client_http = make(net::TlsRole::client, {std::string(kAlpnHttp)});
  auto client_tcp = make(net::TlsRole::client, {std::string(kAlpnTcp)});
  if (!server) return fail(std::move(server.error()));
  if (!client_http) return fail(std::move(client_http.error()));
  if (!client_tcp) return fail(std::move(client_tcp.error()));
  server_ = std::move(*server);
  client_http_ = std::move(*client_http);
  client_tcp_ = std::move(*client_tcp);
  pending_key_.reset();
  plan_.renewed(*not_before, *not_after, identity::moment_now(), random);
  looked_at_.reset();
  changed_.notify_all();
  return {};
}

bool Credentials::usable() const {
  if (looked_at_ != loop_.now()) {
    looked_at_ = loop_.now();
    usable_ = server_ != nullptr && plan_.usable(identity::moment_now());
  }
  return usable_;
}

}  // namespace bulkhead::proxy
