#include "policy/deny.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "conditions/document.hpp"
#include "manifest/parse.hpp"
#include "policy/graph.hpp"
#include "policy/reach.hpp"

namespace bulkhead::policy {
namespace {

std::string line_for(std::span<const Edge> edges, const Attempt& attempt) { return decide(edges, attempt).remedy.line; }

constexpr std::string_view kShop = R"(app: shop
auth: {customers: {issuer: https://id.example, audience: shop}}
groups: {backend: [catalog, orders]}
services:
  web: {command: [./web], port: 8080, calls: [catalog, ledger, db, spare]}
  orders: {command: [./orders], port: 8080, calls: {catalog: [GET /items/*, "POST|PUT /items/*"]}}
  catalog: {command: [./catalog], port: 8080}
  ledger: {command: [./ledger], port: 50051, protocol: grpc}
  db: {command: [./db], port: 5432, protocol: tcp}
  spare: {command: [./spare], port: 8080}
deny:
  - {name: no-admin, to: backend, requests: ["* /admin/*", "DELETE /items/*"]}
  - {from: web, to: ledger, requests: [bank.Ledger/Close]}
  - {from: [web, backend], to: db}
  - {name: staff, from: [web, gateway], to: spare, when: 'user.claims.role != "staff"'}
gateway:
  routes:
    - {match: {path: /spare/*}, to: spare, rewrite: /}
    - {match: {path: /*}, to: web}
)";

Model model_of(std::string_view text = kShop) {
  const auto parsed = manifest::parse(text);
  EXPECT_TRUE(parsed.application) << render(parsed.mistakes);
  return compile(*parsed.application);
}

constexpr Protocol kHttp = Protocol::http;
constexpr Protocol kGrpc = Protocol::grpc;

struct Case {
  Attempt attempt;
  Verdict verdict;
  std::string_view rule;
};

class Denying : public testing::TestWithParam<Case> {};

TEST_P(Denying, BeatsAllowing) {
  const Model model = model_of();
  const Decision decision = decide(model.edges, GetParam().attempt);
  EXPECT_EQ(to_string(decision.verdict), to_string(GetParam().verdict)) << decision.reason;
  EXPECT_EQ(decision.rule(), GetParam().rule) << decision.reason;
  EXPECT_EQ(decision.reason.empty(), decision.allowed());
}

INSTANTIATE_TEST_SUITE_P(
    Table, Denying,
    testing::Values(
        Case{{"web", "catalog", {8080}, kHttp, "GET", "/items/7"}, Verdict::allowed, "web.calls.catalog"},
        Case{{"web", "catalog", {8080}, kHttp, "GET", "/admin/x"}, Verdict::denied, "deny.no-admin"},
        Case{{"web", "catalog", {8080}, kHttp, "GET", "/Admin/x"}, Verdict::denied, "deny.no-admin"},
        Case{{"web", "catalog", {8080}, kHttp, "GET", "/%61dmin/x"}, Verdict::denied, "deny.no-admin"},
        Case{{"web", "catalog", {8080}, kHttp, "DELETE", "/items/7"}, Verdict::denied, "deny.no-admin"},
        Case{{"web", "catalog", {8080}, kHttp, "delete", "/items/7"}, Verdict::denied, "deny.no-admin"},
        Case{{"web", "catalog", {8080}, kHttp, "GET", "/x/../admin"}, Verdict::denied, "deny.no-admin"},
        Case{{"orders", "catalog", {8080}, kHttp, "PUT", "/items/7"}, Verdict::allowed, "orders.calls.catalog[1]"},
        Case{{"orders", "catalog", {8080}, kHttp, "DELETE", "/items/7"}, Verdict::denied, "deny.no-admin"},
        Case{{"orders", "catalog", {8080}, kHttp, "DELETE", "/else"}, Verdict::denied, "orders.calls.catalog"},
        Case{{"web", "catalog", {8080}, kHttp, "", ""}, Verdict::unknown, "deny.no-admin"},
        Case{{"web", "ledger", {50051}, kGrpc, "", "/bank.Ledger/Open"}, Verdict::allowed, "web.calls.ledger"},
        Case{{"web", "ledger", {50051}, kGrpc, "", "/bank.Ledger/Close"}, Verdict::denied, "deny[1]"},
        Case{{"web", "db", {5432}, Protocol::tcp, "", ""}, Verdict::denied, "deny[2]"},
        Case{{kGateway, "web", {8080}, kHttp, "DELETE", "/admin/x"}, Verdict::allowed, "gateway.routes[1]"},
        Case{{kGateway, "spare", {8080}, kHttp, "GET", "/x"}, Verdict::unknown, "deny.staff"},
        Case{{"web", "spare", {8080}, kHttp, "", ""}, Verdict::unknown, "deny.staff"}));

TEST(Deny, SaysWhichRuleStandsInTheWay) {
  const Model model = model_of();
  const Attempt denied{"web", "catalog", {8080}, kHttp, "DELETE", "/items/7"};
  const Decision decision = decide(model.edges, denied);
  EXPECT_EQ(
      decision.reason,
      "web may not call catalog:8080 DELETE /items/7: deny.no-admin at bulkhead.yaml:12:5 denies it; to allow it, "
      "write at bulkhead.yaml:12:5: when: '!(request.method == \"DELETE\" && request.path == \"/items/7\")'");
  ASSERT_NE(decision.position(), nullptr);
  EXPECT_EQ(manifest::to_string(*decision.position()), "bulkhead.yaml:12:5");
  // Not declared either, so that no one line would help: the rule is about everybody.
  const Attempt undeclared{"ledger", "catalog", {8080}, kHttp, "GET", "/admin/x"};
  EXPECT_EQ(decide(model.edges, undeclared).reason,
            "ledger may not call catalog:8080 GET /admin/x: no rule of the manifest declares this call, and "
            "deny.no-admin at bulkhead.yaml:12:5 denies it; to allow it, write at bulkhead.yaml:12:5: when: "
            "'!(request.method == \"GET\" && request.path == \"/admin/x\")', and under ledger: calls: {catalog: [GET "
            "/admin/x]}");
  EXPECT_EQ(line_for(model.edges, undeclared), "");
  const Attempt harmless{"ledger", "catalog", {8080}, kHttp, "GET", "/items/7"};
  EXPECT_EQ(line_for(model.edges, harmless), "calls: {catalog: [GET /items/7]}");
}

class NoFields final : public conditions::MapView {
 public:
  std::size_t size(const void*) const override { return 0; }
  std::optional<conditions::Value> find(const void*, const conditions::Value&) const override { return std::nullopt; }
  conditions::MapEntry at(const void*, std::size_t) const override { return {}; }
};

TEST(Deny, AConditionWithoutAValueDenies) {
  const Model model = model_of();
  const NoFields none;
  const conditions::Value headers = conditions::Value::map(none, nullptr);
  const auto decision = [&](const User* user) {
    return decide(model.edges, {kGateway, "spare", {8080}, kHttp, "GET", "/x", &headers, user});
  };
  const conditions::Document staff(nlohmann::json{{"role", "staff"}});
  const conditions::Document guest(nlohmann::json{{"role", "guest"}});
  const conditions::Document other(nlohmann::json{{"tier", "gold"}});
  const User ann{"ann", "customers", staff.value()};
  const User bob{"bob", "customers", guest.value()};
  const User eve{"eve", "customers", other.value()};
  EXPECT_TRUE(decision(&ann).allowed());
  EXPECT_NE(decision(&bob).reason.find("as its condition holds: user.claims.role"), std::string::npos);
  for (const User* user : {&eve, static_cast<const User*>(nullptr)}) {
    const Decision denied = decision(user);
    EXPECT_EQ(denied.verdict, Verdict::denied);
    EXPECT_EQ(denied.rule(), "deny.staff");
    EXPECT_NE(denied.reason.find("as its condition has no value: "), std::string::npos) << denied.reason;
  }
}

TEST(Deny, IsRecordedAndPassesWhereTheCalleeIsAudited) {
  std::string text(kShop);
  text.replace(text.find("catalog: {command: [./catalog], "), 32, "catalog: {command: [./catalog], mode: audit, ");
  const Model model = model_of(text);
  const Decision passed = decide(model.edges, {"web", "catalog", {8080}, kHttp, "GET", "/admin/x"});
  EXPECT_TRUE(passed.allowed() && passed.audited);
  EXPECT_EQ(passed.rule(), "deny.no-admin");
  EXPECT_NE(passed.reason.find("denies it"), std::string::npos) << passed.reason;
  EXPECT_FALSE(decide(model.edges, {"web", "catalog", {8080}, kHttp, "GET", "/x//admin"}).allowed());
  EXPECT_FALSE(decide(model.edges, {"web", "catalog", {8080}, kHttp, "GET", "/items/7"}).audited);
}

TEST(Deny, TravelsWithEachEdgeThatItIsAbout) {
  const Model model = model_of();
  std::size_t carried = 0;
  for (const Edge& edge : model.edges) {
    carried += edge.denies.size();
    const auto read = edge_from_json(to_json(edge));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, edge);
  }
  EXPECT_EQ(carried, 6U);
  const nlohmann::json good = to_json(model.edges[0]);
  ASSERT_TRUE(good.contains("denies"));
  const auto refused = [&](auto change) {
    nlohmann::json bad = good;
    change(bad["denies"]);
    return !edge_from_json(bad);
  };
  EXPECT_TRUE(refused([](auto& denies) { denies = nlohmann::json::array(); }));
  EXPECT_TRUE(refused([](auto& denies) { denies = "none"; }));
  EXPECT_TRUE(refused([](auto& denies) { denies[0]["more"] = 1; }));
  EXPECT_TRUE(refused([](auto& denies) { denies[0].erase("permissions"); }));
  EXPECT_TRUE(refused([](auto& denies) { denies[0].erase("position"); }));
  EXPECT_TRUE(refused([](auto& denies) { denies[0]["from_anybody"] = "yes"; }));
  EXPECT_TRUE(refused([](auto& denies) { denies[0]["when"] = {{"condition", "1"}}; }));
  EXPECT_TRUE(refused([](auto& denies) { denies[0]["permissions"][0]["path"] = "x"; }));
}

TEST(Deny, IsSeenByReachAndGraph) {
  const Model model = model_of();
  const auto all = reach(model, "web");
  ASSERT_TRUE(all);
  const std::string text = to_text(*all);
  EXPECT_NE(text.find("web -> catalog:8080  everything  (web.calls.catalog, bulkhead.yaml:5:47)\n"
                      "        but not * /admin/*, DELETE /items/* (deny.no-admin at bulkhead.yaml:12:5)\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("db:5432"), std::string::npos) << text;
  EXPECT_NE(text.find("but not anything when user.claims.role != \"staff\" (deny.staff at"), std::string::npos) << text;
  const auto db = reach(model, "web", "db");
  ASSERT_TRUE(db);
  EXPECT_EQ(db->verdict, Verdict::denied);
  EXPECT_EQ(db->why,
            "web may not call db itself: web.calls.db at bulkhead.yaml:5:64 declares it, and denied is "
            "anything (deny[2] at bulkhead.yaml:14:5). No chain of declared calls leads there through others.");
  EXPECT_EQ(to_json(*db, "web", "db")["denied_by"]["rule"], "deny[2]");
  const std::string graph = graph_text(model);
  EXPECT_NE(graph.find("  -> db:5432  tcp  everything\n       but not anything (deny[2] at bulkhead.yaml:14:5)\n"),
            std::string::npos)
      << graph;
  EXPECT_NE(graph_dot(model).find("\"web\" -> \"db\" [label=\"everything, but not anything (deny[2] at "
                                  "bulkhead.yaml:14:5)\", style=dotted];"),
            std::string::npos)
      << graph_dot(model);
}

}  // namespace
}  // namespace bulkhead::policy
