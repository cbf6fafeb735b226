#include "contracts/merge.hpp"

#include <gtest/gtest.h>

#include "contracts/contract.hpp"

namespace bulkhead::contracts {
namespace {

constexpr std::string_view kCatalog = R"(
openapi: 3.0.3
info: {title: catalog, version: '1'}
servers: [{url: /v1}]
security: [{key: []}]
paths:
  /items: {get: {operationId: list, responses: {200: {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}}}}}
  /internal: {get: {responses: {200: {description: ok}}}}
components:
  securitySchemes: {key: {type: apiKey, in: query, name: k}}
  schemas: {Item: {type: object, properties: {next: {$ref: '#/components/schemas/Item'}}}}
)";
constexpr std::string_view kCart = R"(
openapi: 3.0.1
info: {title: cart, version: '1'}
paths:
  /items: {post: {responses: {201: {description: ok}}}}
components: {schemas: {Item: {type: string}}}
)";

Node document(std::string_view text) { return *read_document(text, "c.yaml"); }

TEST(Merge, MakesOneContractOfThoseOfSeveralServices) {
  const Node catalog = document(kCatalog);
  const Node cart = document(kCart);
  const auto rewrite = [](const std::string& path) {
    return path == "/v1/internal" ? std::nullopt : std::optional("/api" + path);
  };
  const auto merged = merge("shop", {{"catalog", &catalog, rewrite}, {"cart", &cart, rewrite}});
  ASSERT_TRUE(merged) << merged.error().message;
  const auto contract = Contract::read(*merged, "merged");
  ASSERT_TRUE(contract) << contract.error().message;
  Checker checker;
  EXPECT_TRUE(contract->admit({"GET", "/api/v1/items?k=1", {}, false, {}}, checker));
  EXPECT_TRUE(contract->admit({"POST", "/api/items", {}, false, {}}, checker));
  EXPECT_FALSE(contract->admit({"GET", "/api/v1/internal", {}, false, {}}, checker));
  const Node node = document(*merged);
  EXPECT_EQ(node.find("components")->find("schemas")->members.size(), 2U);
  EXPECT_EQ(node.find("paths")->members.size(), 2U);
}

TEST(Merge, RefusesWhatCannotBeOneDocument) {
  const Node cart = document(kCart);
  const Node newer = document("openapi: 3.1.0\ninfo: {}\npaths: {}");
  const auto same = [](const std::string& path) { return std::optional(path); };
  EXPECT_EQ(merge("shop", {{"a", &cart, same}, {"b", &cart, same}}).error().message,
            "b: another service has post of /items too");
  EXPECT_EQ(merge("shop", {{"a", &cart, same}, {"b", &newer, same}}).error().cause, Cause::unsupported);
}

}  // namespace
}  // namespace bulkhead::contracts
