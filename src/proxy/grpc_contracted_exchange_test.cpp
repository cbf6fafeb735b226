#include "proxy/grpc_contracted_exchange.hpp"

#include <gtest/gtest.h>

#include "contracts/protobuf_fixture.hpp"
#include "jose/base64url.hpp"
#include "net/gate.hpp"

namespace bulkhead::proxy {
namespace {

using contracts::number_field;
using contracts::text_field;

// service S { Get(M) returns (M); List(M) returns (stream M); Fill(stream M) returns (M) }
// message M { string name = 1 [min_len 1]; int32 price = 2; }, of proto3
std::string descriptors() {
  const auto field = [](std::uint32_t number, std::string_view name, std::uint64_t type, const std::string& more) {
    return text_field(
        2, text_field(1, name) + number_field(3, number) + number_field(4, 1) + number_field(5, type) + more);
  };
  const auto method = [](std::string_view name, const std::string& more) {
    return text_field(2, text_field(1, name) + text_field(2, ".M") + text_field(3, ".M") + more);
  };
  const std::string rule = text_field(8, text_field(1159, text_field(14, number_field(2, 1))));
  const std::string message = text_field(1, "M") + field(1, "name", 9, rule) + field(2, "price", 5, "");
  const std::string service =
      text_field(1, "S") + method("Get", "") + method("List", number_field(6, 1)) + method("Fill", number_field(5, 1));
  return text_field(
      1, text_field(1, "m.proto") + text_field(4, message) + text_field(6, service) + text_field(12, "proto3"));
}

std::string framed(std::string_view message, char flag = '\0') {
  std::string out(1, flag);
  for (unsigned shift = 32; shift > 0; shift -= 8) out += static_cast<char>(message.size() >> (shift - 8));
  return out += message;
}

const std::string kGood = framed(text_field(1, "boat"));
const std::string kBad = framed(text_field(1, ""));

// A client that makes one call and keeps what it is told.
class Client final : public ServerExchange {
 public:
  Client(std::string target, std::vector<std::string> parts) : parts_(std::move(parts)) {
    request_.method = "POST";
    request_.target = std::move(target);
    request_.version = http::Version::http2;
    request_.fields = {{"content-type", "application/grpc"}, {"grpc-accept-encoding", "gzip"}};
    request_.body = true;
  }

  http::Request& request() override { return request_; }
  net::Task<Result<BodyPart>> read_body(net::Deadline) override {
    if (next_ >= parts_.size()) co_return BodyPart{{}, true};
    part_ = parts_[next_++];  // the view before is gone
    co_return BodyPart{part_, next_ == parts_.size()};
  }
  const http::Fields& trailers() const override { return none_; }
  net::Task<Result<>> send_informational(http::Response) override { co_return Result<>(); }
  net::Task<Result<>> send_head(http::Response response, bool end) override {
    heads += 1;
    head = std::move(response);
    if (end) status = head.fields;
    co_return Result<>();
  }
  net::Task<Result<>> send_body(std::string_view data, bool, net::Deadline) override {
    body.append(data);
    co_return Result<>();
  }
  net::Task<Result<>> send_trailers(http::Fields trailers) override {
    status = std::move(trailers);
    co_return Result<>();
  }
  void reset(ResetReason) override { was_reset = true; }
  void on_gone(std::function<void()>) override {}
  bool gone() const override { return false; }

  // "12 the contract: ..." as it was told.
  std::string told() const {
    return fmt::format("{} {}", status.find("grpc-status").value_or("-"), status.find("grpc-message").value_or(""));
  }

  int heads = 0;
  http::Response head;
  http::Fields status;
  std::string body;
  bool was_reset = false;

 private:
  http::Request request_;
  std::vector<std::string> parts_;
  std::string part_;
  std::size_t next_ = 0;
  http::Fields none_;
};

class GrpcContractedTest : public ::testing::Test {
 protected:
  GrpcContractedTest() : journal_(loop_, "catalog", nullptr) {
    inbound_.contract = ServiceContract{.file = "m.binpb", .text = jose::encode_base64url(descriptors())};
    visit_.caller = "web";
    visit_.callee = "catalog";
    visit_.protocol = "grpc";
    visit_.method = "POST";
  }

  // What the service reads of it, then "(end)", or "(broken)" where the call ends in the middle; or the refusal.
  std::string read_by_service(Client& client) {
    desk_.configure(inbound_);
    std::string read;
    loop_.run([&]() -> net::Task<> {
      GrpcContractedExchange contracted(client, desk_, journal_, visit_);
      const auto broken = co_await contracted.check_request(inbound_.contract->audited, net::Deadline::never());
      if (broken) {
        co_await contracted.refuse(*broken);
        read = "refused: " + client.told();
        co_return;
      }
      for (bool end = false; !end;) {
        const auto part = co_await contracted.read_body(net::Deadline::never());
        if (!part) {
          read += "(broken)";
          const auto sent = co_await contracted.send_head({}, true);
          EXPECT_TRUE(sent);
          contracted.conclude();
          co_return;
        }
        read += part->data;
        end = part->end;
      }
      read += "(end)";
    }());
    return read;
  }

  std::string call(std::string target, std::vector<std::string> parts) {
    Client client("/S/" + target, std::move(parts));
    return read_by_service(client);
  }

  // Lets the service answer with these parts and status 0.
  void answer(Client& client, const std::vector<std::string>& parts, http::Response head = {}) {
    desk_.configure(inbound_);
    if (!head.fields.has("content-type")) head.fields.add("content-type", "application/grpc");
    head.body = true;
    loop_.run([&]() -> net::Task<> {
      GrpcContractedExchange contracted(client, desk_, journal_, visit_);
      const auto broken = co_await contracted.check_request(inbound_.contract->audited, net::Deadline::never());
      EXPECT_FALSE(broken);
      bool on = (co_await contracted.send_head(std::move(head), false)).has_value();
      for (const std::string& part : parts)
        if (on) on = (co_await contracted.send_body(part, false, net::Deadline::never())).has_value();
      http::Fields trailers;
      http::add_grpc_status(trailers, http::GrpcStatus::ok, {});
      if (on) on = (co_await contracted.send_trailers(std::move(trailers))).has_value();
      if (!on) contracted.reset(ResetReason::internal);
      contracted.conclude();
    }());
  }

  std::string counted() const { return journal_.stats().at("denied").dump(); }

  net::Loop loop_;
  Journal journal_;
  Visit visit_;
  Inbound inbound_;
  ContractDesk desk_;
};

TEST_F(GrpcContractedTest, ACallThatIsAsDeclaredPassesWhole) {
  EXPECT_EQ(call("Get", {kGood}), kGood + "(end)");
  EXPECT_EQ(call("Get", {kGood.substr(0, 3), kGood.substr(3, 4), kGood.substr(7), ""}), kGood + "(end)");
  EXPECT_EQ(call("Fill", {kGood + kGood.substr(0, 3), kGood.substr(3), kGood}), kGood + kGood + kGood + "(end)");
  EXPECT_EQ(call("Fill", {}), "(end)");
  Client client("/S/Get", {kGood});
  read_by_service(client);
  EXPECT_FALSE(client.request().fields.has("grpc-accept-encoding")) << "what is packed could not be filtered";
}

TEST_F(GrpcContractedTest, AnythingElseIsRefusedWithItsStatusAndPlace) {
  const auto says = [](std::string_view text) { return fmt::format("refused: {}", text); };
  EXPECT_EQ(call("Put", {kGood}), says("12 the contract: there is no such method"));
  EXPECT_EQ(visit_.grpc_status, 12);
  EXPECT_EQ(visit_.cause, "contract");
  EXPECT_EQ(call("T/Put", {kGood}), says("12 the contract: there is no such service"));
  EXPECT_EQ(call("Get", {kBad}), says("3 the contract: name has fewer than 1 characters (string.min_len)"));
  EXPECT_EQ(call("Get", {framed(text_field(2, "x"))}), says("3 the contract: price is not written as int32 is"));
  EXPECT_EQ(call("Get", {kGood, kGood}), says("3 the contract: there is more than one message"));
  EXPECT_EQ(call("Get", {}), says("3 the contract: there is no message"));
  EXPECT_EQ(call("Get", {kGood.substr(0, 4)}), says("3 the contract: the request ends within a message"));
  EXPECT_EQ(call("Get", {kGood.substr(0, 7)}), says("3 the contract: the request ends within a message"));
  EXPECT_EQ(call("Get", {framed("x", '\1')}), says("12 the contract: messages that are checked are not compressed"));
  EXPECT_EQ(call("Get", {framed("x", '\2')}),
            says("3 the contract: a message begins with a flag that gRPC does not know"));
  inbound_.contract->most_body = 5;
  EXPECT_EQ(call("Get", {kGood.substr(0, 5)}), says("8 the contract: a message is larger than 5 bytes"));
  EXPECT_NE(counted().find("contract"), std::string::npos);
}

TEST_F(GrpcContractedTest, TheHeadIsLookedAtToo) {
  Client packed("/S/Get", {framed("x", '\1')});
  EXPECT_TRUE(read_by_service(packed).starts_with("refused: 12 "));
  EXPECT_EQ(packed.head.fields.find("grpc-accept-encoding"), "identity");
  Client may_pack("/S/Get", {kGood});
  may_pack.request().fields.add("grpc-encoding", "gzip");
  EXPECT_EQ(read_by_service(may_pack), kGood + "(end)") << "each message says whether it is";
  Client json("/S/Get", {kGood});
  json.request().fields.remove("content-type");
  json.request().fields.add("content-type", "application/grpc+json");
  EXPECT_TRUE(read_by_service(json).starts_with("refused: 3 "));
  Client plain("/S/Get", {});
  visit_.protocol = "http/2";
  read_by_service(plain);
  EXPECT_EQ(plain.head.status, 415);
  EXPECT_EQ(visit_.status, 415);
}

TEST_F(GrpcContractedTest, AStreamIsHeldMessageByMessage) {
  Client client("/S/Fill", {kGood, kGood + kBad + kGood});
  EXPECT_EQ(read_by_service(client), kGood + kGood + "(broken)");
  EXPECT_EQ(client.told(), "3 the contract: name has fewer than 1 characters (string.min_len)");
  EXPECT_EQ(client.heads, 1);
  EXPECT_EQ(visit_.grpc_status, 3);
  EXPECT_EQ(call("Fill", {kGood, kGood.substr(0, 8)}), kGood + "(broken)");
  EXPECT_EQ(call("Fill", {kGood + framed("x", '\1')}), kGood + "(broken)");
  inbound_.contract->most_body = 6;
  EXPECT_EQ(call("Fill", {kGood.substr(0, 9), kGood.substr(9), framed("123456789")}), kGood + "(broken)");
}

TEST_F(GrpcContractedTest, WhatIsAuditedPassesAndIsRecorded) {
  inbound_.contract->audited = true;
  EXPECT_EQ(call("Get", {kBad}), kBad + "(end)");
  EXPECT_NE(counted().find("would be denied"), std::string::npos) << counted();
  EXPECT_EQ(call("Put", {kGood, kGood}), kGood + kGood + "(end)");
  EXPECT_EQ(call("Get", {kGood, kGood, kBad}), kGood + kGood + kBad + "(end)");
  EXPECT_EQ(call("Fill", {kBad + kGood.substr(0, 3), kGood.substr(3)}), kBad + kGood + "(end)");
  const std::string packed = framed("x", '\1');
  EXPECT_EQ(call("Fill", {kGood + packed.substr(0, 2), packed.substr(2) + kBad, kGood}),
            kGood + packed + kBad + kGood + "(end)");
  inbound_.contract->most_body = 5;
  EXPECT_TRUE(call("Get", {kGood}).starts_with("refused: 8 ")) << "it can't be looked at";
}

TEST_F(GrpcContractedTest, WhatIsNotDeclaredDoesNotLeave) {
  Client client("/S/List", {kGood});
  const std::string more = framed(text_field(1, "ship") + text_field(9, "secret"));
  answer(client, {kGood + more.substr(0, 7), more.substr(7), kGood});
  EXPECT_EQ(client.body, kGood + framed(text_field(1, "ship")) + kGood);
  EXPECT_EQ(client.told(), "0 ");
  EXPECT_NE(counted().find("undeclared_answer"), std::string::npos);
}

TEST_F(GrpcContractedTest, OrIsReportedOrNotLookedAt) {
  const std::string more = framed(text_field(1, "ship") + text_field(9, "secret"));
  for (const auto mode : {manifest::AnswerMode::off, manifest::AnswerMode::report}) {
    inbound_.contract->response = mode;
    Client client("/S/List", {kGood});
    answer(client, {more.substr(0, 3), more.substr(3) + kBad, framed("\xff")});
    EXPECT_EQ(client.body, more + kBad + framed("\xff"));
    EXPECT_EQ(client.told(), "0 ");
    EXPECT_EQ(counted().find("undeclared_answer") != std::string::npos, mode == manifest::AnswerMode::report);
  }
}

TEST_F(GrpcContractedTest, WhatCanNotBeReadDoesNotLeaveEither) {
  const auto ends = [&](std::vector<std::string> parts, http::Response head = {}) {
    Client client("/S/Get", {kGood});
    answer(client, parts, std::move(head));
    EXPECT_FALSE(client.was_reset) << "the status is on its way";
    return fmt::format("{}{}", client.body, client.told());
  };
  const std::string refused = "the contract: the service's answer can not be held against it";
  EXPECT_EQ(ends({framed("\xff")}), "13 " + refused);
  EXPECT_EQ(visit_.grpc_status, 13);
  EXPECT_EQ(ends({kGood, kGood}), kGood + "13 " + refused) << "of one message";
  EXPECT_EQ(ends({kGood.substr(0, 7)}), "13 " + refused);
  EXPECT_EQ(ends({framed("x", '\1')}), "13 " + refused);
  http::Response packed;
  packed.fields.add("grpc-encoding", "gzip");
  EXPECT_EQ(ends({kGood}, packed), kGood + "0 ") << "each message says whether it is";
  inbound_.contract->most_body = 6;
  EXPECT_EQ(ends({framed("1234567")}), "8 " + refused);
}

TEST_F(GrpcContractedTest, AnAnswerThatIsNoneOfGrpcIsReported) {
  Client client("/S/Get", {kGood});
  http::Response head;
  head.fields.add("content-type", "text/html");
  answer(client, {"<html>"}, head);
  EXPECT_EQ(client.body, "<html>");
  EXPECT_NE(counted().find("undeclared_answer"), std::string::npos);
}

TEST_F(GrpcContractedTest, WhatAllHoldIsBounded) {
  inbound_.contract->most_body = 16U << 20U;
  desk_.configure(inbound_);
  ContractDesk::Held others(desk_);
  ASSERT_TRUE(others.hold((64U << 20U) - 16));
  EXPECT_TRUE(call("Get", {framed(std::string(20, 'x')).substr(0, 20)}).starts_with("refused: 14 "));
  EXPECT_EQ(call("Fill", {framed(std::string(40, 'x')).substr(0, 30)}), "(broken)");
}

}  // namespace
}  // namespace bulkhead::proxy
