#include <gtest/gtest.h>

#include "contracts/contract.hpp"
#include "contracts/model.hpp"

namespace bulkhead::contracts {
namespace {

constexpr std::string_view kCatalog = R"(
openapi: 3.1.0
info: {title: catalog, version: '1'}
paths:
  /items:
    get:
      responses:
        '200': {description: ok, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Item'}}}}}
        4XX: {description: bad, content: {application/problem+json: {schema: {type: object}}}}
        '404': {description: none}
  /pets:
    get:
      responses:
        default: {description: any, content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}
components:
  schemas:
    Named: {type: object, properties: {name: {type: string}}}
    Item:
      allOf: [{$ref: '#/components/schemas/Named'}]
      type: object
      required: [id]
      properties:
        id: {type: integer}
        tags: {type: object, additionalProperties: {type: string}}
        free: {type: object}
        password: {type: string, writeOnly: true}
      patternProperties: {'^x-': {}}
    Pet:
      oneOf:
        - {type: object, required: [bark], properties: {bark: {type: string}}}
        - {type: object, required: [meow], properties: {meow: {type: string}, owner: {$ref: '#/components/schemas/Named'}}}
)";

class Responses : public testing::Test {
 protected:
  void SetUp() override {
    auto contract = Contract::read(kCatalog, "openapi.yaml");
    ASSERT_TRUE(contract) << contract.error().message;
    contract_.emplace(std::move(*contract));
  }

  ResponsePlan plan(std::string_view path, int status, std::string_view type = "application/json") {
    const auto admission = contract_->admit({"GET", path, {}, false, std::nullopt}, checker_);
    return contract_->plan_response(*admission->operation, status, type, !type.empty());
  }

  std::string filter(std::string_view path, std::string_view body) {
    std::string filtered;
    report_ = contract_->check_response(plan(path, 200), body, checker_, &filtered);
    return filtered;
  }

  std::optional<Contract> contract_;
  Checker checker_;
  ResponseReport report_;
};

TEST_F(Responses, FindTheNearestStatusAndContentType) {
  EXPECT_EQ(plan("/items", 200).plan, BodyPlan::buffer);
  EXPECT_EQ(plan("/items", 404, "").finding, "");
  EXPECT_EQ(plan("/items", 404).finding,
            "GET /items answers 404 with a content type that its contract does not declare");
  EXPECT_EQ(plan("/items", 418, "application/problem+json").plan, BodyPlan::buffer);
  EXPECT_EQ(plan("/items", 500).finding, "GET /items answers 500, which its contract does not declare");
  EXPECT_EQ(plan("/pets", 599).finding, "");
}

TEST_F(Responses, LoseTheMembersThatNoAppliedSchemaDeclares) {
  EXPECT_EQ(
      filter(
          "/items",
          R"([ {"id": 1, "name": "a", "cost": 3, "tags": {"t": "u"}, "free": {"any": [1]}, "x-y": {"z": 1}}, {"id":2} ])"),
      R"([{"id":1,"name":"a","tags":{"t": "u"},"free":{"any": [1]},"x-y":{"z": 1}},{"id":2}])");
  EXPECT_EQ(report_.dropped, std::vector<std::string>{"/0/cost"});
  EXPECT_FALSE(report_.failure);
  EXPECT_EQ(filter("/items", R"([{"id":1,"password":"p"}])"), R"([{"id":1}])");
  EXPECT_EQ(report_.failure->keyword, "writeOnly");
}

TEST_F(Responses, AreCopiedWhereAllIsDeclared) {
  const std::string body = R"([ {"id": 1 , "name": "\u0061"} ] )";
  EXPECT_EQ(filter("/items", body), R"([ {"id": 1 , "name": "\u0061"} ])");
  EXPECT_TRUE(report_.dropped.empty());
}

TEST_F(Responses, FollowTheBranchThatHolds) {
  EXPECT_EQ(filter("/pets", R"({"meow":"m","bark":1,"owner":{"name":"n","phone":5}})"),
            R"({"meow":"m","owner":{"name":"n"}})");
  EXPECT_EQ(report_.dropped, (std::vector<std::string>{"/bark", "/owner/phone"}));
}

TEST_F(Responses, KeepWhatAnyBranchDeclaresWhereNoneHolds) {
  EXPECT_EQ(filter("/pets", R"({"meow":1,"other":2})"), R"({"meow":1})");
  EXPECT_EQ(report_.failure->keyword, "oneOf");
}

TEST_F(Responses, AreReportedWhereTheyAreNoJson) {
  EXPECT_EQ(filter("/items", "[1"), "");
  EXPECT_FALSE(report_.readable);
  EXPECT_TRUE(report_.failure);
}

}  // namespace
}  // namespace bulkhead::contracts
