#include "policy/reach.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "manifest/parse.hpp"

namespace bulkhead::policy {
namespace {

constexpr std::string_view kText = R"(app: shop
services:
  web: {command: [./web], port: 8080, calls: [checkout]}
  checkout: {command: [./checkout], port: 8080, calls: {payments: [POST /charges], catalog: [GET /items/*]}}
  payments: {command: [./payments], port: 8080, calls: [ledger], egress: {bank: "https://bank.example"}}
  ledger: {command: [./ledger], port: 5432, protocol: tcp}
  catalog: {command: [./catalog], port: 8080}
  island: {command: [./island], port: 8080}
gateway:
  routes: [{match: {path: /*}, to: web}]
)";

Model shop() { return compile(*manifest::parse(kText).application); }

struct Case {
  std::string_view from;
  std::string_view to;
  Verdict direct;
  Verdict indirect;
};

class Reaching : public testing::TestWithParam<Case> {};

TEST_P(Reaching, DistinguishesDirectFromThrough) {
  Model model = shop();
  auto answer = reach(model, GetParam().from, GetParam().to);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(to_string(answer->verdict), to_string(GetParam().direct)) << answer->why;
  EXPECT_EQ(to_string(answer->indirect), to_string(GetParam().indirect)) << answer->why;
  EXPECT_FALSE(answer->why.empty());
}

TEST(Reach, SaysWhoHoldsWhichSecrets) {
  std::string text(kText);
  text.replace(text.find("[./payments], "), 14, "[./payments], secrets: [stripe, {source: db, target: password}], ");
  text += "secrets: {stripe: {file: ./stripe}, db: {environment: DB}}\n";
  const Model model = compile(*manifest::parse(text).application);
  const auto from = reach(model, "payments");
  ASSERT_TRUE(from);
  EXPECT_EQ(from->secrets, (std::vector<std::string>{"stripe", "db"}));
  EXPECT_TRUE(to_text(*from).starts_with("payments holds the secrets: stripe, db\n")) << to_text(*from);
  const auto to = reach(model, "checkout");
  ASSERT_TRUE(to);
  EXPECT_NE(to_text(*to).find("  payments  holds the secrets: stripe, db\n"), std::string::npos) << to_text(*to);
  EXPECT_EQ(to_json(*to)["direct"][0]["secrets"].size(), 2U);
  EXPECT_EQ(to_json(*to)["secrets"].size(), 0U);
}

TEST(Reach, GoesWhereASplitOrAFallbackOfARouteLeads) {
  std::string text(kText);
  text.replace(text.find(", to: web}"), 10, ", to: web, split: [{to: island, share: 1%}], fallback: {to: catalog}}");
  Model model = compile(*manifest::parse(text).application);
  for (std::string_view to : {"web", "island", "catalog"}) {
    EXPECT_EQ(reach(shop(), "gateway", to)->verdict, to == "web" ? Verdict::allowed : Verdict::denied) << to;
    EXPECT_EQ(reach(model, "gateway", to)->verdict, Verdict::allowed) << to;
  }
  EXPECT_EQ(reach(model, "gateway", "island")->rule->id, "gateway.routes[0].split[0]");
}

INSTANTIATE_TEST_SUITE_P(Table, Reaching,
                         testing::Values(Case{"web", "checkout", Verdict::allowed, Verdict::unknown},
                                         Case{"web", "payments", Verdict::denied, Verdict::allowed},
                                         Case{"web", "ledger", Verdict::denied, Verdict::allowed},
                                         Case{"web", "bank", Verdict::denied, Verdict::allowed},
                                         Case{"web", "bank.example", Verdict::denied, Verdict::allowed},
                                         Case{"web", "other.example", Verdict::denied, Verdict::unknown},
                                         Case{"payments", "bank", Verdict::allowed, Verdict::unknown},
                                         // nothing declared leads back, but the bank could come in by the gateway
                                         Case{"payments", "catalog", Verdict::denied, Verdict::unknown},
                                         Case{"payments", "island", Verdict::denied, Verdict::denied},
                                         Case{"ledger", "web", Verdict::denied, Verdict::denied},
                                         Case{"catalog", "bank.example", Verdict::denied, Verdict::denied},
                                         Case{"island", "web", Verdict::denied, Verdict::denied},
                                         Case{"gateway", "web", Verdict::allowed, Verdict::denied},
                                         Case{"_gateway", "ledger", Verdict::denied, Verdict::allowed},
                                         Case{"web", "web", Verdict::allowed, Verdict::allowed}));

TEST(Reach, TellsTheWayAndWhatMustHold) {
  Model model = shop();
  auto answer = reach(model, "web", "ledger");
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->path.size(), 3U);
  EXPECT_EQ(answer->path[0].assumption, "if web is compromised, it can make its declared calls");
  EXPECT_EQ(answer->path[1].assumption, "checkout must be made to act for the attacker, or be compromised as well");
  EXPECT_EQ(answer->path[1].what, std::vector<std::string>{"POST /charges"});
  ASSERT_NE(answer->rule, nullptr);
  EXPECT_EQ(answer->rule->id, "web.calls.checkout");
  EXPECT_NE(answer->why.find("web -> checkout -> payments -> ledger:5432"), std::string::npos) << answer->why;
  EXPECT_NE(answer->why.find("bulkhead.yaml:3:"), std::string::npos) << answer->why;
}

TEST(Reach, ListsDirectAndThroughWithWhatIsNotSeen) {
  Model model = shop();
  auto reached = reach(model, "checkout");
  ASSERT_TRUE(reached);
  ASSERT_EQ(reached->direct.size(), 2U);
  EXPECT_EQ(reached->direct[0].name, "payments");
  ASSERT_EQ(reached->through.size(), 2U);
  EXPECT_EQ(reached->through[0].name, "ledger");
  EXPECT_EQ(reached->through[1].name, "bank (https://bank.example:443)");
  EXPECT_TRUE(reached->through[1].outside);
  EXPECT_EQ(reached->unseen.size(), 4U);
  EXPECT_NE(to_text(*reached).find("checkout can reach through others\n  ledger\n"), std::string::npos);
  EXPECT_EQ(to_json(*reached)["direct"].size(), 2U);
}

TEST(Reach, EndsInACycle) {
  Model model = compile(*manifest::parse("app: a\nservices:\n  a: {command: [a], port: 80, calls: [b]}\n"
                                         "  b: {command: [b], port: 80, calls: [c]}\n"
                                         "  c: {command: [c], port: 80, calls: [a, b]}\n")
                             .application);
  auto reached = reach(model, "a");
  ASSERT_TRUE(reached);
  EXPECT_EQ(reached->direct.size(), 1U);
  EXPECT_EQ(reached->through.size(), 2U);
  EXPECT_EQ(reach(model, "a", "c")->path.size(), 2U);
}

TEST(Reach, NamesTheNearestWhereNobodyHasTheName) {
  Model model = shop();
  auto answer = reach(model, "web", "ledgr");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().cause, Cause::not_found);
  EXPECT_EQ(answer.error().message, "no service is named 'ledgr'; did you mean 'ledger'?");
  EXPECT_FALSE(reach(model, "nobody"));
}

}  // namespace
}  // namespace bulkhead::policy
