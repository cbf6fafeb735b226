#include "proxy/refusal.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bulkhead::proxy {
namespace {

Refusal denial() {
  Refusal refusal;
  refusal.caller = "checkout";
  refusal.callee = "payments";
  refusal.method = "POST";
  refusal.path = "/refunds";
  refusal.reason = "checkout may not call payments:8080 POST /refunds: no rule of the manifest declares this call";
  refusal.allow = "calls: {payments: [POST /refunds]}";
  refusal.where = "bulkhead.yaml:12";
  refusal.owner = "team-money";
  return refusal;
}

TEST(Refusal, ALocalCallerLearnsEverything) {
  const RefusalAnswer answer = render(denial(), Audience::local, "checkout-1", false);
  EXPECT_EQ(answer.head.status, 403);
  EXPECT_EQ(answer.head.content_length, answer.body.size());
  const auto body = nlohmann::json::parse(answer.body);
  EXPECT_EQ(body["error"], "denied");
  EXPECT_EQ(body["caller"], "checkout");
  EXPECT_EQ(body["callee"], "payments");
  EXPECT_EQ(body["allow"], "calls: {payments: [POST /refunds]}");
  EXPECT_EQ(body["manifest"], "bulkhead.yaml:12");
  EXPECT_EQ(body["owner"], "team-money");
  EXPECT_NE(answer.head.fields.find("proxy-status").value_or("").find("checkout-1"), std::string_view::npos);
  EXPECT_FALSE(answer.head.fields.has(kRefusalField));
}

TEST(Refusal, APeerIsToldThatAProxySaysSo) {
  const RefusalAnswer answer = render(denial(), Audience::mesh, "payments-1", false);
  EXPECT_EQ(answer.head.fields.find(kRefusalField), "denied");
}

TEST(Refusal, AStrangerLearnsNothingOfTheInside) {
  for (const auto cause : {RefusalCause::denied, RefusalCause::no_route, RefusalCause::no_ready_instance,
                           RefusalCause::broken_off, RefusalCause::timed_out, RefusalCause::ambiguous_path}) {
    for (const bool grpc : {false, true}) {
      Refusal refusal = denial();
      refusal.cause = cause;
      const RefusalAnswer answer = render(refusal, Audience::stranger, "payments-1", grpc);
      std::string all = answer.body;
      for (const http::Field& field : answer.head.fields) all.append(field.name).append(field.value);
      for (const char* secret : {"checkout", "payments", "refunds", "bulkhead", "team"}) {
        EXPECT_EQ(all.find(secret), std::string::npos) << all;
      }
    }
  }
}

TEST(Refusal, GrpcGetsTrailersOnlyWithItsOwnStatus) {
  const RefusalAnswer answer = render(denial(), Audience::local, "checkout-1", true);
  EXPECT_EQ(answer.head.status, 200);
  EXPECT_TRUE(answer.body.empty());
  EXPECT_EQ(answer.head.fields.find("grpc-status"), "7");
  Refusal late = denial();
  late.cause = RefusalCause::timed_out;
  EXPECT_EQ(render(late, Audience::local, "x", true).head.fields.find("grpc-status"), "4");
  late.cause = RefusalCause::no_ready_instance;
  EXPECT_EQ(render(late, Audience::local, "x", true).head.fields.find("grpc-status"), "14");
}

TEST(Refusal, EveryCauseHasItsNameAndComesBackByIt) {
  for (int i = 0; i <= static_cast<int>(RefusalCause::unsupported_upgrade); ++i) {
    const auto cause = static_cast<RefusalCause>(i);
    EXPECT_GE(facts(cause).status, 400);
    EXPECT_EQ(refusal_cause(facts(cause).name), cause);
  }
  EXPECT_FALSE(refusal_cause("something else").has_value());
}

TEST(Refusal, HostileTextStaysInsideTheBody) {
  Refusal refusal = denial();
  refusal.path = "/\"}\r\nx: y\xff";
  refusal.cause = RefusalCause::unreachable;
  const RefusalAnswer answer = render(refusal, Audience::local, "checkout-1", false);
  EXPECT_TRUE(nlohmann::json::accept(answer.body));
  for (const http::Field& field : render(refusal, Audience::local, "checkout-1", true).head.fields) {
    EXPECT_TRUE(http::is_field_value(field.value)) << field.name;
  }
}

}  // namespace
}  // namespace bulkhead::proxy
