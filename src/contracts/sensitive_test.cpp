#include "contracts/sensitive.hpp"

#include <gtest/gtest.h>

#include "contracts/contract.hpp"

namespace bulkhead::contracts {
namespace {

// Whatever has "hush" in it is a value that nobody may learn of.
constexpr std::string_view kClinic = R"(
openapi: 3.1.0
info: {title: clinic, version: '1'}
paths:
  /patients:
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Patient'}}}}
      responses: {'201': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Patient'}}}}}
    get:
      parameters:
        - {name: token, in: query, x-sensitive: true, schema: {type: string, maxLength: 8, pattern: '^[a-z]*$'}}
        - {name: kind, in: query, schema: {$ref: '#/components/schemas/Kind'}}
        - {name: by, in: query, style: deepObject, x-sensitive: true, schema: {type: object, properties: {name: {type: string, maxLength: 3}}, additionalProperties: false}}
        - {name: within, in: query, content: {application/json: {schema: {type: object, properties: {born: {$ref: '#/components/schemas/Diagnoses'}}, additionalProperties: {type: integer}}}}}
        - {name: X-Card, in: header, x-sensitive: true, schema: {type: string, format: uuid}}
        - {name: session, in: cookie, x-sensitive: true, schema: {type: integer}}
        - {name: colour, in: cookie, schema: {type: string, const: blue}}
      responses: {'200': {description: ok}}
  /plain:
    get: {parameters: [{name: a, in: query, schema: {type: string}}], responses: {'200': {description: ok}}}
  /patients/{name}:
    get:
      parameters: [{name: name, in: path, required: true, schema: {$ref: '#/components/schemas/Secret'}}]
      responses: {'200': {description: ok}}
components:
  schemas:
    Secret: {type: string, x-sensitive: true}
    Kind: {enum: [one, two], x-sensitive: true}
    Diagnoses: {type: object, x-sensitive: true, additionalProperties: {type: integer, minimum: 1}}
    Patient:
      type: object
      additionalProperties: false
      properties:
        name: {type: string, x-sensitive: true, maxLength: 20}
        code: {x-sensitive: true, const: c}
        age: {type: integer}
        diagnoses: {$ref: '#/components/schemas/Diagnoses'}
        either: {anyOf: [{$ref: '#/components/schemas/Diagnoses'}, {type: object, additionalProperties: {type: string}}]}
        profile: {type: object, x-sensitive: true, properties: {eyes: {type: string}}, additionalProperties: false}
        visits: {type: array, items: {type: object, x-sensitive: true, patternProperties: {'^d': {type: integer}}, additionalProperties: false}}
        byMail: {type: object, propertyNames: {$ref: '#/components/schemas/Secret'}, additionalProperties: {type: object, properties: {n: {type: integer}}}}
        byPhone: {type: object, additionalProperties: {type: integer, x-sensitive: true}}
        open: {type: object, additionalProperties: {type: integer}}
        more: {type: object, properties: {diagnoses: {type: object, additionalProperties: {type: integer}}}}
)";

class Discretion : public testing::Test {
 protected:
  void SetUp() override {
    auto contract = Contract::read(kClinic, "openapi.yaml");
    ASSERT_TRUE(contract) << contract.error().message;
    contract_.emplace(std::move(*contract));
  }

  static std::string spoken(const Problem& problem) {
    return fmt::format("{} [{}] {}", problem.detail, problem.pointer, problem.parameter);
  }

  std::string asked(std::string_view target, std::vector<Header> headers = {}) {
    const auto admission = contract_->admit({"GET", target, headers, false, std::nullopt}, checker_);
    return admission ? "ok" : spoken(admission.error());
  }

  std::string sent(std::string_view body) {
    const std::vector<Header> json{{"content-type", "application/json"}};
    const auto admission = contract_->admit({"POST", "/patients", json, true, body.size()}, checker_);
    const auto problem = contract_->check_body(*admission, body, checker_);
    return problem ? fmt::format("{} [{}]", problem->detail, problem->pointer) : "ok";
  }

  // "taken out, taken out; what does not fit", and what leaves.
  std::string answered(std::string_view body, std::string& left) {
    const std::vector<Header> json{{"content-type", "application/json"}};
    const auto admission = contract_->admit({"POST", "/patients", json, true, std::nullopt}, checker_);
    const auto plan = contract_->plan_response(*admission->operation, 201, "application/json", true);
    const auto report = contract_->check_response(plan, body, checker_, &left);
    std::string text = fmt::format("{} of {}", fmt::join(report.dropped, ", "), report.dropped_count);
    if (report.failure) text += fmt::format("; {} {}", report.failure->pointer, report.failure->message);
    return text;
  }

  std::optional<Contract> contract_;
  Checker checker_;
};

TEST_F(Discretion, EndsAPointerWhereSomethingSensitiveBegins) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"name":"hush hush hush hush hush"})", "/name is longer than 20 characters [/name]"},
      {R"({"name":{"hush":1}})", "/name is not of the right type [/name]"},
      {R"({"code":"hush"})", "/code is not the one allowed value [/code]"},
      {R"({"diagnoses":{"hush":0}})", "/diagnoses has something in it that is too small [/diagnoses]"},
      {R"({"diagnoses":{"hush":{"hush":1}}})",
       "/diagnoses has something in it that is not of the right type [/diagnoses]"},
      {R"({"either":{"hush":true}})", "/either is like none of the 2 allowed forms [/either]"},
      {R"({"profile":{"hush":1}})", "/profile has something in it that is not declared [/profile]"},
      {R"({"profile":{"eyes":1}})", "/profile has something in it that is not of the right type [/profile]"},
      {R"({"visits":[{},{"d":1,"dhush":""}]})",
       "/visits/1 has something in it that is not of the right type [/visits/1]"},
      {R"({"visits":[{"hush":1}]})", "/visits/0 has something in it that is not declared [/visits/0]"},
      {R"({"age":"hush"})", "/age is not of the right type [/age]"},
  };
  for (const auto& [body, said] : cases) EXPECT_EQ(sent(body), said) << body;
}

TEST_F(Discretion, KeepsNamesThatAreTheDataToItself) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"byMail":{"hush@x":{"n":""}}})", "/byMail has something in it that is not of the right type [/byMail]"},
      {R"({"byPhone":{"hush":""}})", "/byPhone has something in it that is not of the right type [/byPhone]"},
      {R"({"more":{"diagnoses":{"hush":""}}})",
       "/more/diagnoses has something in it that is not of the right type [/more/diagnoses]"},
      {R"({"open":{"any":""}})", "/open/any is not of the right type [/open/any]"},
      {R"({"admin":1})", "/admin is not declared [/admin]"},
  };
  for (const auto& [body, said] : cases) EXPECT_EQ(sent(body), said) << body;
}

TEST_F(Discretion, SaysNothingOfValuesOfParameters) {
  const std::tuple<std::string_view, std::vector<Header>, std::string_view> cases[] = {
      {"/patients?token=hushhushhush", {}, "the query parameter 'token' is longer than 8 characters [] token"},
      {"/patients?token=HUSH", {}, "the query parameter 'token' is not as the pattern says [] token"},
      {"/patients?token=hush&token=hush", {}, "the query parameter 'token' is there twice [] token"},
      {"/patients?token=%hush", {}, "the query parameter 'token' is malformed [] token"},
      {"/patients?kind=hush", {}, "the query parameter 'kind' is none of the 2 allowed values [] kind"},
      {"/patients?by[hush]=1", {}, "the query parameter 'by' has something in it that is not declared [] by"},
      {"/patients?by[name]=hush",
       {},
       "the query parameter 'by' has something in it that is longer than 3 characters [] by"},
      {"/patients?by[hush", {}, "a query parameter is not declared [] "},
      {"/patients?token=a&hush", {}, "a query parameter is not declared [] "},
      {R"(/patients?within={"born":{"hush":0}})",
       {},
       "the query parameter 'within' at /born has something in it that is too small [/born] within"},
      {R"(/patients?within={"any":""})",
       {},
       "the query parameter 'within' at /any is not of the right type [/any] within"},
      {"/patients", {{"x-card", "hush"}}, "the header parameter 'x-card' is no uuid [] x-card"},
      {"/patients",
       {{"cookie", "session=hush; other=hush"}},
       "the cookie parameter 'session' is not of the right type [] session"},
      {"/patients",
       {{"cookie", "colour=hush"}},
       "the cookie parameter 'colour' is not the one allowed value [] colour"},
      {"/patients/x?hush=1", {}, "a query parameter is not declared [] "},
      {"/plain?b=1", {}, "the query parameter 'b' is not declared [] b"},
  };
  for (const auto& [target, headers, said] : cases) EXPECT_EQ(asked(target, headers), said) << target;
}

TEST_F(Discretion, NamesWhatLeavesAnAnswerNoCloser) {
  std::string left;
  EXPECT_EQ(answered(R"({"profile":{"eyes":"b","hush1":1,"hush2":2},"cost":1,"visits":[{"hush":1}]})", left),
            "/profile/*, /cost, /visits/0/* of 4; /profile has something in it that is not declared");
  EXPECT_EQ(left, R"({"profile":{"eyes":"b"},"visits":[{}]})");
  EXPECT_EQ(answered(R"({"diagnoses":{"hush":0}})", left), " of 0; /diagnoses has something in it that is too small");
}

TEST_F(Discretion, HidesPathsByWhatTheirSchemasReferTo) {
  EXPECT_EQ(contract_->hidden_paths(), std::vector<std::string>{"/patients/{!}"});
  for (const std::string_view name : {"name", "code", "diagnoses", "either", "profile", "token", "kind", "x-card"})
    EXPECT_TRUE(contract_->is_sensitive(name)) << name;
  for (const std::string_view name : {"age", "open", "within", "colour", "byPhone", "a"})
    EXPECT_FALSE(contract_->is_sensitive(name)) << name;
}

// What a document marks is never passed over, however it is written.
TEST(Sensitive, IsHeldBesideAReferenceOfVersion30AndRefusedWhereItMeansNothing) {
  const auto read = [](std::string_view version, std::string_view operation) {
    return Contract::read(fmt::format("openapi: {}\ninfo: {{title: x, version: '1'}}\npaths:\n  /a: {{post: {}}}\n"
                                      "components: {{schemas: {{S: {{type: string}}}}}}\n",
                                      version, operation),
                          "c.yaml");
  };
  const auto beside = read("3.0.3",
                           "{requestBody: {content: {application/json: {schema: {type: object, properties: {s: {$ref: "
                           "'#/components/schemas/S', x-sensitive: true}}}}}}}");
  ASSERT_TRUE(beside) << beside.error().message;
  EXPECT_TRUE(beside->is_sensitive("s"));
  const std::pair<std::string_view, std::string_view> refused[] = {
      {"{requestBody: {x-sensitive: true, content: {}}}", "not supported: x-sensitive at #/paths/~1a/post/requestBody"},
      {"{x-sensitive: true}", "not supported: x-sensitive at #/paths/~1a/post"},
      {"{parameters: [{name: p, in: query, x-sensitive: 'yes', schema: {type: string}}]}",
       "'x-sensitive' is true or false at #/paths/~1a/post/parameters/0"},
      {"{parameters: [{name: X-Request-Id, in: header, schema: {type: string, x-sensitive: true}}]}",
       "x-sensitive at #/paths/~1a/post/parameters/0: records name a request by its 'x-request-id'"},
      {"{parameters: [{$ref: '#/components/parameters/P', x-sensitive: true}]}",
       "not supported: 'x-sensitive' beside $ref at #/paths/~1a/post/parameters/0"},
      {"{requestBody: {content: {application/json: {schema: {x-sensitive: 1}}}}}", "'x-sensitive' is true or false"},
  };
  for (const auto& [operation, why] : refused) {
    const auto contract = read("3.1.0", operation);
    ASSERT_FALSE(contract) << operation;
    EXPECT_NE(contract.error().message.find(why), std::string::npos) << contract.error().message;
  }
}

}  // namespace
}  // namespace bulkhead::contracts
