#include "policy/lines.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "conditions/document.hpp"
#include "manifest/parse.hpp"
#include "policy/graph.hpp"

namespace bulkhead::policy {
namespace {

constexpr Protocol kHttp = Protocol::http;
constexpr Protocol kGrpc = Protocol::grpc;

// What a remedy changes stands in lines of its own.
constexpr std::string_view kApplication = R"(app: shop
auth: {customers: {issuer: https://id.example, audience: shop}}
roles: {staff: 'request.headers["x-role"] == "it''s $$"'}
services:
  web:
    command: [./web]
    port: 8080
    calls:
      catalog:
        port: [8080]
        when: role.staff
      ledger:
        when: '"x-a" in request.headers ? request.headers["x-a"] == "1" : user.sub == "ann"'
      orders:
  orders: {command: [./orders], port: 8080, calls: {catalog: [GET /items/*]}}
  catalog: {command: [./catalog], ports: [8080, 9090]}
  ledger: {command: [./ledger], port: 50051, protocol: grpc}
deny:
  - to: orders
    requests: [/admin/*]
    name: admin
  - to: orders
    name: odd
    when: 'request.path.endsWith("/odd")'
gateway:
  routes:
    - match: {path: /catalog/*}
      to: catalog
      rewrite: /
      when: 'request.method != "DELETE"'
    - {match: {path: /*}, to: web}
)";

Decision decided(const std::string& text, Attempt attempt) {
  static const conditions::Document none(nlohmann::json::object());
  const auto parsed = manifest::parse(text);
  if (!parsed.application) {
    ADD_FAILURE() << render(parsed.mistakes) << text;
    return {};
  }
  const Model model = compile(*parsed.application);
  const conditions::Value headers = none.value();
  attempt.headers = &headers;
  Decision decision = decide(model.edges, attempt);
  decision.edge = nullptr;
  decision.permission = nullptr;
  decision.deny = nullptr;
  decision.remedy.instead = nullptr;
  return decision;
}

struct Case {
  Attempt attempt;
  std::string_view instead;  // what of the manifest the line takes the place of
  std::string_view line;
};

class RemedyInARule : public testing::TestWithParam<Case> {};

TEST_P(RemedyInARule, AllowsThatRequestAndNoOther) {
  const std::string before(kApplication);
  const auto& [attempt, instead, line] = GetParam();
  const Decision denied = decided(before, attempt);
  ASSERT_EQ(to_string(denied.verdict), to_string(Verdict::denied));
  ASSERT_EQ(denied.remedy.line, line) << denied.reason;
  EXPECT_TRUE(denied.reason.ends_with(": " + denied.remedy.line)) << denied.reason;
  EXPECT_NE(denied.reason.find("; to allow it, write at bulkhead.yaml:"), std::string::npos) << denied.reason;
  EXPECT_FALSE(is_added(denied.remedy.line));

  std::string after = before;
  ASSERT_NE(after.find(instead), std::string::npos);
  after.replace(after.find(instead), instead.size(), line);
  const Decision allowed = decided(after, attempt);
  EXPECT_TRUE(allowed.allowed()) << allowed.reason << after;
  if (line.starts_with("port:")) return;
  const std::string path = std::string(attempt.path) + "x";
  Attempt other = attempt;
  other.path = path;
  EXPECT_EQ(to_string(decided(after, other).verdict), to_string(decided(before, other).verdict)) << path;
  if (attempt.protocol == kGrpc) return;
  other = attempt;
  other.method = "PATCH";
  EXPECT_EQ(to_string(decided(after, other).verdict), to_string(decided(before, other).verdict));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RemedyInARule,
    testing::Values(
        Case{
            {"web", "catalog", {8080}, kHttp, "GET", "/items/7"},
            "when: role.staff",
            R"(when: '((request.headers["x-role"] == "it''s $$")) || (request.method == "GET" && request.path == "/items/7")')"},
        Case{{"web", "ledger", {50051}, kGrpc, "", "/bank.Ledger/Open"},
             R"(when: '"x-a" in request.headers ? request.headers["x-a"] == "1" : user.sub == "ann"')",
             R"(when: '("x-a" in request.headers ? request.headers["x-a"] == "1" : user.sub == "ann") || )"
             R"((request.path == "/bank.Ledger/Open")')"},
        Case{{"web", "orders", {8080}, kHttp, "GET", "/admin/x"},
             "name: admin",
             R"(when: '!(request.method == "GET" && request.path == "/admin/x")')"},
        Case{{"web", "orders", {8080}, kHttp, "GET", "/an/odd"},
             R"(when: 'request.path.endsWith("/odd")')",
             R"(when: '(request.path.endsWith("/odd")) && !(request.method == "GET" && request.path == "/an/odd")')"},
        Case{{kGateway, "catalog", {8080}, kHttp, "DELETE", "/x"},
             R"(when: 'request.method != "DELETE"')",
             R"(when: '(request.method != "DELETE") || (request.method == "DELETE" && request.path == "/x")')"}));

TEST(Remedy, OfAnotherPortIsAllOfThem) {
  std::string text(kApplication);
  text.replace(text.find("        when: role.staff\n"), 25, "");
  const Attempt attempt{"web", "catalog", {9090}, kHttp, "GET", "/metrics"};
  const Decision denied = decided(text, attempt);
  EXPECT_EQ(denied.remedy.line, "port: [8080, 9090]") << denied.reason;
  text.replace(text.find("port: [8080]"), 12, denied.remedy.line);
  EXPECT_TRUE(decided(text, attempt).allowed());
}

TEST(Remedy, IsNothingWhereOneLineWouldNotDo) {
  std::string text(kApplication);
  // Denied, and not declared either; on another port, where the condition would not hold.
  for (const Attempt& attempt : {Attempt{"catalog", "orders", {8080}, kHttp, "GET", "/admin/x"},
                                 Attempt{"web", "catalog", {9090}, kHttp, "GET", "/metrics"}}) {
    const Decision denied = decided(text, attempt);
    EXPECT_EQ(denied.verdict, Verdict::denied);
    EXPECT_EQ(denied.remedy.line, "") << denied.reason;
  }
  // What is audited passes in any case, and would still not be allowed.
  text.replace(text.find("      orders:\n"), 14, "      orders: [GET /items]\n");
  text.replace(text.find("orders: {command: [./orders], "), 30, "orders: {command: [./orders], mode: audit, ");
  for (const std::string_view path : {"/admin/x", "/items"}) {
    const Decision passed = decided(text, {"web", "orders", {8080}, kHttp, "GET", path});
    EXPECT_TRUE(passed.allowed());
    EXPECT_EQ(passed.audited, path == "/admin/x");
    EXPECT_EQ(passed.remedy.line, "") << passed.reason;
  }
}

// What reason says after "; to allow it, write", for `denied`, each with where it belongs left out.
std::vector<std::string> lines_of(const Decision& denied) {
  constexpr std::string_view kWords = "; to allow it, write ";
  std::vector<std::string> lines;
  std::size_t at = denied.reason.find(kWords);
  if (at == std::string::npos) return lines;
  for (at += kWords.size();;) {
    const std::size_t next = denied.reason.find(", and ", at);
    const std::string each = denied.reason.substr(at, next - at);
    for (const std::string_view word : {": when: ", ": calls: ", ": port: "})
      if (const std::size_t line = each.find(word); line != std::string::npos) lines.push_back(each.substr(line + 2));
    if (next == std::string::npos) return lines;
    at = next + std::string_view(", and ").size();
  }
}

void replace(std::string& text, std::string_view what, std::string_view by) {
  ASSERT_NE(text.find(what), std::string::npos) << what;
  text.replace(text.find(what), what.size(), by);
}

TEST(Remedy, OfWhatTwoRulesRefuseIsALineForEach) {
  const std::string before(kApplication);
  const Attempt denied{"catalog", "orders", {8080}, kHttp, "GET", "/admin/odd"};
  const std::vector<std::string> lines = lines_of(decided(before, denied));
  ASSERT_EQ(
      lines,
      (std::vector<std::string>{
          R"(when: '!(request.method == "GET" && request.path == "/admin/odd")')",
          R"(when: '(request.path.endsWith("/odd")) && !(request.method == "GET" && request.path == "/admin/odd")')",
          "calls: {orders: [GET /admin/odd]}"}));
  std::string after = before;
  replace(after, "name: admin", lines[0]);
  replace(after, R"(when: 'request.path.endsWith("/odd")')", lines[1]);
  EXPECT_FALSE(decided(after, denied).allowed());
  replace(after, "catalog: {command: [./catalog], ", "catalog: {command: [./catalog], " + lines[2] + ", ");
  EXPECT_TRUE(decided(after, denied).allowed());

  const Attempt elsewhere{"web", "catalog", {9090}, kHttp, "GET", "/metrics"};
  const std::vector<std::string> of_port = lines_of(decided(before, elsewhere));
  ASSERT_EQ(
      of_port,
      (std::vector<std::string>{
          "port: [8080, 9090]",
          R"(when: '((request.headers["x-role"] == "it''s $$")) || (request.method == "GET" && request.path == "/metrics")')"}));
  after = before;
  replace(after, "port: [8080]", of_port[0]);
  EXPECT_FALSE(decided(after, elsewhere).allowed());
  replace(after, "when: role.staff", of_port[1]);
  EXPECT_TRUE(decided(after, elsewhere).allowed());
  // One of them can not be said.
  EXPECT_TRUE(lines_of(decided(before, {"catalog", "orders", {8080}, kHttp, "GET", "/admin/o'dd"})).empty());
}

// Who calls chooses the path, and somebody may paste what is proposed.
TEST(Remedy, QuotesWhatTheManifestSaysAndNothingThatACallerChose) {
  for (const std::string_view path : {"/a\"b", "/a'b", "/$HOME", "/a\\b", "/caf\xc3\xa9", "/a b"}) {
    const Decision denied = decided(std::string(kApplication), {"web", "catalog", {8080}, kHttp, "GET", path});
    EXPECT_EQ(denied.verdict, Verdict::denied);
    EXPECT_EQ(denied.remedy.line, "") << path;
  }
  std::string text(kApplication);
  text.replace(text.find("when: role.staff"), 16, R"(when: 'request.headers["x-role"] == "it''s $$"')");
  const Attempt attempt{"web", "catalog", {8080}, kHttp, "GET", "/items/7"};
  const std::string line = decided(text, attempt).remedy.line;
  EXPECT_EQ(
      line,
      R"(when: '(request.headers["x-role"] == "it''s $$") || (request.method == "GET" && request.path == "/items/7")')");
  text.replace(text.find("when: 'request.headers"), 47, line);
  EXPECT_TRUE(decided(text, attempt).allowed());
}

}  // namespace
}  // namespace bulkhead::policy
