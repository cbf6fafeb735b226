#include "contracts/diff.hpp"

#include <gtest/gtest.h>

namespace bulkhead::contracts {
namespace {

constexpr std::string_view kHead = "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths:\n";

std::vector<std::string> changes(std::string_view before, std::string_view after) {
  const auto read = [](std::string_view paths) {
    auto contract = Contract::read(std::string(kHead).append(paths), "c.yaml");
    if (!contract) throw std::runtime_error(contract.error().message);
    return std::move(*contract);
  };
  std::vector<std::string> all;
  for (const Change& change : diff(read(before), read(after))) all.push_back(to_string(change));
  return all;
}

// The same schema as a request's body and as a response's.
std::string both_ways(std::string_view schema) {
  return fmt::format(
      "  /a: {{post: {{requestBody: {{content: {{application/json: {{schema: {0}}}}}}}, "
      "responses: {{200: {{description: x, content: {{application/json: {{schema: {0}}}}}}}}}}}}}\n",
      schema);
}

TEST(Diff, NamesOperationsAndParameters) {
  EXPECT_EQ(changes("  /a/{x}: {get: {parameters: [{name: x, in: path, required: true, schema: {type: string}}]}}\n"
                    "  /b: {get: {parameters: [{name: q, in: query, schema: {type: string}}, {name: h, in: header, "
                    "schema: {}}]}}\n"
                    "  /c: {get: {}}\n",
                    "  /a/{y}: {get: {parameters: [{name: y, in: path, required: true, schema: {type: integer}}]}}\n"
                    "  /b: {get: {parameters: [{name: r, in: query, required: true, schema: {type: string}}]}}\n"
                    "  /d: {get: {}}\n"),
            (std::vector<std::string>{"breaking: GET /a/{x}, path parameter 'x': has another type",
                                      "breaking: GET /b, query parameter 'q': is gone",
                                      "compatible: GET /b, header parameter 'h': is gone",
                                      "breaking: GET /b, query parameter 'r': is new, and required",
                                      "breaking: GET /c: is gone", "compatible: GET /d: is new"}));
}

TEST(Diff, BreaksRequestsWhereLessIsAllowedAndResponsesWhereMoreMayCome) {
  struct Case {
    const char* before;
    const char* after;
    std::vector<std::string> changes;
  };
  const std::string request = "POST /a, request body";
  const std::string response = "POST /a, response 200";
  const Case cases[] = {
      {"{type: string}", "{type: string}", {}},
      {"{type: string, maxLength: 5}",
       "{type: string, maxLength: 9}",
       {"compatible: " + request + ": has another 'maxLength'", "breaking: " + response + ": has another 'maxLength'"}},
      {"{type: integer}",
       "{type: number}",
       {"compatible: " + request + ": has another type", "breaking: " + response + ": has another type"}},
      {"{type: string, enum: [a, b]}",
       "{type: string, enum: [a]}",
       {"breaking: " + request + ": has other allowed values",
        "compatible: " + response + ": has other allowed values"}},
      {"{type: object, properties: {a: {type: string}}}",
       "{type: object, required: [a], properties: {a: {type: string}}}",
       {"breaking: " + request + ", /a: is required now", "compatible: " + response + ", /a: is required now"}},
      {"{type: object, properties: {a: {type: string}}}",
       "{type: object}",
       {"compatible: " + request + ", /a: is gone", "breaking: " + response + ", /a: is gone"}},
      {"{type: object}",
       "{type: object, properties: {a: {type: string}}}",
       {"compatible: " + request + ", /a: is new", "compatible: " + response + ", /a: is new"}},
      {"{type: array, items: {type: object, properties: {a: {type: string}}}}",
       "{type: array, items: {type: object, properties: {a: {type: boolean}}}}",
       {"breaking: " + request + ", /*/a: has another type", "breaking: " + response + ", /*/a: has another type"}},
      {"{type: object, properties: {a: {type: string, readOnly: true}}}",
       "{type: object}",
       {"breaking: " + response + ", /a: is gone"}},
      {"{type: string, pattern: '^a'}",
       "{type: string, pattern: '^b'}",
       {"breaking: " + request + ": has another 'pattern'", "breaking: " + response + ": has another 'pattern'"}},
      {"{oneOf: [{type: string}, {type: integer}]}",
       "{oneOf: [{type: string}]}",
       {"breaking: " + request + ": has another type", "breaking: " + request + ": has 1 forms, not 2",
        "compatible: " + response + ": has another type", "compatible: " + response + ": has 1 forms, not 2"}},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(changes(both_ways(each.before), both_ways(each.after)), each.changes)
        << each.before << " to " << each.after;
  }
}

TEST(Diff, FollowsRecursiveSchemas) {
  const auto tree = [](std::string_view type) {
    return fmt::format(
        "  /a: {{get: {{responses: {{200: {{description: x, content: {{application/json: {{schema: "
        "{{$ref: '#/components/schemas/T'}}}}}}}}}}}}}}\n"
        "components: {{schemas: {{T: {{type: object, properties: {{v: {{type: {}}}, next: {{$ref: "
        "'#/components/schemas/T'}}}}}}}}}}\n",
        type);
  };
  EXPECT_EQ(changes(tree("string"), tree("integer")),
            std::vector<std::string>{"breaking: GET /a, response 200, /v: has another type"});
}

}  // namespace
}  // namespace bulkhead::contracts
