#include "proxy/contracted_exchange.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/fd.hpp"
#include "net/gate.hpp"

namespace bulkhead::proxy {
namespace {

constexpr const char* kContract = R"(openapi: 3.1.0
info: {title: catalog, version: "1"}
paths:
  /items:
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, required: [price], properties: {price: {type: integer, minimum: 1}}, additionalProperties: false}
      responses: {"201": {description: made}}
    get:
      responses:
        "200":
          description: all
          content:
            application/json: {schema: {type: object, properties: {name: {type: string}}}}
)";

// A client that sends one request and keeps what it is answered.
class FakeExchange final : public ServerExchange {
 public:
  FakeExchange(std::string method, std::vector<std::string> body) : parts_(std::move(body)) {
    request_.method = std::move(method);
    request_.target = "/items";
    request_.fields = {{"content-type", "application/json"}, {"accept-encoding", "gzip"}};
    request_.body = !parts_.empty();
    if (!request_.body) request_.fields.remove("content-type");
  }

  http::Request& request() override { return request_; }
  net::Task<Result<BodyPart>> read_body(net::Deadline) override {
    if (next_ >= parts_.size()) co_return BodyPart{{}, true};
    const std::size_t index = next_++;
    co_return BodyPart{parts_[index], next_ == parts_.size()};
  }
  const http::Fields& trailers() const override { return none_; }
  net::Task<Result<>> send_informational(http::Response) override { co_return Result<>(); }
  net::Task<Result<>> send_head(http::Response response, bool) override {
    answer = std::move(response);
    co_return Result<>();
  }
  net::Task<Result<>> send_body(std::string_view data, bool, net::Deadline) override {
    body.append(data);
    co_return Result<>();
  }
  net::Task<Result<>> send_trailers(http::Fields trailers) override {
    sent_trailers = std::move(trailers);
    co_return Result<>();
  }
  void reset(ResetReason) override {}
  void on_gone(std::function<void()>) override {}
  bool gone() const override { return false; }

  http::Response answer;
  std::string body;
  http::Fields sent_trailers;

 private:
  http::Request request_;
  std::vector<std::string> parts_;
  std::size_t next_ = 0;
  http::Fields none_;
};

class ContractedTest : public ::testing::Test {
 protected:
  explicit ContractedTest(std::unique_ptr<telemetry::Records> records = nullptr)
      : journal_(loop_, "catalog", std::move(records)) {
    inbound_.contract = ServiceContract{.file = "openapi.yaml", .text = kContract};
    visit_.caller = "web";
    visit_.callee = "catalog";
    visit_.method = "POST";
    visit_.path = "/items";
  }

  // "passes" or the refusal's status and document, and what the service then reads.
  std::string outcome(FakeExchange& exchange, bool audited = false) {
    desk_.configure(inbound_);
    std::string told;
    loop_.run([&]() -> net::Task<> {
      ContractedExchange contracted(exchange, desk_, journal_, visit_);
      const auto refused = co_await contracted.check_request(audited, net::Deadline::never());
      if (refused && refused->problem) {
        co_await contracted.refuse(*refused->problem);
        told = fmt::format("{} {}", exchange.answer.status, exchange.body);
      } else if (refused) {
        told = refused->overloaded ? "overloaded" : "gone";
      } else {
        told = "passes";
        for (bool end = false; !end;) {
          const auto part = co_await contracted.read_body(net::Deadline::never());
          told += fmt::format(" {}", part->data);
          end = part->end;
        }
      }
    }());
    return told;
  }

  // What of an answer leaves.
  void answer(FakeExchange& exchange, std::vector<std::string> parts, std::string_view type = "application/json",
              std::uint16_t status = 200) {
    desk_.configure(inbound_);
    loop_.run([&]() -> net::Task<> {
      ContractedExchange contracted(exchange, desk_, journal_, visit_);
      const auto refused = co_await contracted.check_request(false, net::Deadline::never());
      EXPECT_FALSE(refused);
      http::Response response;
      response.status = status;
      response.body = true;
      response.fields.add("content-type", type);
      std::size_t size = 0;
      for (const std::string& part : parts) size += part.size();
      response.content_length = size;
      EXPECT_TRUE(co_await contracted.send_head(std::move(response), false));
      for (std::size_t i = 0; i < parts.size(); ++i)
        EXPECT_TRUE(co_await contracted.send_body(parts[i], i + 1 == parts.size(), net::Deadline::never()));
    }());
  }

  std::string counted() const { return journal_.stats().at("denied").dump(); }

  net::Loop loop_;
  Journal journal_;
  Visit visit_;
  Inbound inbound_;
  ContractDesk desk_;
};

TEST_F(ContractedTest, ARequestThatIsAsDeclaredPassesWhole) {
  FakeExchange exchange("POST", {R"({"pri)", R"(ce": 3})"});
  EXPECT_EQ(outcome(exchange), R"(passes {"price": 3})");
  EXPECT_FALSE(exchange.request().fields.has("accept-encoding")) << "what is packed could not be filtered";
}

TEST_F(ContractedTest, PointsOutWhatConditionsMayAskFor) {
  const auto found = [&](std::vector<std::string> body, bool audited = false) {
    FakeExchange exchange("POST", std::move(body));
    desk_.configure(inbound_);
    ContractedExchange contracted(exchange, desk_, journal_, visit_);
    EXPECT_EQ(loop_.run(contracted.check_request(audited, net::Deadline::never())).has_value(), false);
    const conditions::Value resource = contracted.resource();
    const auto price = resource.find(conditions::Value::string("price"));
    return price ? price->as_int() : -1;
  };
  inbound_.contract->text.insert(inbound_.contract->text.find("    get:"),
                                 "      x-bulkhead-resource: {price: {in: body, pointer: /price}}\n");
  EXPECT_EQ(found({R"({"pri)", R"(ce": 3})"}), 3);
  inbound_.contract->text.replace(inbound_.contract->text.find("type: integer"), 13, "type: number");
  EXPECT_EQ(found({R"({"price": 1e400})"}), -1) << "no value, and no end of the process";
  EXPECT_EQ(found({R"({"price": 4})"}), 4);
  inbound_.contract->audited = true;
  EXPECT_EQ(found({R"({"price": 0})"}, true), -1) << "what is not as declared says nothing";
}

TEST_F(ContractedTest, AnythingElseIsRefusedWithThePlaceAndTheRule) {
  FakeExchange low("POST", {R"({"price": 0})"});
  const std::string told = outcome(low);
  EXPECT_TRUE(told.starts_with(R"(422 {"type":"about:blank","title":"Unprocessable Content","status":422)")) << told;
  EXPECT_NE(told.find(R"("pointer":"/price")"), std::string::npos) << told;
  EXPECT_NE(told.find("minimum"), std::string::npos) << told;
  EXPECT_EQ(low.answer.fields.find("content-type"), "application/problem+json");
  EXPECT_EQ(visit_.cause, "contract");
  EXPECT_NE(counted().find("contract"), std::string::npos);

  FakeExchange method("DELETE", {});
  EXPECT_TRUE(outcome(method).starts_with("405 "));
  EXPECT_TRUE(method.answer.fields.has("allow"));
  FakeExchange malformed("POST", {R"({"price": )"});
  EXPECT_TRUE(outcome(malformed).starts_with("400 "));
  inbound_.contract->most_body = 8;
  FakeExchange large("POST", {R"({"price)", R"(": 12345})"});
  EXPECT_TRUE(outcome(large).starts_with("413 "));
}

TEST_F(ContractedTest, WhatIsAuditedPassesAndIsRecorded) {
  FakeExchange low("POST", {R"({"price": 0})"});
  EXPECT_EQ(outcome(low, true), R"(passes {"price": 0})");
  EXPECT_NE(counted().find("would be denied"), std::string::npos) << counted();
}

TEST_F(ContractedTest, WhatIsNotDeclaredDoesNotLeave) {
  FakeExchange exchange("GET", {});
  answer(exchange, {R"({"name": "ship", )", R"("cost": 7})"});
  EXPECT_EQ(exchange.answer.status, 200);
  EXPECT_EQ(nlohmann::json::parse(exchange.body), (nlohmann::json{{"name", "ship"}}));
  EXPECT_EQ(exchange.answer.content_length, exchange.body.size());
  EXPECT_NE(counted().find("undeclared_answer"), std::string::npos);
}

TEST_F(ContractedTest, OrIsReportedOrNotLookedAt) {
  for (const auto mode : {manifest::AnswerMode::report, manifest::AnswerMode::off}) {
    inbound_.contract->response = mode;
    FakeExchange exchange("GET", {});
    answer(exchange, {R"({"name": "ship", "cost": 7})"});
    EXPECT_EQ(exchange.body, R"({"name": "ship", "cost": 7})");
    EXPECT_EQ(counted().find("undeclared_answer") != std::string::npos, true) << "since the first";
  }
}

TEST_F(ContractedTest, WhatIsAuditedLosesNothing) {
  inbound_.contract->audited = true;
  FakeExchange exchange("GET", {});
  answer(exchange, {R"({"name": "ship", "cost": 7})"});
  EXPECT_EQ(exchange.body, R"({"name": "ship", "cost": 7})");
  EXPECT_NE(counted().find("undeclared_answer"), std::string::npos);
}

TEST_F(ContractedTest, WhatCanNotBeFilteredDoesNotLeaveEither) {
  FakeExchange malformed("GET", {});
  answer(malformed, {R"({"name": )"});
  EXPECT_EQ(malformed.answer.status, 502);
  EXPECT_EQ(malformed.body.find("name"), std::string::npos) << malformed.body;
  inbound_.contract->most_body = 16;
  FakeExchange large("GET", {});
  answer(large, {R"({"name": "a ship )", R"(that is large"})"});
  EXPECT_EQ(large.answer.status, 502);
}

TEST_F(ContractedTest, AnUndeclaredStatusOrTypeIsReported) {
  FakeExchange exchange("GET", {});
  answer(exchange, {"<html>"}, "text/html", 404);
  EXPECT_EQ(exchange.body, "<html>");
  EXPECT_NE(counted().find("undeclared_answer"), std::string::npos);
}

constexpr const char* kDiscreet = R"(openapi: 3.1.0
info: {title: catalog, version: "1"}
paths:
  /items:
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Item"}}}}
      responses: {"200": {description: made, content: {application/json: {schema: {$ref: "#/components/schemas/Item"}}}}}
components:
  schemas:
    Item:
      type: object
      properties:
        pin: {type: string, x-sensitive: true, maxLength: 8}
        notes: {type: object, x-sensitive: true, additionalProperties: {type: integer, minimum: 1}}
        profile: {type: object, x-sensitive: true, properties: {eyes: {type: string}}, additionalProperties: false}
        open: {type: object, additionalProperties: {type: integer}}
)";

class RecordedContractTest : public ContractedTest {
 protected:
  RecordedContractTest() : RecordedContractTest(testing::TempDir() + "contracted-XXXXXX") {}
  ~RecordedContractTest() override { std::filesystem::remove_all(directory_); }

  // All that was written down so far.
  std::string records() {
    journal_.flush();
    return read_file(directory_ + "/records.jsonl").value_or("");
  }

 private:
  explicit RecordedContractTest(std::string directory)
      : ContractedTest(
            *telemetry::Records::open({.path = std::string(::mkdtemp(directory.data())) + "/records.jsonl"})),
        directory_(std::move(directory)) {
    inbound_.contract->text = kDiscreet;
  }
  std::string directory_;
};

TEST_F(RecordedContractTest, WhatIsSensitiveIsToldNobody) {
  for (const bool audited : {false, true}) {
    for (const char* body :
         {R"({"pin": "hush-hush-hush"})", R"({"notes": {"hush": 0}})", R"({"notes": {"hush": "hush"}})",
          R"({"profile": {"hush": 1}})", R"({"pin": ["hush"]})", R"({"hush)", R"({"open": {"loud": ""}})"}) {
      FakeExchange exchange("POST", {body});
      journal_.begin(visit_);
      const std::string told = outcome(exchange, audited);
      journal_.finish(visit_);
      EXPECT_EQ(told.starts_with("passes"), audited) << told;
      if (!audited) EXPECT_EQ(told.find("hush"), std::string::npos) << told;
    }
  }
  EXPECT_EQ(records().find("hush"), std::string::npos) << records();
  EXPECT_NE(records().find("/notes has something in it that is too small"), std::string::npos) << records();
  EXPECT_NE(records().find("/open/loud"), std::string::npos) << "what is not marked is named";
}

TEST_F(RecordedContractTest, NorWhatOfAnswersIs) {
  for (const auto mode : {manifest::AnswerMode::filter, manifest::AnswerMode::report}) {
    inbound_.contract->response = mode;
    FakeExchange exchange("POST", {"{}"});
    answer(exchange, {R"({"profile": {"hush": 1}, "notes": {"hush": 0}, "cost": 3})"});
    EXPECT_EQ(exchange.answer.status, 200);
  }
  EXPECT_EQ(records().find("hush"), std::string::npos) << records();
  EXPECT_NE(records().find("taken out: /profile/*, /cost; /profile has something in it that is not declared"),
            std::string::npos)
      << records();
}

TEST_F(ContractedTest, WhatAllHoldIsBounded) {
  desk_.configure(inbound_);
  ContractDesk::Lease one(desk_), other(desk_);
  EXPECT_TRUE(one.hold(60U << 20U));
  EXPECT_FALSE(other.hold(8U << 20U));
  EXPECT_TRUE(other.hold(4U << 20U));
}

}  // namespace
}  // namespace bulkhead::proxy
