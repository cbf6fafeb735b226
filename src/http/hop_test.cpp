#include "http/hop.hpp"

#include <gtest/gtest.h>

#include "http/grpc.hpp"

namespace bulkhead::http {
namespace {

std::string names_of(const Fields& fields) {
  std::string names;
  for (const Field field : fields) names.append(field.name).append(" ");
  return names;
}

TEST(Hop, RemovesWhatConnectionListsAndWhatBelongsToIt) {
  Fields fields{
      {"Connection", "X-Private, close"}, {"Keep-Alive", "1"},          {"X-Private", "1"}, {"TE", "trailers, gzip"},
      {"Upgrade", "websocket"},           {"Proxy-Authorization", "x"}, {"Accept", "x"}};
  strip_hop_by_hop(fields);
  EXPECT_EQ(names_of(fields), "Accept te ");
  EXPECT_EQ(fields.find("te"), "trailers");
}

TEST(Hop, JoinsCookieCrumbs) {
  Fields fields{{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}};
  join_cookies(fields);
  EXPECT_EQ(fields.find("cookie"), "a=1; b=2");
  EXPECT_EQ(fields.size(), 2U);
}

TEST(Hop, RewritesForwardingFieldsAtTheEdge) {
  Fields fields{{"X-Forwarded-For", "127.0.0.1"},
                {"Forwarded", "for=127.0.0.1"},
                {"X-Real-IP", "127.0.0.1"},
                {"x-forwarded-prefix", "/"}};
  set_forwarded(fields, {.client = "2001:db8::1", .scheme = "https", .host = "shop:8443"});
  EXPECT_EQ(fields.find("forwarded"), "for=\"[2001:db8::1]\";host=\"shop:8443\";proto=https");
  EXPECT_EQ(fields.all("x-forwarded-for"), (std::vector<std::string_view>{"2001:db8::1"}));
  EXPECT_FALSE(fields.has("x-real-ip"));
  EXPECT_FALSE(fields.has("x-forwarded-prefix"));
}

TEST(Hop, QuotesProxyStatus) {
  EXPECT_EQ(format_proxy_status({.proxy = "checkout", .error = "connection_timeout", .details = "said \"no\"\n"}),
            "checkout; error=connection_timeout; details=\"said \\\"no\\\"?\"");
  EXPECT_EQ(format_proxy_status({.proxy = "a b"}), "\"a b\"");
}

TEST(Grpc, KnowsItsRequestsAndMethods) {
  EXPECT_TRUE(is_grpc({{"content-type", "application/grpc"}}));
  EXPECT_TRUE(is_grpc({{"Content-Type", "application/grpc+proto"}}));
  EXPECT_FALSE(is_grpc({{"content-type", "application/grpc-web"}}));
  EXPECT_FALSE(is_grpc({{"content-type", "application/json"}}));
  const auto method = grpc_method("/shop.Cart/AddItem");
  ASSERT_TRUE(method);
  EXPECT_EQ(method->service, "shop.Cart");
  EXPECT_EQ(method->method, "AddItem");
  for (const char* target : {"", "/", "/a", "/a/", "//b", "/a/b/c", "/a/b?c", "a/b"})
    EXPECT_FALSE(grpc_method(target)) << target;
}

TEST(Grpc, AnswersWithTrailersOnly) {
  const Response response = grpc_error(GrpcStatus::permission_denied, "100% no\né");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.fields.find("grpc-status"), "7");
  EXPECT_EQ(response.fields.find("grpc-message"), "100%25 no%0A%C3%A9");
  EXPECT_EQ(parse_grpc_status("16"), GrpcStatus::unauthenticated);
  EXPECT_FALSE(parse_grpc_status("17"));
  EXPECT_FALSE(parse_grpc_status("-1"));
}

}  // namespace
}  // namespace bulkhead::http
