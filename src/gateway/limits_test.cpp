#include "gateway/limits.hpp"

#include <gtest/gtest.h>

#include "gateway/access.hpp"
#include "gateway/identity.hpp"

namespace bulkhead::gateway {
namespace {

using namespace std::chrono_literals;

Octets four(std::uint8_t last) { return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last}; }

proxy::Route route(std::string path, std::vector<const char*> limits) {
  proxy::Route made;
  made.path = std::move(path);
  for (const char* text : limits) made.rules.limits.push_back(*manifest::parse_limit(text));
  return made;
}

class LimitsTest : public testing::Test {
 protected:
  Limits::Verdict admit(std::size_t route, std::uint8_t client, const http::Fields& fields = {},
                        std::string_view user = "") {
    return limits.admit(route, four(client), fields, user, now);
  }
  std::string refusal(std::size_t route, std::uint8_t client, const http::Fields& fields = {}) {
    const auto verdict = admit(route, client, fields);
    return verdict.refused_by == nullptr ? "" : to_string(*verdict.refused_by);
  }

  Limits limits{7};
  proxy::Gateway gateway;
  Limits::Time now = Limits::Time() + 1h;
};

TEST_F(LimitsTest, TheGatewaysAndTheRoutesCountBoth) {
  gateway.routes = {route("/a", {"3/m per address"}), route("/b", {})};
  gateway.rules.limits = {*manifest::parse_limit("5/m per address")};
  limits.configure(gateway);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(refusal(0, 1), "");
  EXPECT_EQ(refusal(0, 1), "3/1m per address");
  EXPECT_EQ(refusal(0, 2), "");
  EXPECT_EQ(refusal(1, 1), "") << "what was refused at the route has used nothing of the gateway's";
  EXPECT_EQ(refusal(1, 1), "");
  EXPECT_EQ(refusal(1, 1), "5/1m per address");
}

TEST_F(LimitsTest, AUserIsCountedWhereverItComesFromAndNobodyByAddress) {
  gateway.routes = {route("/", {"1/m per user"})};
  limits.configure(gateway);
  EXPECT_EQ(admit(0, 1, {}, "customers\nann").refused_by, nullptr);
  const auto again = admit(0, 2, {}, "customers\nann");
  EXPECT_NE(again.refused_by, nullptr);
  EXPECT_EQ(again.policy, "\"per-user\";q=1;w=60");
  EXPECT_EQ(admit(0, 1, {}, "partners\nann").refused_by, nullptr) << "of another provider";
  EXPECT_EQ(admit(0, 1, {}, "customers\nbob").refused_by, nullptr);
  EXPECT_EQ(admit(0, 1).refused_by, nullptr);
  EXPECT_NE(admit(0, 1).refused_by, nullptr) << "nobody twice";
  EXPECT_EQ(admit(0, 2).refused_by, nullptr);
}

TEST_F(LimitsTest, AHeadersValueIsCountedAndWhoSendsNoneByAddress) {
  gateway.routes = {route("/", {"1/m per header x-key"})};
  limits.configure(gateway);
  EXPECT_EQ(refusal(0, 1, {{"X-Key", "one"}}), "");
  EXPECT_NE(refusal(0, 2, {{"x-key", "one"}}), "") << "from wherever it comes";
  EXPECT_EQ(refusal(0, 1, {{"x-key", "two"}}), "");
  EXPECT_EQ(refusal(0, 1), "");
  EXPECT_NE(refusal(0, 1), "");
  EXPECT_EQ(refusal(0, 2), "");
  const Host host = host_of(four(3));
  const std::string forged(host.begin(), host.end());
  EXPECT_EQ(refusal(0, 4, {{"x-key", forged}}), "");
  EXPECT_EQ(refusal(0, 3), "") << "nobody's address is used up by naming it";
}

TEST_F(LimitsTest, APlaceIsHeldAsLongAsTheRequestIsServed) {
  gateway.routes = {route("/", {"1 at once per address", "100/s"})};
  limits.configure(gateway);
  {
    const auto first = admit(0, 1);
    EXPECT_EQ(first.refused_by, nullptr);
    EXPECT_EQ(refusal(0, 1), "1 at once per address");
    EXPECT_EQ(refusal(0, 2), "");
    limits.configure({});
    limits.configure(gateway);
  }
  EXPECT_EQ(refusal(0, 1), "");
}

TEST_F(LimitsTest, CountsOutliveAChangeOfWhateverElse) {
  gateway.routes = {route("/a", {"1/h per address"}), route("/b", {"1/h per address"})};
  limits.configure(gateway);
  EXPECT_EQ(refusal(1, 1), "");
  gateway.routes = {route("/new", {}), route("/b", {"1/h per address", "9/h"})};
  limits.configure(gateway);
  EXPECT_EQ(refusal(1, 1), "1/1h per address");
  gateway.routes[1] = route("/b", {"2/h per address"});
  limits.configure(gateway);
  EXPECT_EQ(refusal(1, 1), "") << "another limit begins anew";
}

TEST_F(LimitsTest, AnApiKeyHasLimitsOfItsOwnOnAllRoutesTogether) {
  proxy::Provider partners{.name = "partners"};
  partners.api_keys = {{.id = "acme"}, {.id = "other"}};
  partners.api_keys[0].limits = {*manifest::parse_limit("2/h"), *manifest::parse_limit("9 at once")};
  gateway.providers = {partners};
  gateway.routes = {route("/a", {"2/m per address"}), route("/b", {})};
  limits.configure(gateway);
  EXPECT_EQ(admit(0, 1, {}, user_key("partners", "acme")).refused_by, nullptr);
  const auto second = admit(1, 2, {}, user_key("partners", "acme"));
  EXPECT_EQ(second.refused_by, nullptr);
  EXPECT_EQ(second.policy, R"("key-acme";q=2;w=3600)");
  EXPECT_EQ(second.left, R"("key-acme";r=0;t=1800)");
  for (int i = 0; i < 2; ++i) {
    const auto refused = admit(0, 3, {}, user_key("partners", "acme"));
    ASSERT_NE(refused.refused_by, nullptr);
    EXPECT_EQ(to_string(*refused.refused_by), "2/1h");
    EXPECT_EQ(refused.key, "acme");
    EXPECT_GT(refused.wait, 10min);
  }
  EXPECT_EQ(admit(0, 3, {}, user_key("partners", "other")).refused_by, nullptr);
  EXPECT_EQ(admit(0, 3, {}, user_key("customers", "acme")).refused_by, nullptr) << "a user by that name is no key";
  const auto of_the_route = admit(0, 3);
  EXPECT_NE(of_the_route.refused_by, nullptr) << "what was refused used nothing of the route's limit";
  EXPECT_EQ(of_the_route.key, "");
  limits.configure(gateway);
  EXPECT_NE(admit(1, 1, {}, user_key("partners", "acme")).refused_by, nullptr) << "counts outlive a change";
}

TEST_F(LimitsTest, AnAnswerSaysWhatIsLeftOfWhatCountsTheClient) {
  gateway.routes = {route("/", {"100/s", "10/m per address", "3/10s per header x-key", "5 at once"})};
  limits.configure(gateway);
  auto verdict = admit(0, 1, {{"x-key", "k"}});
  EXPECT_EQ(verdict.policy, R"("per-address";q=10;w=60, "per-x-key";q=3;w=10)");
  EXPECT_EQ(verdict.left, R"("per-x-key";r=2;t=1)");
  admit(0, 1, {{"x-key", "k"}});
  admit(0, 1, {{"x-key", "k"}});
  verdict = admit(0, 1, {{"x-key", "k"}});
  EXPECT_NE(verdict.refused_by, nullptr);
  EXPECT_EQ(verdict.left, R"("per-x-key";r=0;t=4)");
  EXPECT_GT(verdict.wait, 3s);
  gateway.routes = {route("/", {"100/s"})};
  limits.configure(gateway);
  EXPECT_FALSE(admit(0, 1).limited) << "nobody learns how busy the others are";
}

TEST(Access, DenyGoesBeforeAllowAndTheGatewayBeforeTheRoute) {
  proxy::Gateway gateway;
  gateway.rules.deny_from = {"192.0.2.8/29"};
  gateway.routes.resize(2);
  gateway.routes[1].rules.allow_from = {"192.0.2.0/24"};
  gateway.routes[1].rules.deny_from = {"192.0.2.2"};
  Access access;
  ASSERT_TRUE(access.configure(gateway));
  EXPECT_TRUE(access.admits(four(1)));
  EXPECT_FALSE(access.admits(four(9)));
  EXPECT_FALSE(access.admits(1, four(9)));
  EXPECT_TRUE(access.admits(0, four(2)));
  EXPECT_FALSE(access.admits(1, four(2)));
  EXPECT_TRUE(access.admits(1, four(1)));
  EXPECT_TRUE(access.admits(0, {0x20, 1}));
  EXPECT_FALSE(access.admits(1, {0x20, 1})) << "who is not among the allowed";
  gateway.rules.deny_from = {"example.org"};
  EXPECT_FALSE(access.configure(gateway));
  EXPECT_FALSE(access.admits(four(9))) << "what was configured before stays";
}

}  // namespace
}  // namespace bulkhead::gateway
