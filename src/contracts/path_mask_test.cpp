#include "contracts/path_mask.hpp"

#include <gtest/gtest.h>

#include "contracts/contract.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::string_view kCustomers = R"(openapi: 3.1.0
info: {title: customers, version: '1'}
servers: [{url: /v1}, {url: 'https://customers.example/old'}]
paths:
  /customers/{email}/orders/{id}:
    get:
      parameters:
        - {name: email, in: path, required: true, x-sensitive: true, schema: {type: string}}
        - {name: id, in: path, required: true, schema: {type: integer}}
      responses: {'200': {description: ok}}
  /cards/{number}:
    get:
      parameters: [{name: number, in: path, required: true, schema: {type: string, x-sensitive: true}}]
      responses: {'200': {description: ok}}
  /orders/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {'200': {description: ok}}
)";

using Shown = std::optional<std::string>;

PathMask mask() {
  const auto contract = Contract::read(kCustomers, "c.yaml");
  if (!contract) throw std::runtime_error(contract.error().message);
  return PathMask(contract->hidden_paths());
}

}  // namespace

TEST(PathMask, IsMadeOfTheContractsSensitiveParametersBehindEachOfItsBases) {
  const auto contract = Contract::read(kCustomers, "c.yaml");
  ASSERT_TRUE(contract) << contract.error().message;
  EXPECT_EQ(contract->hidden_paths(), (std::vector<std::string>{"/old/cards/{!}", "/old/customers/{!}/orders/{}",
                                                                "/v1/cards/{!}", "/v1/customers/{!}/orders/{}"}));
}

TEST(PathMask, HidesTheSegmentAndNothingElse) {
  EXPECT_EQ(mask().hide("/v1/customers/ann@shop.example/orders/7"), Shown("/v1/customers/*/orders/7"));
  EXPECT_EQ(mask().hide("/v1/cards/4111?x=/y"), Shown("/v1/cards/*?x=/y"));
  EXPECT_EQ(mask().hide("/v1/orders/7"), Shown());
  EXPECT_EQ(mask().hide("/v2/cards/4111"), Shown());
  EXPECT_EQ(mask().hide("/v1/cards"), Shown());
  EXPECT_EQ(mask().hide("/"), Shown());
  EXPECT_EQ(mask().hide(""), Shown());
  EXPECT_EQ(PathMask().hide("/v1/cards/4111"), Shown());
}

TEST(PathMask, HidesWhereTheContractDescribesNoMore) {
  EXPECT_EQ(mask().hide("/v1/customers/ann"), Shown("/v1/customers/*"));
  EXPECT_EQ(mask().hide("/v1/customers/ann/password"), Shown("/v1/customers/*/password"));
}

TEST(PathMask, SpellingsOfALetterDoNotGetPast) {
  EXPECT_EQ(mask().hide("/v1/%63ards/4111"), Shown("/v1/%63ards/*"));
  EXPECT_EQ(mask().hide("/o%6Cd/cards/4111"), Shown("/o%6Cd/cards/*"));
  EXPECT_EQ(mask().hide("/v1/cards/%zz"), Shown("/v1/cards/*"));
}

// Whoever resolves them, or takes an encoded slash for one, finds the value in another segment.
TEST(PathMask, ShowsNothingOfAPathThatCanBeReadInTwoWays) {
  for (const char* path : {"/v1//cards/4111", "/v1/./cards/4111", "/v1/cards/../cards/4111", "/v1/%2e/cards/4111",
                           "/v1/cards%2f4111", "/v1/cards/41%2F11", "/v1\\cards\\4111", "//v1/cards/4111"})
    EXPECT_EQ(mask().hide(path), Shown("/*")) << path;
  EXPECT_EQ(mask().hide("/v1/cards/4111/"), Shown("/v1/cards/*/"));
  EXPECT_EQ(mask().hide("/v1/cards/41#11?x"), Shown("/v1/cards/*"));
  EXPECT_EQ(PathMask().hide("/v1//cards/4111"), Shown());
}

TEST(PathMask, KnowsTheEndOfAPathWhoseBeginningIsRewritten) {
  EXPECT_EQ(mask().hide("/shop/api/cards/4111", "/v1/cards/4111"), Shown("/shop/api/cards/*"));
  EXPECT_EQ(mask().hide("/c/4111", "/v1/cards/4111"), Shown("/c/*"));
  EXPECT_EQ(mask().hide("/4111", "/v1/cards/4111"), Shown("/*"));
}

TEST(PathMask, ReplacesAPathInASentence) {
  EXPECT_EQ(with_path_hidden("GET /cards/4111: no; write GET /cards/4111", "/cards/4111", "/cards/*"),
            "GET /cards/*: no; write GET /cards/*");
  EXPECT_EQ(with_path_hidden("GET", "", "/x"), "GET");
}

}  // namespace bulkhead::contracts
