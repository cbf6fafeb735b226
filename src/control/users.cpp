#include "control/users.hpp"

#include <openssl/rand.h>

#include "base/fd.hpp"
#include "jose/base64url.hpp"
#include "jose/seal.hpp"
#include "jose/signing_key.hpp"

namespace bulkhead::control {

namespace {

constexpr int kSecret = 32;  // octets

// P-256: OpenSSL verifies its signatures in less time than Ed25519's, and every hop verifies (bench/tokens).
Result<jose::SigningKey> signing_key(const std::string& place) {
  const std::string path = place + "/key.pem";
  if (const auto kept = read_file(path)) {
    auto key = jose::SigningKey::from_pem(*kept);
    if (!key) return fail(within(path, std::move(key.error())));
    return key;
  }
  auto key = jose::SigningKey::generate(jose::Algorithm::es256);
  if (!key) return key;
  auto pem = key->private_pem();
  if (!pem) return fail(std::move(pem.error()));
  if (auto written = write_file_atomically(path, *pem, 0600); !written) return fail(std::move(written.error()));
  return key;
}

// What the seals of all services are derived of.
Result<std::string> seal_secret(const std::string& place) {
  const std::string path = place + "/seals.secret";
  if (auto kept = read_file(path)) {
    if (const auto secret = jose::decode_base64url(*kept); secret && secret->size() == kSecret) return *secret;
    return fail(Cause::invalid, "{}: not {} octets in base64url; remove it, and another one is made", path, kSecret);
  }
  std::string secret(kSecret, '\0');
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(secret.data()), kSecret) != 1)
    return fail(Cause::internal, "there are no random octets for the seals' secret");
  if (auto written = write_file_atomically(path, jose::encode_base64url(secret), 0600); !written)
    return fail(std::move(written.error()));
  return secret;
}

std::string host_and_port(const manifest::KeyHost& host) {
  const bool bracketed = host.is_address && host.host.find(':') != std::string::npos;
  return bracketed ? fmt::format("[{}]:{}", host.host, host.port.number)
                   : fmt::format("{}:{}", host.host, host.port.number);
}

}  // namespace

proxy::Provider provider_of(const manifest::Provider& written) {
  proxy::Provider provider;
  provider.name = written.name;
  provider.issuer = written.issuer;
  provider.audiences = written.audiences;
  provider.jwks = written.keys;
  provider.jwks_url = written.jwks_url;
  for (const manifest::KeyHost& host : written.hosts) provider.hosts.push_back(host_and_port(host));
  provider.rsa_algorithm = written.rsa_algorithm;
  provider.claims = written.claims;
  provider.api_keys = written.api_keys;
  if (written.client_certificates) {
    provider.client_anchors_pem = written.client_certificates->anchors;
    provider.client_subject = written.client_certificates->subject;
  }
  return provider;
}

Result<Users> users_of(const manifest::Application& application, const std::string& place) {
  Users users;
  if (application.auth.empty()) return users;
  for (const manifest::Provider& written : application.auth) users.providers.push_back(provider_of(written));
  if (auto made = make_directories(place); !made) return fail(std::move(made.error()));
  auto key = signing_key(place);
  if (!key) return fail(within("the key of transaction tokens", std::move(key.error())));
  auto pem = key->private_pem();
  if (!pem) return fail(std::move(pem.error()));
  users.signing_key_pem = std::move(*pem);
  users.keys = key->public_jwk();
  const auto secret = seal_secret(place);
  if (!secret) return fail(within("the seals of transaction tokens", secret.error()));
  for (const manifest::Service& service : application.services)
    users.seals.emplace(service.name, jose::SealKey::derive(*secret, service.name).text());
  return users;
}

}  // namespace bulkhead::control
