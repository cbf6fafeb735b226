// What `mode: learn` opens, and what it leaves shut.

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "conditions/document.hpp"
#include "manifest/parse.hpp"
#include "policy/decide.hpp"
#include "policy/graph.hpp"
#include "policy/names.hpp"
#include "policy/reach.hpp"

namespace bulkhead::policy {
namespace {

using nlohmann::json;

// web, orders, db, both and the job learn; wall does not.
constexpr std::string_view kLearning = R"(app: shop
mode: learn
services:
  web:
    command: [./web]
    port: 8080
    calls: {orders: {allow: [GET /items/*], when: 'request.method != "GET" || request.headers["x-role"] == "staff"'}}
    egress: {mail: "https://mail.example"}
  orders: {command: [./orders], port: 8080, contract: openapi.yaml}
  db: {command: [./db], port: 5432, protocol: tcp}
  both: {command: [./both], ports: {web: 80, rpc: {number: 50051, protocol: grpc}}}
  wall: {command: [./wall], port: 8080, mode: enforce, calls: {orders: [GET /items/*]}}
  migrate: {type: job, command: [./migrate]}
deny:
  - {name: no-admin, to: [orders, both], requests: ["* /admin/*"]}
  - {name: no-db, from: both, to: db}
  - {name: owner-only, from: db, to: orders, when: 'resource.owner != "db"'}
gateway:
  routes: [{match: {path: /*, methods: [GET]}, to: web, when: 'request.path != "/closed"'}]
)";

Model learned_model(std::string_view text = kLearning) {
  const auto parsed = manifest::parse(text);
  EXPECT_TRUE(parsed.application) << render(parsed.mistakes);
  return compile(*parsed.application);
}

std::string learned_edges(std::string_view text) {
  std::string all;
  for (const Edge& edge : learned_model(text).edges)
    if (!edge.is_declared()) all += fmt::format("{}:{} {}\n", edge.id, edge.port.number, to_string(edge.protocol));
  return all;
}

TEST(Learning, GivesEachPairOfServicesThatLearnEachPortThatNoCallDeclares) {
  EXPECT_EQ(learned_edges(kLearning),
            "web.learn.db:5432 tcp\n"
            "web.learn.both:80 http\n"
            "web.learn.both:50051 grpc\n"
            "orders.learn.web:8080 http\n"
            "orders.learn.db:5432 tcp\n"
            "orders.learn.both:80 http\n"
            "orders.learn.both:50051 grpc\n"
            "db.learn.web:8080 http\n"
            "db.learn.orders:8080 http\n"
            "db.learn.both:80 http\n"
            "db.learn.both:50051 grpc\n"
            "both.learn.web:8080 http\n"
            "both.learn.orders:8080 http\n"
            "both.learn.db:5432 tcp\n"
            "migrate.learn.web:8080 http\n"
            "migrate.learn.orders:8080 http\n"
            "migrate.learn.db:5432 tcp\n"
            "migrate.learn.both:80 http\n"
            "migrate.learn.both:50051 grpc\n");
}

TEST(Learning, IsOpenedByNeitherEndAlone) {
  const auto text = [](std::string_view caller, std::string_view callee) {
    return fmt::format(
        "app: a\nservices:\n  web: {{command: [./w], mode: {}}}\n  api: {{command: [./a], port: 80, mode: {}}}\n",
        caller, callee);
  };
  EXPECT_EQ(learned_edges(text("learn", "learn")), "web.learn.api:80 http\n");
  for (const std::string_view other : {"enforce", "audit"}) {
    EXPECT_EQ(learned_edges(text("learn", other)), "") << other;
    EXPECT_EQ(learned_edges(text(other, "learn")), "") << other;
  }
}

struct Attempted {
  std::string_view name;
  Attempt attempt;
  Verdict verdict;
  bool learned;
  std::string_view rule;
  std::string_view allow;
};

class LearnDecision : public testing::TestWithParam<Attempted> {};

constexpr Protocol kWeb = Protocol::http;
constexpr Protocol kRpc = Protocol::grpc;
constexpr Protocol kRaw = Protocol::tcp;

TEST_P(LearnDecision, IsTheOneOfEnforcingButForWhatIsNotDeclared) {
  const Model model = learned_model();
  const conditions::Document none(json::object());
  const conditions::Value headers = none.value();
  Attempt attempt = GetParam().attempt;
  attempt.headers = &headers;
  const Decision decision = decide(model.edges, attempt);
  EXPECT_EQ(to_string(decision.verdict), to_string(GetParam().verdict)) << decision.reason;
  EXPECT_EQ(decision.learned, GetParam().learned);
  EXPECT_FALSE(decision.audited);
  EXPECT_EQ(decision.rule(), GetParam().rule);
  EXPECT_EQ(decision.reason.empty(), decision.allowed() && !decision.learned);
  if (!decision.by_condition) EXPECT_EQ(decision.remedy.line, GetParam().allow);
}

INSTANTIATE_TEST_SUITE_P(
    Table, LearnDecision,
    testing::Values(
        Attempted{"Undeclared",
                  {"orders", "web", {8080}, kWeb, "POST", "/hook"},
                  Verdict::allowed,
                  true,
                  "orders.learn.web",
                  "calls: {web: [POST /hook]}"},
        Attempted{"UndeclaredTcp",
                  {"web", "db", {5432}, kRaw, "", ""},
                  Verdict::allowed,
                  true,
                  "web.learn.db",
                  "calls: {db: }"},
        Attempted{"OneOfSeveralPorts",
                  {"web", "both", {50051}, kRpc, "", "/a.B/C"},
                  Verdict::allowed,
                  true,
                  "web.learn.both",
                  "calls: {both: {port: 50051, allow: [a.B/C]}}"},
        Attempted{"OfAJob",
                  {"migrate", "db", {5432}, kRaw, "", ""},
                  Verdict::allowed,
                  true,
                  "migrate.learn.db",
                  "calls: {db: }"},
        Attempted{"AmbiguousPath", {"orders", "web", {8080}, kWeb, "GET", "/a/../b"}, Verdict::denied, false, "", ""},
        Attempted{"Denied",
                  {"web", "both", {80}, kWeb, "GET", "/Admin/x"},
                  Verdict::denied,
                  false,
                  "deny.no-admin",
                  R"(when: '!(request.method == "GET" && request.path == "/Admin/x")')"},
        Attempted{"DeniedTcp", {"both", "db", {5432}, kRaw, "", ""}, Verdict::denied, false, "deny.no-db", ""},
        Attempted{"BesidesALine",
                  {"web", "orders", {8080}, kWeb, "POST", "/items"},
                  Verdict::allowed,
                  true,
                  "web.calls.orders",
                  "calls: {orders: [POST /items]}"},
        Attempted{"BesidesALineOfWhoDoesNotLearn",
                  {"wall", "orders", {8080}, kWeb, "POST", "/items"},
                  Verdict::allowed,
                  true,
                  "wall.calls.orders",
                  "calls: {orders: [POST /items]}"},
        Attempted{"ACondition",
                  {"web", "orders", {8080}, kWeb, "GET", "/items/7"},
                  Verdict::allowed,
                  true,
                  "web.calls.orders[0]",
                  ""},
        Attempted{"DeniedThoughDeclared",
                  {"web", "orders", {8080}, kWeb, "GET", "/admin/x"},
                  Verdict::denied,
                  false,
                  "deny.no-admin",
                  R"(when: '!(request.method == "GET" && request.path == "/admin/x")')"},
        Attempted{"Covered",
                  {"wall", "orders", {8080}, kWeb, "GET", "/items/7"},
                  Verdict::allowed,
                  false,
                  "wall.calls.orders[0]",
                  ""},
        Attempted{"OfWhoDoesNotLearn",
                  {"wall", "web", {8080}, kWeb, "GET", "/"},
                  Verdict::denied,
                  false,
                  "",
                  "calls: {web: [GET /]}"},
        Attempted{"ToWhoDoesNotLearn",
                  {"web", "wall", {8080}, kWeb, "GET", "/"},
                  Verdict::denied,
                  false,
                  "",
                  "calls: {wall: [GET /]}"},
        Attempted{"AnotherPort",
                  {"orders", "web", {9090}, kWeb, "GET", "/"},
                  Verdict::denied,
                  false,
                  "",
                  "calls: {web: [GET /]}"},
        Attempted{
            "AnotherProtocol", {"orders", "web", {8080}, kRaw, "", ""}, Verdict::denied, false, "", "calls: {web: }"},
        Attempted{"ByTheGateway",
                  {kGateway, "web", {8080}, kWeb, "GET", "/a"},
                  Verdict::allowed,
                  false,
                  "gateway.routes[0].match",
                  ""},
        Attempted{"BesidesARoute",
                  {kGateway, "web", {8080}, kWeb, "POST", "/a"},
                  Verdict::denied,
                  false,
                  "gateway.routes[0]",
                  ""},
        Attempted{"ARoutesCondition",
                  {kGateway, "web", {8080}, kWeb, "GET", "/closed"},
                  Verdict::denied,
                  false,
                  "gateway.routes[0].match",
                  ""},
        Attempted{"WithoutARoute", {kGateway, "orders", {8080}, kWeb, "GET", "/"}, Verdict::denied, false, "", ""},
        Attempted{"OutsideOfAnother", {"orders", "mail", {443}, kWeb, "GET", "/"}, Verdict::denied, false, "", ""},
        Attempted{"OutsideByHost",
                  {"web", "mail.example", {443}, kWeb, "GET", "/"},
                  Verdict::denied,
                  false,
                  "",
                  "calls: {mail.example: [GET /]}"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Learning, ADenyRuleThatAsksTheContractIsLeftToTheCallee) {
  const Model model = learned_model();
  const conditions::Document none(json::object());
  const conditions::Value headers = none.value();
  Attempt attempt{"db", "orders", {8080}, kWeb, "GET", "/items/7", &headers};
  const Decision before = decide(model.edges, attempt);
  EXPECT_TRUE(before.left_to_callee) << before.reason;
  EXPECT_FALSE(before.allowed());
  const conditions::Document own(json{{"owner", "db"}});
  const conditions::Document other(json{{"owner", "web"}});
  for (const auto* resource : {&own, &other}) {
    const conditions::Value value = resource->value();
    attempt.resource = &value;
    const Decision decision = decide(model.edges, attempt);
    EXPECT_EQ(decision.learned, resource == &own) << decision.reason;
    EXPECT_EQ(decision.rule(), resource == &own ? "db.learn.orders" : "deny.owner-only");
  }
}

TEST(Learning, SaysWhyItWouldBeDeniedAndWhatToWrite) {
  const Model model = learned_model();
  EXPECT_EQ(
      decide(model.edges, {"web", "db", {5432}, kRaw, "", ""}).reason,
      "web may not call db:5432: no rule of the manifest declares this call; to allow it, write under web: calls: "
      "{db: }");
  EXPECT_EQ(
      decide(model.edges, {"wall", "orders", {8080}, kWeb, "POST", "/items"}).reason,
      "wall may not call orders:8080 POST /items: wall.calls.orders at bulkhead.yaml:12:64 does not include it; to "
      "allow it, write under wall: calls: {orders: [POST /items]}");
}

TEST(Learning, ANameOrPortOfADeclaredCallStaysWhatItIs) {
  const Model model = learned_model(R"(app: a
mode: learn
services:
  web: {command: [./w], calls: {new: {as: [old], port: 8080}}, egress: {mail: "https://mail.example"}}
  old: {command: [./o], port: 8080}
  new: {command: [./n], ports: [80, 8080, 9090]}
  db: {command: [./d], port: 5432, protocol: tcp}
)");
  std::string all;
  for (const Name& name : plan(model, "web").names)
    for (const Answering& each : name.ports)
      all += fmt::format("{}:{} {}:{} {}\n", name.name, each.port.number, model.edges[each.edge].to,
                         model.edges[each.edge].port.number, model.edges[each.edge].id);
  EXPECT_EQ(all,
            "new:80 new:8080 web.calls.new\n"
            "new:8080 new:8080 web.calls.new\n"
            "new:9090 new:9090 web.learn.new\n"
            "db:5432 db:5432 web.learn.db\n"
            "mail:80 mail:443 web.egress.mail\n"
            "mail.example:443 mail:443 web.egress.mail\n"
            "old:80 new:8080 web.calls.new\n"
            "old:8080 new:8080 web.calls.new\n");
  std::string names;
  for (const Name& name : plan(model, "old").names) names += name.name + "\n";
  EXPECT_EQ(names, "new\ndb\n") << "web has no port to call";
}

TEST(Learning, ComesBackFromJsonAsItWasAndOnlyWhereItCanBe) {
  const Model model = learned_model();
  auto all = edges_from_json(to_json(model.edges));
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(*all, model.edges);
  const auto whole = std::ranges::find(model.edges, Edge::Learned::whole, &Edge::learned);
  const auto refused = [&](auto change) {
    json bad = to_json(*whole);
    change(bad);
    return !edge_from_json(bad);
  };
  EXPECT_FALSE(refused([](json&) {}));
  EXPECT_TRUE(refused([](json& bad) { bad["learned"] = "nothing"; }));
  EXPECT_TRUE(refused([](json& bad) { bad["learned"] = true; }));
  EXPECT_TRUE(refused([](json& bad) { bad["audited"] = true; }));
  EXPECT_TRUE(refused([](json& bad) { bad["at"] = {{"host", "localhost"}, {"port", 80}}; }));
  EXPECT_TRUE(refused([](json& bad) { bad["as"] = {"other"}; }));
  EXPECT_TRUE(refused([](json& bad) { bad["kind"] = "route", bad["from"] = kGateway; }));
  EXPECT_TRUE(refused([](json& bad) {
    bad["kind"] = "egress", bad["outside"] = {{"scheme", "tcp"}, {"host", "a.example"}, {"is_address", false}};
  }));
}

TEST(Learning, IsMarkedInGraphAndReach) {
  const Model model = learned_model();
  const std::string text = graph_text(model);
  EXPECT_NE(text.find("  -> db:5432  tcp  everything  (learned, not declared)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  (learning, not enforced)\n"), std::string::npos) << text;
  const std::string dot = graph_dot(model);
  EXPECT_NE(dot.find("\"web\" -> \"db\" [label=\"everything\", style=dashed, color=red];\n"), std::string::npos) << dot;
  const auto direct = reach(model, "web", "db");
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->verdict, Verdict::allowed);
  EXPECT_TRUE(
      direct->why.starts_with("web may call db:5432 itself: everything (nobody declares it; the mode of both is "
                              "learn), by web.learn.db at bulkhead.yaml:4:3."))
      << direct->why;
  EXPECT_EQ(to_json(*direct, "web", "db")["path"][0]["declared"], false);
  EXPECT_EQ(direct->path.at(0).assumption, "if web is compromised, it can call whatever learns as it does");
  const auto denied = reach(model, "both", "db");
  ASSERT_TRUE(denied);
  EXPECT_EQ(denied->verdict, Verdict::denied);
  EXPECT_TRUE(
      denied->why.starts_with("both may not call db itself: both.learn.db at bulkhead.yaml:11:3 would learn it, "
                              "and denied is anything (deny.no-db at "))
      << denied->why;
  EXPECT_EQ(reach(model, "wall", "web")->verdict, Verdict::denied);
}

}  // namespace
}  // namespace bulkhead::policy
