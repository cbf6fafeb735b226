#include "compartments/spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bulkhead::compartments {
namespace {

Spec whole_spec() {
  Spec spec;
  spec.instance = "shop/catalog/0";
  spec.controller_socket = "/run/x/keepers.sock";
  spec.log = {"/var/x/log", 1024, 2};
  spec.sidecar = {{"/usr/bin/bulkhead", "sidecar"}, {{"A", "b"}}, 7, 8, R"({"x":[1,2]})"};
  spec.listeners = {{"listen:0", 5}};
  Compartment compartment;
  compartment.ids = {IdMapping::helper, 100'007, 100'008};
  compartment.command = {"python3", "app.py"};
  compartment.environment = {{"PORT", "8080"}};
  compartment.directory = "/src/catalog";
  compartment.data = "/state/catalog";
  compartment.rootfs = "/images/x";
  compartment.start_in = "/srv";
  compartment.user = "www-data";
  compartment.mounts = {{"/opt/x", "/opt/x", true}};
  compartment.secrets = {{"db", "db_password", std::string("\x00\xff\n", 3), 0400, 1},
                         {"certs", "certs/key.pem", "key", 0440, 0}};
  compartment.hostname = "catalog";
  compartment.hosts = {{"198.18.1.1", {"inventory", "inventory.shop"}}};
  compartment.doors = {{"198.18.1.1", 80}, {"::1", 4001}};
  compartment.limits = {128U << 20U, 500, 64};
  compartment.cgroups = {{"/sys/fs/cgroup/x", 2, {CgroupController::memory, CgroupController::pids}}};
  spec.compartment = compartment;
  spec.grace_ms = 1;
  return spec;
}

TEST(SpecTest, WhatIsWrittenIsRead) {
  const auto read = parse_spec(to_json(whole_spec()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, whole_spec());
}

TEST(SpecTest, AGatewayHasNoCompartment) {
  Spec spec = whole_spec();
  spec.compartment.reset();
  EXPECT_EQ(*parse_spec(to_json(spec)), spec);
}

TEST(SpecTest, MistakesAreNamed) {
  struct Case {
    const char* json;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"", "isn't JSON"},
      {"[]", "expected an object"},
      {R"({"instance":"a","instance":"b"})", "instance: stated twice"},
      {R"({"instance":"a"})", "sidecar: expected what to run"},
      {R"({"instance":"a b","sidecar":{"argv":["/x"]}})", "instance: expected letters"},
      {R"({"instance":"a","sidecar":{"argv":["x"]}})", "sidecar.argv: expected an absolute path first"},
      {R"({"instance":"a","sidecar":{"argv":["/x"]},"colour":1})", "colour: not a known member"},
      {R"({"instance":"a","sidecar":{"argv":["/x"],"hello":{"fds":1}}})", "sidecar.hello"},
      {R"({"instance":"a","sidecar":{"argv":["/x"]},"grace_ms":-1})", "grace_ms: expected a number"},
      {R"({"instance":"a","sidecar":{"argv":["/x"]},"grace_ms":4294967296})", "grace_ms: expected a number"},
      {R"({"instance":"a","sidecar":{"argv":["/x"]},"compartment":{"command":["x"]}})", "compartment.ids"},
      {R"({"instance":"a","sidecar":{"argv":["/x"]},"compartment":{"command":[""],"ids":{"mapping":"single"}}})",
       "compartment.command: expected a program"},
      {R"({"instance":"a","sidecar":{"argv":["/x"]},"compartment":{"command":["x"],"ids":{"mapping":"magic"}}})",
       "compartment.ids.mapping"},
      {R"({"instance":"a","sidecar":{"argv":["/x"]},"compartment":{"command":["x"],"ids":{"mapping":"single"},
           "mounts":[{"source":"x","target":"/y"}]}})",
       "compartment.mounts[0]"},
  };
  for (const auto& each : cases) {
    const auto read = parse_spec(each.json);
    ASSERT_FALSE(read) << each.json;
    EXPECT_THAT(read.error().message, testing::HasSubstr(each.message)) << each.json;
  }
}

TEST(SpecTest, ASecretsFileStaysBelowItsDirectory) {
  for (const std::string path : {"", "/etc/passwd", "../x", ".hidden", "a/b/c", "a/../b", "a/.b", "a/"}) {
    const auto read = parse_secrets(to_json(std::vector<SecretFile>{{"x", path, "content", 0400, 0}}));
    ASSERT_FALSE(read) << path;
    EXPECT_THAT(read.error().message, testing::HasSubstr("secrets[0].path")) << path;
  }
}

TEST(SpecTest, ASecretIsAnyOctets) {
  SecretFile file{"x", "x", "", 0400, 0};
  for (int octet = 0; octet < 256; ++octet) file.content += static_cast<char>(octet);
  const auto read = parse_secrets(nlohmann::json::parse(to_json(std::vector{file}).dump()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->front(), file);
  auto other = to_json(std::vector{file});
  for (const char* content : {"\u0100", "\u20ac", ""}) {
    other[0]["content"] = content;
    EXPECT_FALSE(parse_secrets(other)) << content;
  }
}

TEST(SpecTest, MistakesInSecretsAreNamedWithoutAnyContent) {
  const SecretFile good{"x", "x", "content", 0400, 0};
  std::vector<std::pair<SecretFile, const char*>> cases(4, {good, ""});
  cases[0] = {good, "every path once"};
  cases[1].first.mode = 0600, cases[1].second = "secrets[1].mode";
  cases[2].first.signal = 64, cases[2].second = "secrets[1].signal";
  cases[3].first.content.clear(), cases[3].second = "secrets[1].content";
  for (auto& [file, message] : cases) {
    const auto read = parse_secrets(to_json(std::vector<SecretFile>{good, file}));
    ASSERT_FALSE(read) << message;
    EXPECT_THAT(read.error().message, testing::HasSubstr(message));
    EXPECT_EQ(read.error().message.find("content\""), std::string::npos);
  }
  const SecretFile large{"x", "y", std::string(kMostSecretOctets, 'x'), 0400, 0};
  EXPECT_FALSE(parse_secrets(to_json(std::vector<SecretFile>{good, large})));
  EXPECT_TRUE(parse_secrets(to_json(std::vector<SecretFile>{large})));
}

TEST(SpecTest, AServiceNeverIsTheHostsRoot) {
  Spec spec = whole_spec();
  spec.compartment->ids = {IdMapping::direct, 0, 1'900'000'001};
  EXPECT_FALSE(parse_spec(to_json(spec)));
}

}  // namespace
}  // namespace bulkhead::compartments
