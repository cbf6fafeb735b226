#include "manifest/auth.hpp"

#include <gtest/gtest.h>

#include "manifest/parse.hpp"

namespace bulkhead::manifest {
namespace {

constexpr std::string_view kHash = "sha256:5f2b2b6b3f7f0a0a4c6e0d7c3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d";

constexpr std::string_view kBank = R"(app: bank
auth:
  customers: {issuer: https://id.example, audience: [bank, "https://api.bank.example"], jwks: id/jwks.json, claims: tier}
  staff: {issuer: staff, audience: bank, jwks: /etc/staff.json, rsa: PS256}
  partners:
    api_keys:
      acme: {hash: "sha256:5f2b2b6b3f7f0a0a4c6e0d7c3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d", scopes: [orders:read], expires: 2027-01-31, limit: [1000/h, 4 at once, 1000/h]}
services:
  web: {command: [./web], port: 8080}
gateway:
  auth: customers
  routes:
    - {match: {path: /*}, to: web}
    - {match: {path: /healthz}, to: web, auth: none}
    - {match: {path: /both}, to: web, auth: [staff, partners, staff]}
    - {match: {path: /some}, to: web, auth: {by: customers, optional: true}}
    - {match: {path: /orders}, to: web, auth: {by: partners, scopes: [orders:read, "orders:write"]}}
)";

const Auth* auth_of(const Application& application, std::size_t route) {
  const auto& auth = application.gateway->routes[route].rules.auth;
  return auth ? &*auth : nullptr;
}

TEST(ManifestAuth, NamesWhoVouches) {
  const auto parsed = parse(kBank);
  ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
  const auto& providers = parsed.application->auth;
  ASSERT_EQ(providers.size(), 3U);
  EXPECT_EQ(providers[0].name, "customers");
  EXPECT_EQ(providers[0].issuer, "https://id.example");
  EXPECT_EQ(providers[0].audiences, (std::vector<std::string>{"bank", "https://api.bank.example"}));
  EXPECT_EQ(providers[0].jwks, "id/jwks.json");
  EXPECT_EQ(providers[0].rsa_algorithm, "RS256");
  EXPECT_EQ(providers[0].claims, std::vector<std::string>{"tier"});
  EXPECT_EQ(providers[1].rsa_algorithm, "PS256");
  EXPECT_TRUE(providers[2].issuer.empty());
  const ApiKey acme{
      "acme", std::string(kHash), {"orders:read"}, 1'801'353'600, {*parse_limit("1000/h"), *parse_limit("4 at once")}};
  EXPECT_EQ(providers[2].api_keys, std::vector<ApiKey>{acme});
}

TEST(ManifestAuth, ARouteTakesTheGatewaysPlace) {
  const auto parsed = parse(kBank);
  ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
  const Application& bank = *parsed.application;
  EXPECT_EQ(*auth_of(bank, 0), (Auth{{"customers"}}));
  EXPECT_EQ(*auth_of(bank, 1), Auth());
  EXPECT_EQ(*auth_of(bank, 2), (Auth{{"staff", "partners"}}));
  EXPECT_EQ(*auth_of(bank, 3), (Auth{{"customers"}, true}));
  EXPECT_EQ(*auth_of(bank, 4), (Auth{{"partners"}, false, {"orders:read", "orders:write"}}));
}

TEST(ManifestAuth, NobodyIsAskedWhereNothingIsWritten) {
  const auto parsed = parse("app: a\nservices: {web: {command: [./web], port: 1}}\ngateway: {routes: [{to: web}]}\n");
  ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
  EXPECT_EQ(auth_of(*parsed.application, 0), nullptr);
}

TEST(ManifestAuth, AConditionAsksForNobodyWhoIsNotVouchedFor) {
  constexpr std::string_view kText = R"(app: a
services:
  web: {command: [./web], port: 1}
gateway:
  routes:
    - {to: web, when: 'user.sub == "ann"'}
)";
  const auto parsed = parse(kText);
  ASSERT_EQ(parsed.mistakes.size(), 1U);
  EXPECT_EQ(parsed.mistakes[0].message, "the condition asks for the user, and nobody vouches for one");
}

}  // namespace
}  // namespace bulkhead::manifest
