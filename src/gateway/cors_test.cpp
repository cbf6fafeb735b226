#include "gateway/cors.hpp"

#include <gtest/gtest.h>

namespace bulkhead::gateway {
namespace {

manifest::Cors shop() {
  manifest::Cors cors;
  cors.origins = {"https://app.example"};
  cors.methods = {"GET", "PUT"};
  cors.headers = {"content-type"};
  cors.expose = {"etag"};
  cors.credentials = true;
  return cors;
}

http::Request question(std::string origin) {
  http::Request request;
  request.method = "OPTIONS";
  request.fields.add("origin", origin);
  request.fields.add("access-control-request-method", "PUT");
  return request;
}

TEST(CorsAnswer, AQuestionIsAnsweredForTheOriginsThatAreNamed) {
  const auto answer = preflight_answer(shop(), question("https://app.example"));
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.fields.find("access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(answer.fields.find("access-control-allow-methods"), "GET, PUT");
  EXPECT_EQ(answer.fields.find("access-control-allow-headers"), "content-type");
  EXPECT_EQ(answer.fields.find("access-control-allow-credentials"), "true");
  EXPECT_EQ(answer.fields.find("access-control-max-age"), "600");
  EXPECT_EQ(answer.fields.find("vary"), "origin");
}

TEST(CorsAnswer, AnybodyElseIsToldNothing) {
  for (const char* origin :
       {"https://evil.example", "http://app.example", "https://app.example.evil", "null", "", "https://APP.example"}) {
    const auto answer = preflight_answer(shop(), question(origin));
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.fields.size(), 1U) << origin;
    EXPECT_EQ(answer.fields.find("vary"), "origin");
  }
  http::Request twice = question("https://app.example");
  twice.fields.add("origin", "https://evil.example");
  EXPECT_FALSE(preflight_answer(shop(), twice).fields.has("access-control-allow-origin"));
}

TEST(CorsAnswer, OnlyAQuestionIsOne) {
  EXPECT_EQ(asked_method(question("https://app.example")), "PUT");
  http::Request plain = question("https://app.example");
  plain.method = "GET";
  EXPECT_EQ(asked_method(plain), "");
  http::Request options = question("https://app.example");
  options.fields.remove("access-control-request-method");
  EXPECT_EQ(asked_method(options), "");
  http::Request own = question("x");
  own.fields.remove("origin");
  EXPECT_EQ(asked_method(own), "");
}

TEST(CorsAnswer, WhatTheServiceSaysOfItGoes) {
  http::Fields fields{{"Access-Control-Allow-Origin", "*"}, {"vary", "accept, Origin"}, {"etag", "1"}};
  allow_origin(shop(), "https://app.example", fields);
  EXPECT_EQ(fields.all("access-control-allow-origin"), std::vector<std::string_view>{"https://app.example"});
  EXPECT_EQ(fields.find("access-control-expose-headers"), "etag");
  EXPECT_EQ(fields.count("vary"), 1U);
  http::Fields other{{"access-control-allow-origin", "*"}, {"access-control-allow-credentials", "true"}};
  allow_origin(shop(), "https://evil.example", other);
  EXPECT_EQ(other.size(), 1U);
  EXPECT_EQ(other.find("vary"), "origin");
  http::Fields own;
  allow_origin(shop(), "", own);
  EXPECT_EQ(own.find("vary"), "origin") << "a cache must not give it to a page that asks";
}

TEST(CorsAnswer, ForEverybodyItDependsOnNobody) {
  manifest::Cors cors;
  cors.origins = {"*"};
  http::Fields fields;
  allow_origin(cors, "https://anywhere.example", fields);
  EXPECT_EQ(fields.find("access-control-allow-origin"), "*");
  EXPECT_FALSE(fields.has("vary"));
  EXPECT_FALSE(fields.has("access-control-allow-credentials"));
}

}  // namespace
}  // namespace bulkhead::gateway
