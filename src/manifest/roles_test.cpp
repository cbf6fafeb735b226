#include "manifest/roles.hpp"

#include <gtest/gtest.h>

#include "manifest/parse.hpp"

namespace bulkhead::manifest {
namespace {

const Roles kRoles{{"staff", R"(user.claims.role == "staff")"}, {"noted", "true // always"}};

TEST(Roles, ArePutInWhereTheyAreAskedFor) {
  const auto text = [](std::string_view source) {
    const auto expanded = expand_roles(source, kRoles);
    return expanded ? expanded->text : "refused: " + expanded.error().message;
  };
  EXPECT_EQ(text("role.staff"), R"((user.claims.role == "staff"))");
  EXPECT_EQ(text("!role.staff && role . staff"), R"(!(user.claims.role == "staff") && (user.claims.role == "staff"))");
  EXPECT_EQ(text("role.noted || true"), "(true // always\n) || true");
  EXPECT_EQ(text(R"(user.claims.role.staff && "role.staff" != '')"), R"(user.claims.role.staff && "role.staff" != '')");
  EXPECT_EQ(text("request.path == '/'"), "request.path == '/'");
  EXPECT_EQ(text("role.stuff"), "refused: no role is named 'stuff'; did you mean 'staff'?");
  EXPECT_EQ(text("role.x1"), "refused: no role is named 'x1'; there are noted, staff");
  EXPECT_EQ(text("\"open"), "refused: " + expand_roles("\"open", {}).error().message);
}

TEST(Roles, MistakesAreShownWhereTheyAreWritten) {
  const std::string_view source = "role.staff && role.staff && request.pth";
  const auto expanded = expand_roles(source, kRoles);
  ASSERT_TRUE(expanded);
  EXPECT_EQ(expanded->origin(0), 0U) << "within the first";
  EXPECT_EQ(expanded->origin(expanded->text.find("&&")), source.find("&&"));
  EXPECT_EQ(expanded->origin(expanded->text.rfind("user")), source.rfind("role")) << "within the second";
  EXPECT_EQ(expanded->origin(expanded->text.rfind("request")), source.rfind("request"));
  EXPECT_EQ(expanded->origin(expanded->text.size()), source.size());
}

TEST(Roles, AreAskedForByCallsRoutesAndDenyRules) {
  const auto parsed = parse(R"(app: a
auth: {customers: {issuer: https://id.example, audience: a, claims: [role]}}
roles: {staff: 'user.claims.role == "staff"'}
groups: {all: [web, api, db]}
services:
  web: {command: [./w], port: 8080, calls: {all: {when: role.staff, timeout: 2s}, db: }}
  api: {command: [./a], port: 8080}
  db: {command: [./d], port: 5432, protocol: tcp}
deny: [{to: api, when: "!role.staff"}]
gateway: {auth: customers, routes: [{match: {path: /*}, to: web, when: role.staff}]}
)");
  ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
  const Service& web = *parsed.application->service("web");
  ASSERT_EQ(web.calls.size(), 2U) << "not itself, and db under its own name";
  EXPECT_EQ(web.calls[0].service, "api");
  EXPECT_EQ(web.calls[0].when->source, R"((user.claims.role == "staff"))");
  EXPECT_EQ(web.calls[0].resilience.timeout, Duration(2000));
  EXPECT_FALSE(web.calls[1].when);
  EXPECT_EQ(parsed.application->denies[0].when->source, R"(!(user.claims.role == "staff"))");
  EXPECT_EQ(parsed.application->gateway->routes[0].when->source, R"((user.claims.role == "staff"))");
}

}  // namespace
}  // namespace bulkhead::manifest
