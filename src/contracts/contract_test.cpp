#include "contracts/contract.hpp"

#include <gtest/gtest.h>

#include "contracts/model.hpp"

namespace bulkhead::contracts {
namespace {

constexpr std::string_view kShop = R"(
openapi: 3.0.3
info: {title: shop, version: 1.0.0}
servers: [{url: "https://shop.example/v1/"}]
paths:
  /items:
    get:
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
        - {name: tag, in: query, schema: {type: array, items: {type: string, maxLength: 5}}}
        - {name: near, in: query, style: form, explode: false, schema: {type: array, items: {type: number}, minItems: 2}}
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {price: {type: integer}}, additionalProperties: false}}
        - {name: X-Trace, in: header, schema: {type: string, format: uuid}}
        - {name: session, in: cookie, schema: {type: string, minLength: 4}}
        - {name: q, in: query, content: {application/json: {schema: {type: object, required: [a]}}}}
      responses: {200: {description: ok}}
    post:
      operationId: addItem
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Item'}}
          text/csv: {}
      responses: {201: {description: ok}}
  /items/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer, format: int32}}
    get: {responses: {200: {description: ok}}}
    put:
      x-bulkhead-resource:
        id: {in: path, name: id}
        owner: {in: body, pointer: /owner}
        tenant: {in: header, name: X-Tenant}
      parameters:
        - {name: X-Tenant, in: header, schema: {type: string}}
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}}
      responses: {200: {description: ok}}
  /backup:
    put:
      requestBody: {x-unchecked-body: true, content: {application/json: {schema: {type: object}}}}
      responses: {204: {description: ok}}
  /keyed:
    get:
      security: [{key: []}]
      responses: {200: {description: ok}}
components:
  securitySchemes: {key: {type: apiKey, in: query, name: api_key}}
  schemas:
    Item:
      type: object
      required: [id, name, secret]
      additionalProperties: false
      properties:
        id: {type: integer, readOnly: true}
        name: {type: string, minLength: 1, maxLength: 20}
        secret: {type: string, writeOnly: true, x-sensitive: true}
        owner: {type: string, nullable: true}
        price: {type: number, minimum: 0, exclusiveMinimum: true, multipleOf: 0.01}
)";

const Contract& shop() {
  static const auto contract = Contract::read(kShop, "openapi.yaml");
  if (!contract) throw std::runtime_error(contract.error().message);
  return *contract;
}

struct Asked {
  std::string_view method;
  std::string_view target;
  std::vector<Header> headers;
  std::string_view body;
};

// "ok", or "STATUS WHERE: DETAIL".
std::string ask(const Asked& asked, Checker& checker) {
  const Request request{asked.method, asked.target, asked.headers, !asked.body.empty(), asked.body.size()};
  const auto spoken = [](const Problem& problem) {
    return fmt::format("{} {}: {}{}", problem.status, to_string(problem.where), problem.detail,
                       problem.allow.empty() ? "" : " (" + problem.allow + ")");
  };
  const auto admission = shop().admit(request, checker);
  if (!admission) return spoken(admission.error());
  if (admission->plan != BodyPlan::buffer) return "ok";
  const auto problem = shop().check_body(*admission, asked.body, checker);
  return problem ? spoken(*problem) : "ok";
}

TEST(Contract, AdmitsWhatItDescribesAndNothingElse) {
  const std::vector<Header> json{{"Content-Type", "application/json"}};
  const std::pair<Asked, std::string> cases[] = {
      {{"GET", "/v1/items"}, "ok"},
      {{"GET", "/items"}, "404 path: the contract has no such path"},
      {{"GET", "/v1"}, "404 path: the contract has no such path"},
      {{"GET", "/v1items"}, "404 path: the contract has no such path"},
      {{"DELETE", "/v1/items"}, "405 method: the contract has no such method for this path (GET, POST)"},
      {{"get", "/v1/items"}, "405 method: the contract has no such method for this path (GET, POST)"},
      {{"GET", "/v1/items?limit=10"}, "ok"},
      {{"GET", "/v1/items?limit=1%30"}, "ok"},
      {{"GET", "/v1/items?limit=101"}, "400 query: the query parameter 'limit' is too large"},
      {{"GET", "/v1/items?limit=ten"}, "400 query: the query parameter 'limit' is not of the right type"},
      {{"GET", "/v1/items?limit="}, "400 query: the query parameter 'limit' is not of the right type"},
      {{"GET", "/v1/items?limit=1&limit=2"}, "400 query: the query parameter 'limit' is there twice"},
      {{"GET", "/v1/items?limit=%zz"}, "400 query: the query parameter 'limit' is malformed"},
      {{"GET", "/v1/items?admin=1"}, "400 query: the query parameter 'admin' is not declared"},
      {{"GET", "/v1/items?Limit=1"}, "400 query: the query parameter 'Limit' is not declared"},
      {{"GET", "/v1/items?tag=a&tag=b"}, "ok"},
      {{"GET", "/v1/items?tag=a&tag=toolong"},
       "400 query: the query parameter 'tag' at /1 is longer than 5 characters"},
      {{"GET", "/v1/items?near=1.5,-2"}, "ok"},
      {{"GET", "/v1/items?near=1"}, "400 query: the query parameter 'near' has fewer than 2 items"},
      {{"GET", "/v1/items?near=1,x"}, "400 query: the query parameter 'near' at /1 is not of the right type"},
      {{"GET", "/v1/items?filter[price]=3"}, "ok"},
      {{"GET", "/v1/items?filter%5Bprice%5D=x"},
       "400 query: the query parameter 'filter' at /price is not of the right type"},
      {{"GET", "/v1/items?filter[cost]=3"}, "400 query: the query parameter 'filter' at /cost is not declared"},
      {{"GET", "/v1/items?q=%7B%22a%22:1%7D"}, "ok"},
      {{"GET", "/v1/items?q=%7B%7D"}, "400 query: the query parameter 'q' lacks the member 'a'"},
      {{"GET", "/v1/items?q=%7B"}, "400 query: the query parameter 'q' is malformed"},
      {{"GET", "/v1/items", {{"x-trace", "no"}}}, "400 header: the header parameter 'x-trace' is no uuid"},
      {{"GET", "/v1/items", {{"cookie", "a=b; session=abc"}}},
       "400 cookie: the cookie parameter 'session' is shorter than 4 characters"},
      {{"GET", "/v1/items", {{"Cookie", "session=abcd"}}}, "ok"},
      {{"GET", "/v1/items/7"}, "ok"},
      {{"GET", "/v1/items/x"}, "400 path: the path parameter 'id' is not of the right type"},
      {{"GET", "/v1/items/2147483648"}, "400 path: the path parameter 'id' is no int32"},
      {{"GET", "/v1/keyed?api_key=s3cret"}, "ok"},
      {{"GET", "/v1/items", json, "{}"}, "400 body: the operation has no body"},
      {{"POST", "/v1/items"}, "400 body: the body is missing"},
      {{"POST", "/v1/items", {}, "{}"}, "415 body: the body has no content type, or more than one"},
      {{"POST", "/v1/items", {{"content-type", "application/xml"}}, "<a/>"},
       "415 body: the body's content type is not declared"},
      {{"POST", "/v1/items", {{"content-type", "application/json; charset=utf-16"}}, "{}"},
       "415 body: JSON is sent in UTF-8"},
      {{"POST", "/v1/items", {{"content-type", "application/json"}, {"content-encoding", "gzip"}}, "{}"},
       "415 body: a body that is checked is sent without content coding"},
      {{"POST", "/v1/items", {{"content-type", "text/csv"}}, "a,b"}, "ok"},
      {{"POST", "/v1/items", json, R"({"name":"x","secret":"s","price":9.99})"}, "ok"},
      {{"POST", "/v1/items", json, R"({"name":"x","secret":"s","owner":null})"}, "ok"},
      {{"POST", "/v1/items", json, R"({"name":"x"})"}, "422 body: the body lacks the member 'secret'"},
      {{"POST", "/v1/items", json, R"({"name":"x","secret":"s","price":0})"}, "422 body: /price is too small"},
      {{"POST", "/v1/items", json, R"({"name":"x","secret":"s","price":0.005})"},
       "422 body: /price is not a multiple of the given step"},
      {{"POST", "/v1/items", json, R"({"name":"x","secret":"s","id":3})"}, "422 body: /id is set by the service alone"},
      {{"POST", "/v1/items", json, R"({"name":"x","secret":"s","admin":true})"}, "422 body: /admin is not declared"},
      {{"POST", "/v1/items", json, R"({"name":"x","name":"y","secret":"s"})"},
       "400 body: the body is no JSON that is taken here: a member stands there twice (byte 12)"},
      {{"POST", "/v1/items", json, R"([])"}, "422 body: the body is not of the right type"},
  };
  Checker checker;  // the same for all, as a connection's is
  for (const auto& [asked, answer] : cases)
    EXPECT_EQ(ask(asked, checker), answer) << asked.method << " " << asked.target << " " << asked.body;
}

TEST(Contract, NamesPointerAndRuleInTheProblem) {
  Checker checker;
  const std::vector<Header> headers{{"Content-Type", "application/json"}};
  const auto admission = shop().admit({"POST", "/v1/items", headers, true, std::nullopt}, checker);
  ASSERT_TRUE(admission);
  EXPECT_EQ(admission->plan, BodyPlan::buffer);
  EXPECT_EQ(admission->limit, 1U << 20U);
  const auto problem = shop().check_body(*admission, R"({"name":"","secret":"hush"})", checker);
  ASSERT_TRUE(problem);
  EXPECT_EQ(
      to_json(*problem),
      R"({"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"/name is shorter than 1 characters",)"
      R"("where":"body","pointer":"/name","rule":"#/components/schemas/Item/properties/name/minLength"})");
}

TEST(Contract, BoundsBodiesUnlessTheirOwnerSaysOtherwise) {
  Checker checker;
  const std::vector<Header> json{{"Content-Type", "application/json"}};
  const auto refused = shop().admit({"POST", "/v1/items", json, true, (1U << 20U) + 1}, checker);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 413);
  const auto admission = shop().admit({"POST", "/v1/items", json, true, std::nullopt}, checker);
  ASSERT_TRUE(admission);
  EXPECT_EQ(shop().check_body(*admission, std::string((1U << 20U) + 1, ' '), checker)->status, 413);
  const auto unchecked = shop().admit({"PUT", "/v1/backup", json, true, 1U << 30U}, checker);
  ASSERT_TRUE(unchecked);
  EXPECT_EQ(unchecked->plan, BodyPlan::none);
  const std::vector<Header> csv{{"Content-Type", "text/csv"}};
  const auto sized = shop().admit({"POST", "/v1/items", csv, true, std::nullopt}, checker);
  ASSERT_TRUE(sized);
  EXPECT_EQ(sized->plan, BodyPlan::size);
}

TEST(Contract, ReadsTheValuesThatConditionsName) {
  Checker checker;
  const std::vector<Header> headers{{"Content-Type", "application/json"}, {"x-tenant", "acme"}};
  const Request request{"PUT", "/v1/items/7", headers, true, std::nullopt};
  const auto admission = shop().admit(request, checker);
  ASSERT_TRUE(admission);
  ASSERT_FALSE(shop().check_body(*admission, R"({"name":"x","secret":"s","owner":"jo\u00e9"})", checker));
  const auto id = shop().resource(*admission, request, "id", checker);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->kind, Kind::number);
  EXPECT_EQ(id->text, "7");
  EXPECT_EQ(shop().resource(*admission, request, "owner", checker)->text, "jo\xc3\xa9");
  EXPECT_EQ(shop().resource(*admission, request, "tenant", checker)->text, "acme");
  EXPECT_FALSE(shop().resource(*admission, request, "nothing", checker));
  EXPECT_EQ(shop().resources().size(), 3U);
  EXPECT_EQ(Contract::resources(*admission->operation).size(), 3U);
}

TEST(Contract, KnowsItsSensitiveMembersAndListsWhatItDoesNotEnforce) {
  EXPECT_TRUE(shop().is_sensitive("secret"));
  EXPECT_FALSE(shop().is_sensitive("name"));
  EXPECT_EQ(shop().notes(),
            (std::vector<std::string>{
                "x-unchecked-body at #/paths/~1backup/put/requestBody: the body is neither checked nor limited",
                "security: who may call is decided by the manifest"}));
}

TEST(Contract, IsRefusedWithAPositionWhereItCannotBeEnforced) {
  const auto read = [](std::string_view paths) {
    const auto contract =
        Contract::read(fmt::format("openapi: 3.1.0\ninfo: {{title: x, version: '1'}}\npaths:\n{}\n", paths), "c.yaml");
    return contract ? std::string("ok") : contract.error().message;
  };
  const std::pair<const char*, const char*> cases[] = {
      {"  /a: {get: {responses: {200: {description: x}}}}", "ok"},
      {"  /a: {get: {requestbody: {}}}", "c.yaml:4:14: not supported: requestbody at #/paths/~1a/get"},
      {"  /a/{x}: {get: {}}",
       "c.yaml:4:17: the path has '{x}', and no path parameter is called so at #/paths/~1a~1{x}/get"},
      {"  /a: {get: {parameters: [{name: f, in: query, schema: {type: object}}]}}",
       "c.yaml: not supported: an exploded object in the query (use style: deepObject) at "
       "#/paths/~1a/get/parameters/0"},
      {"  /a: {get: {parameters: [{name: f, in: path, style: matrix, required: true, schema: {type: string}}]}}",
       "c.yaml:4:27: not supported: style 'matrix' in path at #/paths/~1a/get/parameters/0"},
      {"  /a: {get: {parameters: [{name: f, in: query, schema: {type: string, pattern: '(?=a)'}}]}}",
       "c.yaml:4:71: not supported: pattern, lookaround in a regular expression at "
       "#/paths/~1a/get/parameters/0/schema"},
      {"  /a: {get: {responses: {2xx: {description: x}}}}",
       "c.yaml:4:31: '2xx' is no status: write 200, 2XX or default at #/paths/~1a/get/responses/2xx"},
      {"  /a: {get: {parameters: [{$ref: 'other.yaml#/x'}]}}",
       "c.yaml:4:27: not supported: $ref, 'other.yaml#/x' is in another document at #/paths/~1a/get/parameters/0"},
      {"  /a: {servers: [{url: /x}]}", "c.yaml:4:8: not supported: servers at #/paths/~1a"},
      {"  /a: {post: {requestBody: {content: {application/json: {schema: {allOf: [{$ref: "
       "'#/paths/~1a/post/requestBody/content/application~1json/schema'}]}}}}}}",
       "c.yaml: the schema at #/paths/~1a/post/requestBody/content/application~1json/schema refers to itself without "
       "end"},
      {"  /a: {get: {x-bulkhead-resource: {o: {in: body, pointer: /a}}}}",
       "c.yaml:4:39: not supported: a value of a body that is not always JSON with a schema at "
       "#/paths/~1a/get/x-bulkhead-resource/o"},
  };
  for (const auto& [paths, answer] : cases) EXPECT_EQ(read(paths), answer) << paths;
  EXPECT_FALSE(Contract::read("swagger: '2.0'", "c.yaml"));
  EXPECT_FALSE(Contract::read("openapi: 3.2.0", "c.yaml"));
}

TEST(Contract, Of30RefusesKeywordsThatItsVersionDoesNotHave) {
  const auto contract = Contract::read(
      "openapi: 3.0.0\ninfo: {}\npaths: {}\ncomponents: {schemas: {A: {type: object, patternProperties: {}}}}",
      "c.yaml");
  ASSERT_FALSE(contract);
  EXPECT_EQ(contract.error().message,
            "c.yaml:4:42: not supported: patternProperties, OpenAPI 3.0 has no such keyword at #/components/schemas/A");
}

}  // namespace
}  // namespace bulkhead::contracts
