// A body against a fixed contract, as a request and as a response: what the filter writes is read again, has nothing
// left to filter, and is no longer than what came.

#include <cstdlib>

#include "contracts/contract.hpp"
#include "contracts/model.hpp"

namespace {

constexpr std::string_view kContract = R"({"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{"/":{"post":{
"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}},
"responses":{"200":{"description":"","content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}},
"components":{"schemas":{"A":{"type":["object","array"],"properties":{"a":{"type":"string","format":"date-time","minLength":2},
"b":{"type":"number","multipleOf":0.01},"c":{"$ref":"#/components/schemas/A"},"d":{"enum":[1,"x",null,{"y":[1]}]}},
"patternProperties":{"^p":{"type":"string","pattern":"^[a-z]+$"}},"required":["b"],"uniqueItems":true,
"items":{"oneOf":[{"$ref":"#/components/schemas/A"},{"type":"integer"}]},"unevaluatedProperties":{"type":"boolean"},
"anyOf":[{"properties":{"e":{"type":"string"}}},{"properties":{"f":{"const":1}}}]}}}})";

const bulkhead::contracts::Contract& contract() {
  static const auto read = bulkhead::contracts::Contract::read(kContract, "contract");
  if (!read) std::abort();
  return *read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::contracts;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  Checker checker;
  const Header header{"content-type", "application/json"};
  const auto admission = contract().admit({"POST", "/", {&header, 1}, true, std::nullopt}, checker);
  if (!admission) std::abort();
  if (const auto problem = contract().check_body(*admission, body, checker)) (void)to_json(*problem);
  const auto plan = contract().plan_response(*admission->operation, 200, header.value, true);
  std::string filtered;
  std::string again;
  if (!contract().check_response(plan, body, checker, &filtered).readable) return 0;
  const auto report = contract().check_response(plan, filtered, checker, &again);
  if (!report.readable || filtered.size() > body.size()) std::abort();
  return 0;
}
