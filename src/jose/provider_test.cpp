#include "jose/provider.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bulkhead::jose {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::vector<std::string> kHosts{"id.example", "keys.example:8443"};
constexpr std::string_view kIssuer = "https://id.example/realm";

std::string read(const json& metadata) {
  const auto got = read_metadata(metadata.dump(), kIssuer, kHosts);
  return got ? got->jwks_uri : got.error().message;
}

json metadata(std::string_view jwks_uri) { return {{"issuer", kIssuer}, {"jwks_uri", jwks_uri}, {"more", {1}}}; }

TEST(Provider, MetadataIsBelowTheIssuer) {
  EXPECT_EQ(*metadata_url("https://id.example"), "https://id.example/.well-known/openid-configuration");
  EXPECT_EQ(*metadata_url("https://id.example/"), "https://id.example/.well-known/openid-configuration");
  EXPECT_EQ(*metadata_url("https://id.example:8443/a/b"),
            "https://id.example:8443/a/b/.well-known/openid-configuration");
  for (const char* issuer :
       {"", "id.example", "http://id.example", "https://", "https:///x", "https://id.example?x", "https://id.example#x",
        "https://u@id.example", "https://id.example\\@evil.example", "https://id example", "HTTPS://id.example"}) {
    EXPECT_FALSE(metadata_url(issuer)) << issuer;
  }
}

TEST(Provider, KeysAreFetchedFromADeclaredHostByHttps) {
  EXPECT_EQ(read(metadata("https://id.example/jwks")), "https://id.example/jwks");
  EXPECT_EQ(read(metadata("https://ID.example:443/jwks?a=b")), "https://ID.example:443/jwks?a=b");
  EXPECT_EQ(read(metadata("https://keys.example:8443/jwks")), "https://keys.example:8443/jwks");
  EXPECT_EQ(
      read(metadata("https://evil.example/jwks")),
      "the metadata of https://id.example/realm: jwks_uri is at evil.example, which is none of the declared hosts: "
      "id.example, keys.example:8443");
  for (const char* url :
       {"http://id.example/jwks", "https://id.example.evil.example/", "https://evil.example/id.example",
        "file:///etc/passwd", "https://id.example@evil.example/", "https://id.example:8443/", "https://keys.example/",
        "//id.example/", "", "https://evil.example\\.id.example/", "https://id.example/#x", "https://id.example/\n",
        "https://id.example%2e/"}) {
    EXPECT_FALSE(read_metadata(metadata(url).dump(), kIssuer, kHosts)) << url;
  }
}

TEST(Provider, OneDoesNotSpeakForAnother) {
  json other = metadata("https://id.example/jwks");
  for (const char* issuer : {"https://id.example", "https://id.example/realm/", "https://ID.example/realm", ""}) {
    other["issuer"] = issuer;
    EXPECT_EQ(read(other), "the metadata of https://id.example/realm: it is of another issuer") << issuer;
  }
}

TEST(Provider, WhatIsMissingIsNamed) {
  EXPECT_THAT(read(json::array()), HasSubstr("not an object"));
  EXPECT_THAT(read({{"issuer", kIssuer}}), HasSubstr("no text 'jwks_uri'"));
  EXPECT_THAT(read({{"jwks_uri", "https://id.example/"}}), HasSubstr("no text 'issuer'"));
  EXPECT_THAT(read({{"issuer", kIssuer}, {"jwks_uri", 1}}), HasSubstr("no text 'jwks_uri'"));
  EXPECT_FALSE(read_metadata(metadata("https://id.example/").dump() + std::string(kMaxMetadata, ' '), kIssuer, kHosts));
  EXPECT_FALSE(read_metadata(R"({"issuer":"a","issuer":"b"})", kIssuer, kHosts));
}

}  // namespace
}  // namespace bulkhead::jose
