#include "policy/decide.hpp"

#include <cstdlib>
#include <map>
#include <new>

#include <gtest/gtest.h>

#include "conditions/document.hpp"
#include "manifest/parse.hpp"

// The thread sanitizer has operators of its own, which can not be replaced.
#if !__has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS
namespace {
std::size_t allocations = 0;
}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace bulkhead::policy {
namespace {

std::string line_for(std::span<const Edge> edges, const Attempt& attempt) { return decide(edges, attempt).remedy.line; }

constexpr std::string_view kShop = R"(app: shop
services:
  catalog: {command: [./catalog], port: 8080}
  payments: {command: [./payments], port: 50051, protocol: grpc}
  db: {command: [./db], port: 5432, protocol: tcp}
  checkout:
    command: [./checkout]
    port: 8080
    calls:
      catalog: [GET /items/*, "POST|PUT /items/*/reserve"]
      payments: [shop.Payments/Charge]
      db:
    egress: {mail: "https://api.mail.example"}
  admin: {command: [./admin], port: 8080, calls: [catalog]}
gateway:
  routes:
    - {match: {path: /api/checkout/*, methods: [GET, POST]}, to: checkout, rewrite: /}
)";

Model shop() { return compile(*manifest::parse(kShop).application); }

struct Case {
  Attempt attempt;
  Verdict verdict;
  std::string_view rule;
};

class Deciding : public testing::TestWithParam<Case> {};

TEST_P(Deciding, FollowsTheDeclaredCalls) {
  Model model = shop();
  Decision decision = decide(model.edges, GetParam().attempt);
  EXPECT_EQ(to_string(decision.verdict), to_string(GetParam().verdict)) << decision.reason;
  EXPECT_EQ(decision.rule(), GetParam().rule);
  EXPECT_EQ(decision.reason.empty(), decision.allowed());
}

constexpr Protocol kHttp = Protocol::http;
constexpr Protocol kGrpc = Protocol::grpc;
constexpr Protocol kTcp = Protocol::tcp;

INSTANTIATE_TEST_SUITE_P(
    Table, Deciding,
    testing::Values(
        Case{{"checkout", "catalog", {8080}, kHttp, "GET", "/items/7"}, Verdict::allowed, "checkout.calls.catalog[0]"},
        Case{{"checkout", "catalog", {8080}, kHttp, "PUT", "/items/7/reserve"},
             Verdict::allowed,
             "checkout.calls.catalog[1]"},
        Case{{"checkout", "catalog", {8080}, kHttp, "DELETE", "/items/7"}, Verdict::denied, "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8080}, kHttp, "get", "/items/7"}, Verdict::denied, "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8080}, kHttp, "GET", "/items"}, Verdict::denied, "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8080}, kHttp, "GET", "/items/../admin"},
             Verdict::denied,
             "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8080}, kHttp, "GET", "/items/%2e%2e/admin"},
             Verdict::denied,
             "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8080}, kHttp, "GET", "//items/7"}, Verdict::denied, "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8081}, kHttp, "GET", "/items/7"}, Verdict::denied, "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8080}, kGrpc, "", "/items/7"}, Verdict::denied, "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8080}, kHttp, "", ""}, Verdict::unknown, "checkout.calls.catalog"},
        Case{{"checkout", "catalog", {8080}, kHttp, "GET", ""}, Verdict::unknown, "checkout.calls.catalog"},
        Case{{"checkout", "payments", {50051}, kGrpc, "", "/shop.Payments/Charge"},
             Verdict::allowed,
             "checkout.calls.payments[0]"},
        Case{{"checkout", "payments", {50051}, kGrpc, "POST", "/shop.Payments/Charge"},
             Verdict::allowed,
             "checkout.calls.payments[0]"},
        Case{{"checkout", "payments", {50051}, kGrpc, "", "/shop.Payments/Refund"},
             Verdict::denied,
             "checkout.calls.payments"},
        Case{{"checkout", "db", {5432}, kTcp, "", ""}, Verdict::allowed, "checkout.calls.db"},
        Case{{"checkout", "mail", {443}, kHttp, "POST", "/send"}, Verdict::allowed, "checkout.egress.mail"},
        Case{{"checkout", "api.mail.example", {443}, kHttp, "POST", "/send"}, Verdict::denied, ""},
        Case{{"catalog", "mail", {443}, kHttp, "POST", "/send"}, Verdict::denied, ""},
        Case{{"admin", "catalog", {8080}, kHttp, "BREW", "/any"}, Verdict::allowed, "admin.calls.catalog"},
        Case{{"admin", "catalog", {8080}, kHttp, "", ""}, Verdict::allowed, "admin.calls.catalog"},
        Case{{"catalog", "admin", {8080}, kHttp, "GET", "/"}, Verdict::denied, ""},
        Case{{"checkou", "catalog", {8080}, kHttp, "GET", "/items/7"}, Verdict::denied, ""},
        Case{{"checkout*", "catalog", {8080}, kHttp, "GET", "/items/7"}, Verdict::denied, ""},
        Case{{"CHECKOUT", "catalog", {8080}, kHttp, "GET", "/items/7"}, Verdict::denied, ""},
        Case{{"", "", {0}, kHttp, "", ""}, Verdict::denied, ""},
        Case{{kGateway, "checkout", {8080}, kHttp, "GET", "/orders"}, Verdict::allowed, "gateway.routes[0].match"},
        Case{{kGateway, "checkout", {8080}, kHttp, "DELETE", "/orders"}, Verdict::denied, "gateway.routes[0]"},
        Case{{kGateway, "catalog", {8080}, kHttp, "GET", "/items/7"}, Verdict::denied, ""},
        Case{{"gateway", "checkout", {8080}, kHttp, "GET", "/orders"}, Verdict::denied, ""}));

TEST(Decide, DeniesEverythingWithoutEdges) {
  EXPECT_EQ(decide({}, {"a", "b", {80}, kHttp, "GET", "/"}).verdict, Verdict::denied);
}

#ifdef COUNTS_ALLOCATIONS
TEST(Decide, AllocatesNothingWhereAllowed) {
  Model model = shop();
  std::size_t before = allocations;
  bool allowed = decide(model.edges, {"checkout", "catalog", {8080}, kHttp, "PUT", "/items/7/reserve"}).allowed();
  EXPECT_EQ(allocations, before);
  EXPECT_TRUE(allowed);
}
#endif

TEST(Decide, ExplainsADenialWithTheLineThatWouldAllowIt) {
  Model model = shop();
  EXPECT_EQ(decide(model.edges, {"catalog", "checkout", {8080}, kHttp, "POST", "/orders"}).reason,
            "catalog may not call checkout:8080 POST /orders: no rule of the manifest declares this call; to allow it, "
            "write under catalog: calls: {checkout: [POST /orders]}");
  EXPECT_EQ(
      decide(model.edges, {"checkout", "payments", {50051}, kGrpc, "", "/shop.Payments/Refund"}).reason,
      "checkout may not call payments:50051 shop.Payments/Refund: checkout.calls.payments at bulkhead.yaml:11:7 does "
      "not include it; to allow it, write under checkout: calls: {payments: [shop.Payments/Refund]}");
  EXPECT_EQ(decide(model.edges, {"checkout", "catalog", {8080}, kHttp, "GET", "/a/../b"}).reason,
            "checkout may not call catalog:8080 GET /a/../b: the path is ambiguous, which no rule covers");
  EXPECT_EQ(decide(model.edges, {"checkout", "catalog", {9090}, kHttp, "GET", "/x"}).reason,
            "checkout may not call catalog:9090 GET /x: checkout.calls.catalog at bulkhead.yaml:10:7 is for port 8080");
  EXPECT_EQ(line_for(model.edges, {"catalog", "db", {5432}, kTcp, "", ""}), "calls: {db: }");
  EXPECT_EQ(line_for(model.edges, {kGateway, "db", {5432}, kTcp, "", ""}), "");
}

// A service chooses what it asks for, and somebody may paste what is proposed.
TEST(Decide, TheLineThatWouldAllowARequestAllowsNoOther) {
  const auto manifest_with = [](std::string_view rule) {
    return fmt::format(
        "app: a\nservices:\n  web: {{command: [./w]{}{}}}\n  api: {{command: [./a], port: 80}}\n"
        "  db: {{command: [./d], port: 80}}\n",
        rule.empty() ? "" : ", ", rule);
  };
  for (const std::string_view path :
       {"/x", "/x,/admin", "/x],db:[/y", "/x], db: [/y", "/a'b", "/a\"b", "/$HOME", "/${X}", "/$$", "/a:b", "/a:{b}",
        "/&a", "/!a", "/|a", "/a=b@c", "/%2A", "/caf\xc3\xa9"}) {
    const std::string rule = line_for({}, {"web", "api", {80}, kHttp, "GET", path});
    if (path.contains(' ')) {
      EXPECT_EQ(rule, "");
      continue;
    }
    const auto parsed = manifest::parse(manifest_with(rule));
    ASSERT_TRUE(parsed.application) << rule << '\n' << render(parsed.mistakes);
    const Model model = compile(*parsed.application);
    ASSERT_EQ(model.edges.size(), 1U) << rule;
    ASSERT_EQ(model.edges[0].permissions.size(), 1U) << rule;
    EXPECT_EQ(model.edges[0].permissions[0].path.text(), path) << rule;
    EXPECT_EQ(model.edges[0].permissions[0].methods, std::vector<std::string>{"GET"}) << rule;
  }
  for (const std::string_view path : {"/*", "/items/*", "/a*b"})
    EXPECT_EQ(line_for({}, {"web", "api", {80}, kHttp, "GET", path}), "") << path;
  for (const std::string_view method : {"*", "GET|POST", "get", "GE,T"})
    EXPECT_EQ(line_for({}, {"web", "api", {80}, kHttp, method, "/x"}), "") << method;
  EXPECT_EQ(line_for({}, {"web", "api", {80}, kGrpc, "", "/a.B/*"}), "");
}

constexpr std::string_view kConditional = R"(app: shop
services:
  catalog: {command: [./catalog], port: 8080}
  admin:
    command: [./admin]
    port: 8080
    calls:
      catalog:
        allow: [GET /items/*, POST /items]
        when: request.method == "GET" || request.headers["x-role"] == "staff"
)";

// A request's fields.
class Headers final : public conditions::MapView {
 public:
  explicit Headers(std::map<std::string, std::string> fields) : fields_(std::move(fields)) {}
  conditions::Value value() const { return conditions::Value::map(*this, nullptr); }

  std::size_t size(const void*) const override { return fields_.size(); }
  std::optional<conditions::Value> find(const void*, const conditions::Value& key) const override {
    const auto found = fields_.find(std::string(key.as_text()));
    if (found == fields_.end()) return std::nullopt;
    return conditions::Value::string(found->second);
  }
  conditions::MapEntry at(const void*, std::size_t) const override { return {}; }

 private:
  std::map<std::string, std::string> fields_;
};

TEST(Decide, AConditionHasToHoldBesides) {
  const Model model = compile(*manifest::parse(kConditional).application);
  const auto decision = [&](std::string_view method, std::string_view path, const Headers* headers) {
    conditions::Value value;
    if (headers != nullptr) value = headers->value();
    return decide(model.edges,
                  {"admin", "catalog", {8080}, kHttp, method, path, headers != nullptr ? &value : nullptr});
  };
  const Headers none({});
  const Headers staff({{"x-role", "staff"}});
  const Headers other({{"x-role", "guest"}});
  EXPECT_TRUE(decision("GET", "/items/7", &none).allowed());
  EXPECT_TRUE(decision("POST", "/items", &staff).allowed());
  EXPECT_FALSE(decision("DELETE", "/items", &staff).allowed()) << "it widens no permission";
  const Decision denied = decision("POST", "/items", &other);
  EXPECT_EQ(denied.verdict, Verdict::denied);
  EXPECT_TRUE(denied.by_condition);
  EXPECT_EQ(denied.rule(), "admin.calls.catalog[1]");
  EXPECT_EQ(
      denied.reason,
      "admin may not call catalog:8080 POST /items: the condition of admin.calls.catalog at bulkhead.yaml:10:15 "
      "does not hold: request.method == \"GET\" || request.headers[\"x-role\"] == \"staff\"; to allow it, write at "
      "bulkhead.yaml:10:15: when: '(request.method == \"GET\" || request.headers[\"x-role\"] == \"staff\") || "
      "(request.method == \"POST\" && request.path == \"/items\")'");
  const Decision failed = decision("POST", "/items", &none);
  EXPECT_EQ(failed.verdict, Verdict::denied) << "what has no value does not hold";
  EXPECT_NE(failed.reason.find("has no value: "), std::string::npos) << failed.reason;
  const Decision unknown = decision("POST", "/items", nullptr);
  EXPECT_EQ(unknown.verdict, Verdict::unknown);
  EXPECT_TRUE(unknown.by_condition);
}

constexpr std::string_view kOfUsers = R"(app: shop
auth: {customers: {issuer: https://id.example, audience: shop}}
services:
  orders: {command: [./orders], port: 8080}
  web:
    command: [./web]
    port: 8080
    calls:
      orders: {when: 'user.claims.tier == "gold" && user.sub != "" && user.provider == "customers"'}
)";

TEST(Decide, AConditionAsksWhoItIsFor) {
  const Model model = compile(*manifest::parse(kOfUsers).application);
  const Headers none({});
  const conditions::Value headers = none.value();
  const auto decision = [&](const User* user) {
    return decide(model.edges, {"web", "orders", {8080}, kHttp, "GET", "/", &headers, user});
  };
  const conditions::Document gold(nlohmann::json{{"tier", "gold"}});
  const conditions::Document silver(nlohmann::json{{"tier", "silver"}});
  const User ann{"ann", "customers", gold.value()};
  const User bob{"bob", "customers", silver.value()};
  const User stranger{"ann", "partners", gold.value()};
  EXPECT_TRUE(decision(&ann).allowed());
  EXPECT_FALSE(decision(&bob).allowed());
  EXPECT_FALSE(decision(&stranger).allowed());
  const Decision nobody = decision(nullptr);
  EXPECT_EQ(nobody.verdict, Verdict::denied);
  EXPECT_NE(nobody.reason.find("it is not known for this request: 'claims'"), std::string::npos) << nobody.reason;
}

constexpr std::string_view kOfResources = R"(app: shop
auth: {customers: {issuer: https://id.example, audience: shop}}
services:
  orders: {command: [./orders], port: 8080, contract: openapi.yaml@MODE@}
  web:
    command: [./web]
    port: 8080
    calls:
      orders: {allow: [GET /orders/*], when: 'user.provider == "customers" && resource.owner == user.sub'}
)";

Model of_resources(std::string_view mode) {
  std::string text(kOfResources);
  text.replace(text.find("@MODE@"), 6, mode);
  return compile(*manifest::parse(text).application);
}

TEST(Decide, WhatOnlyTheCalleeKnowsIsLeftToIt) {
  const Headers none({});
  const conditions::Value headers = none.value();
  const conditions::Document hers(nlohmann::json{{"owner", "ann"}});
  const conditions::Value known = hers.value();
  const conditions::Value nothing = conditions::Document::empty_map();
  const User ann{"ann", "customers", conditions::Document::empty_map()};
  const User bob{"bob", "customers", conditions::Document::empty_map()};
  const User stranger{"ann", "partners", conditions::Document::empty_map()};
  for (const std::string_view mode : {"", ", mode: audit"}) {
    SCOPED_TRACE(mode);
    const bool audits = !mode.empty();
    const Model model = of_resources(mode);
    const auto decision = [&](const User* user, const conditions::Value* resource,
                              std::string_view path = "/orders/7") {
      return decide(model.edges, {"web", "orders", {8080}, kHttp, "GET", path, &headers, user, resource});
    };
    const Decision before = decision(&bob, nullptr);
    EXPECT_EQ(before.verdict, Verdict::unknown);
    EXPECT_TRUE(before.left_to_callee && before.by_condition && !before.audited);
    EXPECT_FALSE(decision(&stranger, nullptr).left_to_callee) << "it can not hold, whatever the callee finds";
    EXPECT_FALSE(decision(&ann, nullptr, "/stock").left_to_callee) << "no rule covers it";
    const Decision held = decision(&ann, &known);
    EXPECT_TRUE(held.allowed() && !held.audited);
    const Decision unmet = decision(&bob, &known);
    EXPECT_EQ(unmet.allowed(), audits);
    EXPECT_EQ(unmet.audited, audits);
    EXPECT_NE(unmet.reason.find("does not hold"), std::string::npos) << unmet.reason;
    const Decision unnamed = decision(&ann, &nothing);
    EXPECT_EQ(unnamed.allowed(), audits) << "what the request does not have is no reason to let it pass";
    EXPECT_FALSE(unnamed.left_to_callee);
  }
}

TEST(Decide, WhatIsAuditedPassesWithTheReasonWhyItWouldNot) {
  std::string text(kConditional);
  text.replace(text.find("port: 8080}"), 11, "port: 8080, mode: audit}");
  const Model model = compile(*manifest::parse(text).application);
  const Headers guest({{"x-role", "guest"}});
  const conditions::Value value = guest.value();
  const auto decision = [&](std::string_view caller, std::string_view method, std::string_view path) {
    return decide(model.edges, {caller, "catalog", {8080}, kHttp, method, path, &value});
  };
  EXPECT_FALSE(decision("admin", "GET", "/items/7").audited) << "what is covered is allowed as ever";
  const Decision uncovered = decision("admin", "DELETE", "/items/7");
  EXPECT_TRUE(uncovered.allowed() && uncovered.audited);
  EXPECT_NE(uncovered.reason.find("to allow it, write under admin"), std::string::npos) << uncovered.reason;
  const Decision unmet = decision("admin", "POST", "/items");
  EXPECT_TRUE(unmet.allowed() && unmet.audited && unmet.by_condition);
  EXPECT_NE(unmet.reason.find("does not hold"), std::string::npos) << unmet.reason;
  EXPECT_FALSE(decision("admin", "GET", "/items/../x").allowed()) << "nobody knows what that path is";
  EXPECT_FALSE(decision("web", "GET", "/items/7").allowed()) << "who declares no call has no door";
}

#ifdef COUNTS_ALLOCATIONS
TEST(Decide, AConditionAllocatesNothingWhereItHolds) {
  const Model model = compile(*manifest::parse(kConditional).application);
  const Headers staff({{"x-role", "staff"}});
  const conditions::Value value = staff.value();
  const Attempt attempt{"admin", "catalog", {8080}, kHttp, "GET", "/items/7", &value};
  EXPECT_TRUE(decide(model.edges, attempt).allowed());
  const std::size_t before = allocations;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(decide(model.edges, attempt).allowed());
  EXPECT_EQ(allocations, before);
}
#endif

TEST(Decide, PointsAtTheRulesLine) {
  Model model = shop();
  Decision decision = decide(model.edges, {"checkout", "catalog", {8080}, kHttp, "GET", "/items/7"});
  ASSERT_NE(decision.position(), nullptr);
  EXPECT_EQ(manifest::to_string(*decision.position()), "bulkhead.yaml:10:17");
}

}  // namespace
}  // namespace bulkhead::policy
