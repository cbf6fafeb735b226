#include "policy/can.hpp"

#include <gtest/gtest.h>

#include "manifest/parse.hpp"

namespace bulkhead::policy {
namespace {

constexpr std::string_view kBank = R"(app: bank
auth:
  customers: {issuer: https://id.example, audience: bank, claims: [role, level]}
  partners: {issuer: https://partners.example, audience: bank}
services:
  web:
    command: [./web]
    port: 8080
    calls:
      orders: {allow: [GET /orders/*, POST /orders], when: 'user.claims.role == "staff"'}
      stock: {when: 'request.headers["x-key"] == "good"'}
      ledger:
    egress: {mail: "https://mail.example"}
  orders: {command: [./orders], port: 8080, calls: [ledger, stock]}
  stock: {command: [./stock], port: 8080}
  ledger: {command: [./ledger], port: 50051, protocol: grpc}
deny:
  - {name: no-delete, to: web, requests: [DELETE /*]}
  - {from: web, to: ledger}
gateway:
  auth: customers
  routes:
    - {match: {path: /*}, to: web}
    - {match: {path: /free/*}, to: web, auth: none, rewrite: /, limit: 5/s per address}
    - {match: {path: /maybe/*}, to: web, auth: {by: customers, optional: true}}
    - {match: {path: /scoped/*}, to: web, auth: {by: [customers, partners], scopes: [orders:read]}}
    - {match: {path: /staff/*, host: staff.example}, to: web, when: 'user.claims.role == "staff" && user.claims.level >= 3'}
    - {match: {path: /keyed/*}, to: web, auth: none, when: '"x-key" in request.headers'}
)";

struct Bank {
  manifest::Application application = *manifest::parse(kBank).application;
  Model model = compile(application);

  Result<Permit> ask(std::string_view user, const std::string& method, std::string_view url,
                     const std::vector<std::string>& claims = {}) const {
    auto asking = read_url(url);
    auto asker = read_asker(application, user);
    if (!asking) return fail(asking.error());
    if (!asker) return fail(asker.error());
    for (const std::string& claim : claims) EXPECT_TRUE(add_claim(claim, asker->claims));
    asking->user = *asker;
    asking->method = method;
    auto permit = can(application, model, *asking);
    if (permit) text = to_text(*permit, *asking);
    if (permit) json = to_json(*permit, *asking);
    return permit;
  }
  mutable std::string text;
  mutable nlohmann::json json;
};

struct Case {
  std::string_view user;
  const char* method;
  std::string_view url;
  std::vector<std::string> claims;
  Verdict verdict;
  std::string_view why;
};

class Asks : public testing::TestWithParam<Case> {};

TEST_P(Asks, AreAnsweredByTheGatewaysOwnRules) {
  const Bank bank;
  const auto permit = bank.ask(GetParam().user, GetParam().method, GetParam().url, GetParam().claims);
  ASSERT_TRUE(permit) << permit.error().message;
  EXPECT_EQ(to_string(permit->verdict), to_string(GetParam().verdict)) << bank.text;
  EXPECT_NE(bank.text.find(GetParam().why), std::string::npos) << bank.text;
  EXPECT_EQ(bank.json["verdict"], to_string(GetParam().verdict));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Asks,
    testing::Values(
        Case{"customers:ann", "GET", "/x", {}, Verdict::allowed, "allowed  (gateway.routes[0], bulkhead.yaml:23:7)"},
        Case{"-", "GET", "/x", {}, Verdict::denied, "The route asks for a user of customers: 401."},
        Case{"anonymous", "GET", "/free/x", {}, Verdict::allowed, "the gateway -> web:8080  GET /x  allowed"},
        Case{"-", "GET", "/free/x", {}, Verdict::allowed, "how much was asked before ('limit')"},
        Case{"-", "GET", "/maybe/x", {}, Verdict::allowed, "nobody in particular, GET /maybe/x: allowed"},
        Case{"partners:eve", "GET", "/x", {}, Verdict::denied, "takes users of customers, not of partners: 401."},
        Case{"partners:eve",
             "GET",
             "/scoped/x",
             {},
             Verdict::denied,
             "the scope 'orders:read', which the user lacks: 403."},
        Case{"partners:eve", "GET", "/scoped/x", {R"(scopes=["orders:read"])"}, Verdict::allowed, "eve of partners"},
        Case{"customers:ann", "DELETE", "/x", {}, Verdict::denied, "(deny.no-delete, bulkhead.yaml:18:5)"},
        Case{"customers:ann", "GET", "/a//b", {}, Verdict::denied, "the path is ambiguous"},
        Case{"customers:ann", "GET", "/staff/x", {}, Verdict::allowed, "gateway.routes[0]"},
        Case{"customers:ann",
             "GET",
             "https://STAFF.example:8443/staff/x?y=1",
             {"role=staff", "level=3"},
             Verdict::allowed,
             "gateway.routes[4]"},
        Case{"customers:ann",
             "GET",
             "staff.example/staff/x",
             {"role=staff", "level=2"},
             Verdict::denied,
             "does not hold"},
        Case{"customers:ann", "GET", "staff.example/staff/x", {}, Verdict::denied, "has no value"},
        Case{"customers:ann",
             "GET",
             "staff.example/staff/x",
             {"role=staff", "level=3", "shoe=9"},
             Verdict::allowed,
             "The claim 'shoe' does not travel"},
        Case{"-", "GET", "/keyed/x", {}, Verdict::unknown, "depends on request.headers"}));

TEST(Can, SaysWhatARequestMayCauseByWhichRule) {
  const Bank bank;
  ASSERT_TRUE(bank.ask("customers:ann", "GET", "/x", {"role=staff"}));
  EXPECT_EQ(bank.text, R"(ann of customers, GET /x: allowed
At the gateway, by the route at bulkhead.yaml:23:7
  the gateway -> web:8080  GET /x  allowed  (gateway.routes[0], bulkhead.yaml:23:7)
What it may cause, where services hand the user on
  web -> orders:8080  GET /orders/*  allowed  (web.calls.orders[0], bulkhead.yaml:10:24)
  web -> orders:8080  POST /orders  allowed  (web.calls.orders[1], bulkhead.yaml:10:39)
  web -> stock:8080  everything  depends  (web.calls.stock, bulkhead.yaml:11:7)
      depends on request.headers
      the condition of web.calls.stock at bulkhead.yaml:11:21 depends on the request
  web -> ledger:50051  everything  denied  (deny[1], bulkhead.yaml:19:5)
      deny[1] at bulkhead.yaml:19:5 denies it
  web -> mail (https://mail.example:443)  everything  allowed  (web.egress.mail, bulkhead.yaml:13:14)
  orders -> ledger:50051  everything  allowed  (orders.calls.ledger, bulkhead.yaml:14:53)
  orders -> stock:8080  everything  allowed  (orders.calls.stock, bulkhead.yaml:14:61)
)");
  ASSERT_TRUE(bank.ask("customers:ann", "GET", "/x", {"role=guest"}));
  EXPECT_NE(bank.text.find("web -> orders:8080  POST /orders  denied"), std::string::npos) << bank.text;
  EXPECT_EQ(bank.text.find("orders -> ledger"), std::string::npos) << bank.text;
  EXPECT_EQ(bank.json["beyond"][0]["verdict"], "denied");
  EXPECT_EQ(bank.json["gateway"][0]["position"], "bulkhead.yaml:23:7");
}

TEST(Can, KnowsOfAKeyWhatTheManifestSaysOfIt) {
  const auto manifest = [](std::string_view expires) {
    return fmt::format(R"(app: bank
auth:
  machines:
    api_keys:
      cash: {{hash: "sha256:{0}", scopes: [orders:read], limit: 5/s}}
      till: {{hash: "sha256:{0}"{1}}}
services: {{web: {{command: [./web], port: 8080}}}}
gateway:
  auth: machines
  routes:
    - {{match: {{path: /*}}, to: web}}
    - {{match: {{path: /orders/*}}, to: web, auth: {{by: machines, scopes: [orders:read]}}}}
)",
                       std::string(64, 'a'), expires);
  };
  struct Bench {
    manifest::Application application;
    Model model = compile(application);
    std::string ask(std::string_view user, std::string_view path, std::string_view claim = "") {
      auto asker = read_asker(application, user);
      if (!asker) return asker.error().message;
      if (!claim.empty()) EXPECT_TRUE(add_claim(claim, asker->claims));
      const Asking asking{*asker, "GET", "", std::string(path)};
      const auto permit = can(application, model, asking);
      return permit ? to_text(*permit, asking) : permit.error().message;
    }
  };
  const auto parsed = manifest::parse(manifest(", expires: 2024-01-01"));
  ASSERT_TRUE(parsed.application);
  Bench bench{*parsed.application};
  const auto says = [&](const std::string& text, std::string_view part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  says(bench.ask("cash", "/orders/7"), "cash of machines, GET /orders/7: allowed");
  says(bench.ask("cash", "/orders/7"), "how much was asked with the key before (its 'limit')");
  says(bench.ask("cash", "/x", R"(scopes=["all"])"), ": allowed");
  says(bench.ask("till", "/x"), "The key 'till' has expired: 401.");
  says(bench.ask("machines:safe", "/x"), "machines has no key named 'safe'; it has cash, till");
  Bench valid{*manifest::parse(manifest("")).application};
  says(valid.ask("till", "/x"), ": allowed");
  says(valid.ask("till", "/orders/7", R"(scopes=["orders:read"])"),
       "the scope 'orders:read', which the user lacks: 403.");
}

TEST(Can, RefusesQuestionsThatMeanNothing) {
  const Bank bank;
  EXPECT_EQ(bank.ask("ann", "GET", "/x").error().message,
            "say who vouches for the user, one of customers, partners: customers:ann");
  EXPECT_FALSE(bank.ask("customers:", "GET", "/x"));
  EXPECT_FALSE(bank.ask("-", "GET", ""));
  nlohmann::json claims = nlohmann::json::object();
  EXPECT_FALSE(add_claim("staff", claims));
  EXPECT_TRUE(add_claim(R"(roles=["a","b"])", claims));
  EXPECT_EQ(claims["roles"].size(), 2U);
  const auto alone = *manifest::parse("app: a\nservices: {web: {command: [./w], port: 80}}\n").application;
  EXPECT_FALSE(can(alone, compile(alone), Asking{}));
  EXPECT_FALSE(read_asker(alone, "ann"));
  EXPECT_TRUE(read_asker(alone, "-")->nobody());
}

}  // namespace
}  // namespace bulkhead::policy
