#include "control/image_config.hpp"

#include <gtest/gtest.h>

namespace bulkhead::control {
namespace {

using Strings = std::vector<std::string>;

constexpr std::string_view kRedis = R"({
  "created": "2024-01-09T00:00:00Z", "architecture": "amd64", "os": "linux",
  "config": {"Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["redis-server"], "Env": ["PATH=/usr/bin", "A=b=c", "E="],
             "WorkingDir": "/data/", "User": "redis:redis", "Volumes": {"/data": {}}, "ExposedPorts": {"6379/tcp": {}}},
  "rootfs": {"type": "layers", "diff_ids": []}, "history": []})";

TEST(ImageConfig, IsReadAsTheSpecificationSays) {
  const auto config = parse_image_config(kRedis);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->command, (Strings{"docker-entrypoint.sh", "redis-server"}));
  EXPECT_EQ(config->environment, (std::map<std::string, std::string>{{"PATH", "/usr/bin"}, {"A", "b=c"}, {"E", ""}}));
  EXPECT_EQ(config->start_in, "/data");
  EXPECT_EQ(config->user, "redis");
  EXPECT_EQ(config->volumes, Strings{"/data"});
  EXPECT_EQ(refusals(*config, "amd64", {}), Strings{});
}

TEST(ImageConfig, WhatIsAbsentHasADefault) {
  for (const char* text : {R"({"os": "linux", "architecture": "amd64"})",
                           R"({"os": "linux", "architecture": "amd64", "config": {"Env": null, "User": ""}})"}) {
    const auto config = parse_image_config(text);
    ASSERT_TRUE(config) << text;
    EXPECT_EQ(config->start_in, "/");
    EXPECT_EQ(config->user, "service");
    EXPECT_TRUE(config->command.empty());
  }
}

TEST(ImageConfig, NobodyIsRootAndANumberIsNoName) {
  const std::pair<const char*, const char*> cases[] = {
      {"root", "service"},         {"0", "service"},   {"0:0", "service"},  {"1001", "service"}, {"node", "node"},
      {"www-data:33", "www-data"}, {"a b", "service"}, {"../x", "service"}, {"x\\ny", "service"}};
  for (const auto& [user, name] : cases) {
    const auto config = parse_image_config(fmt::format(R"({{"config": {{"User": "{}"}}}})", user));
    ASSERT_TRUE(config) << user;
    EXPECT_EQ(config->user, name);
  }
}

TEST(ImageConfig, WhatIsWrongIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([])", "no object"},
      {R"({"config": 1})", "'config'"},
      {R"({"os": 1})", "'os'"},
      {R"({"config": {"Env": ["=x"]}})", "'Env'"},
      {R"({"config": {"Env": ["x"]}})", "'Env'"},
      {R"({"config": {"Cmd": "sh"}})", "'Cmd'"},
      {R"({"config": {"Cmd": ["a\u0000b"]}})", "'Cmd'"},
      {R"({"config": {"Entrypoint": [""]}})", "'Entrypoint'"},
      {R"({"config": {"WorkingDir": "srv"}})", "'WorkingDir'"},
      {R"({"config": {"WorkingDir": "/a/../.."}})", "'WorkingDir'"},
      {R"({"config": {"Volumes": {"data": {}}}})", "'Volumes'"},
      {R"({"config": {"User": "a", "User": "b"}})", "configuration"},
  };
  for (const auto& [text, word] : cases) {
    const auto config = parse_image_config(text);
    ASSERT_FALSE(config) << text;
    EXPECT_NE(config.error().message.find(word), std::string::npos) << config.error().message;
  }
}

TEST(ImageConfig, WhatItAsksBeyondTheWallsIsRefusedByName) {
  const auto config = parse_image_config(
      R"({"os": "windows", "architecture": "arm64", "config": {"Volumes": {"/data": {}, "/var/lib/db/": {}, "/etc/x": {}}}})");
  ASSERT_TRUE(config);
  const auto found = refusals(*config, "amd64", {"/etc/x"});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0], "it is for 'windows', not for linux");
  EXPECT_EQ(found[1], "it is for 'arm64', and this host is 'amd64'");
  EXPECT_NE(found[2].find("a volume at /var/lib/db,"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::control
