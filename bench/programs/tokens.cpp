// What tokens cost: nanoseconds of this thread's CPU time for each operation, median, least and most of the rounds.
// Each round runs every operation, so that what disturbs the machine disturbs all; an operation of ours stands beside
// the bare signature of OpenSSL that it contains, and their difference round by round is what we add.
//
//   tokens [ROUNDS]

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include <openssl/rsa.h>
#include <time.h>

#include "jose/api_key.hpp"
#include "jose/base64url.hpp"
#include "jose/cache.hpp"
#include "jose/evp.hpp"
#include "jose/txn_token.hpp"

namespace {

using namespace bulkhead::jose;
using nlohmann::json;

constexpr Time kNow{std::chrono::seconds(1'800'000'000)};
constexpr double kRoundNs = 10e6;  // about how long a round measures one operation

double cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Operation {
  const char* name;
  std::function<bool()> run;
  int beside = -1;  // the operation that is a part of this one
  int times = 1;
  std::vector<double> ns = {};
};

double once(const Operation& operation) {
  const double begin = cpu_ns();
  for (int i = 0; i < operation.times; ++i) {
    if (!operation.run()) {
      std::fprintf(stderr, "tokens: %s failed\n", operation.name);
      std::exit(1);
    }
  }
  return (cpu_ns() - begin) / operation.times;
}

void print(const char* name, std::vector<double> ns) {
  std::ranges::sort(ns);
  std::printf("%-46s %10.0f %10.0f %10.0f\n", name, ns[ns.size() / 2], ns.front(), ns.back());
}

void print(const std::vector<Operation>& operations) {
  std::printf("%-46s %10s %10s %10s\n", "CPU ns for each", "median", "least", "most");
  for (const Operation& each : operations) {
    print(each.name, each.ns);
    if (each.beside < 0) continue;
    std::vector<double> added;
    const auto& part = operations[static_cast<std::size_t>(each.beside)].ns;
    for (std::size_t i = 0; i < part.size(); ++i) added.push_back(each.ns[i] - part[i]);
    print(fmt::format("  more than {}", operations[static_cast<std::size_t>(each.beside)].name).c_str(), added);
  }
}

// An end user's token of about the size that providers make.
json user_claims() {
  return {{"iss", "https://id.example"},
          {"aud", {"shop", "account"}},
          {"sub", "248289761001"},
          {"iat", kNow.time_since_epoch().count() - 10},
          {"exp", kNow.time_since_epoch().count() + 300},
          {"jti", "f47ac10b-58cc-4372-a567-0e02b2c3d479"},
          {"azp", "shop-web"},
          {"scope", "openid profile email"},
          {"roles", {"customer", "reviewer"}},
          {"tier", "gold"},
          {"email", "ann@mail.example"},
          {"name", "Ann Example"}};
}

TxnToken transaction() {
  return {.transaction = "97053963-771d-49cc-a4e3-20aad399c312",
          .subject = "248289761001",
          .scope = "/api/checkout/*",
          .context = TxnContext::written(json{{"tier", "gold"}, {"roles", {"customer", "reviewer"}}}),
          .request = {.client_address = "192.0.2.7", .provider = "customers"},
          .issued = {},
          .expires = {}};
}

const Expectations kUsers{.issuer = "https://id.example", .audiences = {"shop"}};
const TxnDomain kDomain{.issuer = "spiffe://shop.local/shop/gateway", .trust_domain = "shop.local"};

// A key with which tokens are signed here and verified by ours.
struct Issuer {
  KeySet keys;
  std::string token;
  std::string_view signed_text() const { return std::string_view(token).substr(0, token.rfind('.')); }
  std::string signature() const { return *decode_base64url(std::string_view(token).substr(token.rfind('.') + 1)); }
};

Issuer issuer(const SigningKey& key) { return {*KeySet::parse(key.public_jwk()), *key.sign("JWT", user_claims())}; }

Issuer rsa_issuer() {
  const KeyHandle key(EVP_RSA_gen(2048), EvpDelete());
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key.get(), "n", &number);
  const Evp<BIGNUM> modulus(number);
  std::string n(256, '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(n.data()));
  const json jwk{{"kty", "RSA"}, {"kid", "r"}, {"n", encode_base64url(n)}, {"e", "AQAB"}};
  std::string token =
      encode_base64url(R"({"alg":"RS256","kid":"r","typ":"JWT"})") + "." + encode_base64url(user_claims().dump());
  const std::string signature = *make_signature(key.get(), Algorithm::rs256, token);
  return {*KeySet::parse(jwk.dump()), token + "." + encode_base64url(signature)};
}

void add_verifying(std::vector<Operation>& operations, const char* bare, const char* whole, Issuer made) {
  const auto it = std::make_shared<const Issuer>(std::move(made));
  const int part = static_cast<int>(operations.size());
  operations.push_back(
      {bare, [it, signature = it->signature()] { return it->keys.keys()[0].verify(it->signed_text(), signature); }});
  operations.push_back({whole, [it] { return verify(it->token, it->keys, kUsers, kNow).has_value(); }, part});
}

void add_transactions(std::vector<Operation>& operations, const char* bare, const char* minting, const char* verifying,
                      const SigningKey& key, int bare_verifying) {
  const auto keys = std::make_shared<const KeySet>(*KeySet::parse(key.public_jwk()));
  const TxnToken of = transaction();
  const int part = static_cast<int>(operations.size());
  operations.push_back({bare, [key] { return key.sign("", json()).has_value(); }});
  operations.push_back({minting, [key, of] { return mint(key, kDomain, of, kNow).has_value(); }, part});
  if (key.algorithm() == Algorithm::es256) {
    const auto seals = std::make_shared<std::vector<SealKey>>();
    for (int i = 0; i < 4; ++i)
      seals->push_back(SealKey::derive("a secret of thirty-two octets...", std::to_string(i)));
    operations.push_back({"transaction token, sealed for 4 services",
                          [seals, of] { return mint(*seals, kDomain, of, kNow).has_value(); }});
    operations.push_back({"the same, verified by one of them", [keys, seals, one = *mint(*seals, kDomain, of, kNow)] {
                            return verify_txn_token(one, *keys, kDomain, kNow, &seals->back()).has_value();
                          }});
  }
  operations.push_back({verifying,
                        [keys, token = *mint(key, kDomain, of, kNow)] {
                          return verify_txn_token(token, *keys, kDomain, kNow).has_value();
                        },
                        bare_verifying});
}

std::vector<Operation> operations() {
  std::vector<Operation> all;
  const auto ed25519 = *SigningKey::generate(Algorithm::eddsa);
  const auto p256 = *SigningKey::generate(Algorithm::es256);
  add_verifying(all, "EdDSA signature, bare", "EdDSA token, verified", issuer(ed25519));
  add_verifying(all, "ES256 signature, bare", "ES256 token, verified", issuer(p256));
  add_verifying(all, "RS256 signature, bare", "RS256 token, verified", rsa_issuer());
  add_transactions(all, "EdDSA token of nothing, signed", "EdDSA transaction token, minted",
                   "EdDSA transaction token, verified", ed25519, 0);
  add_transactions(all, "ES256 token of nothing, signed", "ES256 transaction token, minted",
                   "ES256 transaction token, verified", p256, 2);
  const Issuer users = issuer(ed25519);
  const auto cache = std::make_shared<Cache<Token>>();
  cache->put(sha256(users.token), users.keys.revision(),
             std::make_shared<const Token>(*verify(users.token, users.keys, kUsers, kNow)));
  all.push_back({"token in the cache",
                 [users, cache] { return cache->find(sha256(users.token), users.keys.revision(), kNow) != nullptr; }});
  const std::string api_key = *make_api_key("partner", {1, 2, 3});
  const auto api_keys =
      *ApiKeys::make({{"partner", hash_api_key_secret(parse_api_key(api_key)->secret), {"orders"}, std::nullopt}});
  all.push_back({"API key, verified", [api_key, api_keys] { return api_keys.verify(api_key, kNow).has_value(); }});
  all.push_back(
      {"key set of one Ed25519 key, read", [text = ed25519.public_jwk()] { return KeySet::parse(text).has_value(); }});
  return all;
}

}  // namespace

int main(int count, char** words) {
  const int rounds = count > 1 ? std::max(std::atoi(words[1]), 1) : 21;
  std::vector<Operation> all = operations();
  for (Operation& each : all) {
    once(each);
    each.times = std::max(1, static_cast<int>(kRoundNs / once(each)));
  }
  for (int round = 0; round < rounds; ++round) {
    for (Operation& each : all) each.ns.push_back(once(each));
  }
  print(all);
}
