#include "gateway/authenticator.hpp"

#include <gtest/gtest.h>

#include "identity/fixture.hpp"
#include "jose/fixture.hpp"

namespace bulkhead::gateway {
namespace {

using jose::test::kNow;
using nlohmann::json;
using std::chrono::seconds;

std::string token(json changes = json::object(), std::string_view header = jose::test::kHeader) {
  json claims{{"iss", "https://id.example"}, {"aud", "shop"}, {"sub", "ann"}, {"tier", "gold"}, {"secret", "x"}};
  claims["exp"] = kNow.time_since_epoch().count() + 60;
  claims.update(changes);
  return jose::test::signed_token(header, claims.dump());
}

http::Fields bearer(const std::string& credential) { return {{"authorization", "Bearer " + credential}}; }

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() {
    proxy::Provider customers{.name = "customers", .issuer = "https://id.example", .audiences = {"shop"}};
    customers.jwks = jose::test::jwk("a");
    customers.rsa_algorithm = "RS256";
    customers.claims = {"tier", "roles"};
    proxy::Provider partners{.name = "partners"};
    const auto hash = jose::to_string(jose::hash_api_key_secret(jose::parse_api_key(key_)->secret));
    partners.api_keys = {{"acme", hash, {"orders:read"}, 1'800'000'100}};
    gateway_.providers = {customers, partners};
    EXPECT_TRUE(authenticator_.configure(gateway_));
  }

  Authenticator::Answer ask(const http::Fields& fields, manifest::Auth rule = {{"customers"}}, jose::Time now = kNow) {
    return authenticator_.ask(rule, fields, now);
  }
  // "ann of customers", "invalid_token: ...", "nobody", "asked"
  std::string outcome(const http::Fields& fields, const manifest::Auth& rule = {{"customers"}}, jose::Time now = kNow) {
    const auto answer = ask(fields, rule, now);
    if (answer.identity) return answer.identity->subject + " of " + answer.identity->provider;
    if (!answer.challenge) return "nobody";
    return answer.challenge->error.empty()
               ? "asked"
               : fmt::format("{}: {}", answer.challenge->error, answer.challenge->description);
  }

  const std::string key_ = *jose::make_api_key("acme", {1, 2, 3});
  proxy::Gateway gateway_;
  Authenticator authenticator_;
};

const manifest::Auth kEither{{"customers", "partners"}};

TEST_F(AuthenticatorTest, KnowsWhoBringsAToken) {
  const auto answer = ask(bearer(token({{"roles", {"buyer"}}, {"scope", "orders:read  orders:write"}})));
  ASSERT_TRUE(answer.identity);
  EXPECT_EQ(answer.identity->subject, "ann");
  const json claims{{"tier", "gold"}, {"roles", {"buyer"}}, {"scopes", {"orders:read", "orders:write"}}};
  EXPECT_EQ(answer.identity->context->claims, claims) << "what the manifest does not name stays";
  EXPECT_EQ(outcome({{"Authorization", "bEARER   " + token()}}), "ann of customers");
}

TEST_F(AuthenticatorTest, AsksWhoBringsNone) {
  EXPECT_EQ(outcome({}), "asked");
  EXPECT_EQ(outcome({{"authorization", "Basic YTpi"}}), "asked");
  EXPECT_EQ(outcome({{"authorization", "Bearer"}}), "asked");
  EXPECT_EQ(outcome({}, {{"customers"}, true}), "nobody");
  EXPECT_EQ(outcome({}, {}), "nobody");
  EXPECT_EQ(outcome(bearer("x"), {}), "nobody") << "who is not asked is not looked at";
}

TEST_F(AuthenticatorTest, RefusesWhatIsNotVouchedFor) {
  const std::string good = token();
  EXPECT_EQ(outcome(bearer(good), {{"customers"}}, kNow + seconds(121)), "invalid_token: the token is expired");
  for (const http::Fields& fields :
       {bearer(token({{"iss", "https://evil.example"}})), bearer(token({{"aud", "other"}})), bearer(good + "x"),
        bearer("x"), bearer(token(json::object(), R"({"alg":"none"})")),
        bearer(token(json::object(), R"({"alg":"EdDSA","kid":"b"})"))}) {
    EXPECT_TRUE(outcome(fields).starts_with("invalid_token: ")) << outcome(fields);
    EXPECT_TRUE(outcome(fields, {{"customers"}, true}).starts_with("invalid_token: ")) << "also where it is optional";
  }
}

TEST_F(AuthenticatorTest, TakesOneCredential) {
  const std::string good = token();
  const std::string two = "invalid_request: the request brings more than one credential";
  EXPECT_EQ(outcome({{"authorization", "Bearer " + good}, {"authorization", "Bearer " + good}}), two);
  EXPECT_EQ(outcome({{"authorization", "Bearer " + good}, {"x-api-key", key_}}, kEither), two);
  EXPECT_EQ(outcome({{"x-api-key", key_}, {"X-Api-Key", key_}}, kEither), two);
}

TEST_F(AuthenticatorTest, KnowsApiKeys) {
  EXPECT_EQ(outcome(bearer(key_), kEither), "acme of partners");
  EXPECT_EQ(outcome({{"x-api-key", key_}}, kEither), "acme of partners");
  EXPECT_EQ(outcome({{"x-api-key", key_}}), "invalid_token: nobody asked for here gives such credentials");
  EXPECT_EQ(outcome({{"x-api-key", key_}}, kEither, kNow + seconds(100)), "invalid_token: the API key has expired");
  const std::string unknown = *jose::make_api_key("other", {1, 2, 3});
  const std::string wrong = *jose::make_api_key("acme", {3, 2, 1});
  EXPECT_EQ(outcome(bearer(unknown), kEither), "invalid_token: the API key is not known");
  EXPECT_EQ(outcome(bearer(wrong), kEither), "invalid_token: the API key is not known");
}

// The tokens' time is another one than the certificates'.
TEST_F(AuthenticatorTest, ACertificateCountsForARequestThatBringsNothing) {
  const auto root = identity::test::authority("root");
  proxy::Provider devices{.name = "devices"};
  devices.client_anchors_pem = root.pem();
  gateway_.providers.push_back(devices);
  ASSERT_TRUE(authenticator_.configure(gateway_));
  const auto now = std::chrono::floor<seconds>(std::chrono::system_clock::now());
  ClientCertificate good(
      {identity::test::issue({.common_name = "", .names = "DNS:pc.example"}, &root).certificate, {}});
  ClientCertificate old(
      {identity::test::issue({.common_name = "", .names = "DNS:pc.example", .end = seconds(-1)}, &root).certificate,
       {}});
  ClientCertificate none{net::PeerCertificates()};
  const auto tried = [&](ClientCertificate* certificate, manifest::Auth rule, const http::Fields& fields = {}) {
    const auto answer = authenticator_.ask(rule, fields, now, certificate);
    if (answer.identity) return answer.identity->subject + " of " + answer.identity->provider;
    if (!answer.challenge) return std::string("nobody");
    return fmt::format("{}{}: {}", answer.challenge->by_certificate_only ? "only " : "", answer.challenge->error,
                       answer.challenge->description);
  };
  const manifest::Auth any{{"customers", "partners", "devices"}};
  const std::string expired = "invalid_token: the client certificate is not accepted: certificate has expired";
  EXPECT_EQ(tried(&good, {{"devices"}}), "pc.example of devices");
  EXPECT_EQ(tried(&good, any), "pc.example of devices");
  EXPECT_EQ(tried(&old, {{"devices"}}), "only " + expired);
  EXPECT_EQ(tried(&old, any), expired);
  EXPECT_EQ(tried(&old, {{"devices"}, true}), "only " + expired) << "also where it is optional";
  EXPECT_EQ(tried(&none, {{"devices"}}), "only : ");
  EXPECT_EQ(tried(nullptr, {{"devices"}}), "only : ");
  EXPECT_EQ(tried(nullptr, {{"devices"}, true}), "nobody");
  EXPECT_EQ(tried(&good, {{"customers"}}), ": ") << "it is not asked for";
  EXPECT_EQ(tried(&old, {{"customers"}, true}), "nobody");
  EXPECT_TRUE(tried(&good, any, bearer("x")).starts_with("invalid_token: ")) << "it makes up for nothing";
  EXPECT_EQ(tried(&good, {{"devices"}}, bearer(key_)),
            "only invalid_token: nobody asked for here gives such credentials");
  EXPECT_EQ(tried(&good, {{"devices"}, false, {"orders:read"}}),
            "insufficient_scope: the credential is not good for this");
}

TEST_F(AuthenticatorTest, AsksForScopes) {
  const manifest::Auth reads{{"customers", "partners"}, false, {"orders:read"}};
  EXPECT_EQ(outcome(bearer(key_), reads), "acme of partners");
  EXPECT_EQ(outcome(bearer(token({{"scope", "orders:read"}})), reads), "ann of customers");
  EXPECT_EQ(outcome(bearer(token({{"scope", {"orders:read"}}})), reads), "ann of customers");
  const auto answer = ask(bearer(token({{"scope", "orders:reader"}})), reads);
  ASSERT_TRUE(answer.challenge);
  EXPECT_EQ(
      to_string(*answer.challenge, "shop"),
      R"(Bearer realm="shop", error="insufficient_scope", error_description="the credential is not good for this", )"
      R"(scope="orders:read")");
}

TEST_F(AuthenticatorTest, SaysWhichLineWouldLetARequestPass) {
  const auto line = [&](const http::Fields& fields, const manifest::Auth& rule) {
    const auto answer = ask(fields, rule);
    return answer.challenge ? allowance(rule, *answer.challenge) : "passes";
  };
  const std::vector<std::string> scopes{"orders:read", "orders:write", R"(odd\$one)"};
  const manifest::Auth all{{"customers", "partners"}, false, scopes};
  const http::Fields reader = bearer(token({{"scope", "orders:read"}}));
  EXPECT_EQ(line({}, {{"customers"}}), "auth: {by: [customers], optional: true}");
  EXPECT_EQ(
      line({}, all),
      R"(auth: {by: [customers, partners], scopes: ["orders:read", "orders:write", "odd\\$$one"], optional: true})");
  EXPECT_EQ(line(reader, all), R"(auth: {by: [customers, partners], scopes: ["orders:read"]})");
  EXPECT_EQ(line(reader, {{"customers"}, true, {"orders:write"}}), "auth: {by: [customers], optional: true}");
  EXPECT_EQ(line(bearer("x"), all), "") << "a wrong credential is wrong whatever the manifest says";
  EXPECT_EQ(line({}, {{"customers"}, true, scopes}), "passes");
}

TEST_F(AuthenticatorTest, TellsAClientWhatIsAsked) {
  EXPECT_EQ(to_string(Challenge(), "shop"), R"(Bearer realm="shop")");
}

TEST_F(AuthenticatorTest, ForgetsWhatItVerifiedWithAProviderThatChanged) {
  const std::string good = token();
  EXPECT_EQ(outcome(bearer(good)), "ann of customers");
  gateway_.providers[0].audiences = {"other"};
  ASSERT_TRUE(authenticator_.configure(gateway_));
  EXPECT_TRUE(outcome(bearer(good)).starts_with("invalid_token: "));
}

TEST_F(AuthenticatorTest, RefusesKeysThatItCanNotRead) {
  proxy::Gateway broken = gateway_;
  broken.providers[0].jwks = "{}";
  const auto configured = authenticator_.configure(broken);
  ASSERT_FALSE(configured);
  EXPECT_TRUE(configured.error().message.starts_with("customers: ")) << configured.error().message;
  EXPECT_EQ(outcome(bearer(token())), "ann of customers") << "what was there before stays";
}

TEST_F(AuthenticatorTest, LetsNoCredentialThrough) {
  const auto left = [&](http::Fields fields, bool asked) {
    authenticator_.strip(fields, asked);
    return fields.find("authorization").value_or("-") == "-" ? "" : std::string(*fields.find("authorization"));
  };
  EXPECT_EQ(left({{"Authorization", "Basic YTpi"}}, true), "");
  EXPECT_EQ(left({{"Authorization", "Basic YTpi"}}, false), "Basic YTpi") << "it is the service's";
  EXPECT_EQ(left(bearer("x"), false), "");
  http::Fields key{{"X-API-Key", key_}};
  authenticator_.strip(key, false);
  EXPECT_FALSE(key.has("x-api-key"));
  Authenticator none;
  http::Fields own = bearer("x");
  none.strip(own, false);
  EXPECT_TRUE(own.has("authorization")) << "without providers it is nobody's business";
}

}  // namespace
}  // namespace bulkhead::gateway
