#include "manifest/parse.hpp"

#include <gmock/gmock.h>

namespace bulkhead::manifest {
namespace {

Application parsed(std::string_view text, ParseOptions options = {}) {
  Parsed result = parse(text, options);
  EXPECT_EQ(render(result.mistakes), "");
  return result.application.value_or(Application{});
}

TEST(Parse, FillsInEveryDefault) {
  Application app =
      parsed("app: shop\nservices:\n  web: {command: [./web], port: 8080}\ngateway: {routes: [{to: web}]}\n");
  EXPECT_EQ(app.name, "shop");
  EXPECT_EQ(app.trust_domain, "shop.bulkhead");
  EXPECT_EQ(app.svid_ttl, std::chrono::hours(1));
  ASSERT_EQ(app.services.size(), 1U);
  const Service& web = app.services[0];
  EXPECT_EQ(web.dir, ".");
  EXPECT_EQ(web.scale, 1U);
  EXPECT_EQ(web.stop_grace, std::chrono::seconds(10));
  EXPECT_EQ(to_string(web.position), "bulkhead.yaml:3:3");
  ASSERT_TRUE(web.healthcheck);
  EXPECT_TRUE(web.healthcheck->guessed);
  EXPECT_EQ(web.healthcheck->kind, Healthcheck::Kind::http);
  EXPECT_EQ(web.healthcheck->port, Port{8080});
  ASSERT_TRUE(app.gateway);
  EXPECT_EQ(app.gateway->listen[0].host, "127.0.0.1");
  EXPECT_EQ(app.gateway->listen[0].port, Port{8443});
  EXPECT_TRUE(app.gateway->routes[0].match.path.matches_everything());
  EXPECT_EQ(app.gateway->routes[0].port, Port{8080});
}

TEST(Parse, ResolvesCallsToPortsAndPermissions) {
  Application app = parsed(R"(
app: shop
services:
  web:
    command: ./web --color "sea green"
    calls:
      all:
      some: {port: rpc, allow: [shop.Cart/Get], at: "localhost:4001"}
      http: [GET /items/*, "POST|PUT /items"]
    egress: {mail: "https://API.Mail.Example", db: "tcp://[2001:db8::1]:5432", plain: "http://x.example:8081"}
  all: {command: [./all], ports: [8080, 9090]}
  some: {command: [./some], ports: {web: 8080, rpc: {number: 50051, protocol: grpc}}}
  http: {command: [./http], port: 8080}
)");
  const Service& web = *app.service("web");
  EXPECT_THAT(web.command, testing::ElementsAre("./web", "--color", "sea green"));
  EXPECT_FALSE(web.healthcheck);
  EXPECT_THAT(web.call("all")->ports, testing::ElementsAre(Port{8080}, Port{9090}));
  EXPECT_THAT(web.call("some")->ports, testing::ElementsAre(Port{50051}));
  EXPECT_EQ(web.call("some")->permissions[0].path.text(), "/shop.Cart/Get");
  EXPECT_EQ(web.call("some")->at->port, Port{4001});
  EXPECT_EQ(web.call("http")->permissions.size(), 2U);
  EXPECT_EQ(to_string(web.call("http")->permissions[1].position), "bulkhead.yaml:9:28");
  EXPECT_EQ(web.egress[0].host, "api.mail.example");
  EXPECT_EQ(web.egress[0].port, Port{443});
  EXPECT_EQ(web.egress[1].host, "2001:db8::1");
  EXPECT_TRUE(web.egress[1].is_address);
  EXPECT_EQ(web.egress[2].port, Port{8081});
}

TEST(Parse, KeepsInactiveServicesOutUnlessTheirProfileIsActive) {
  std::string_view text = "app: a\nservices:\n  web: {command: [./w]}\n  debug: {command: [./d], profiles: [debug]}\n";
  Application without = parsed(text);
  EXPECT_EQ(without.services.size(), 1U);
  EXPECT_THAT(without.inactive, testing::ElementsAre("debug"));
  EXPECT_EQ(parsed(text, {.profiles = {"debug"}}).services.size(), 2U);
  EXPECT_EQ(parsed(text, {.profiles = {"*"}}).services.size(), 2U);
}

TEST(Parse, LetsEnvironmentWinOverEnvFile) {
  ParseOptions options;
  options.read_env_file = [](const std::string& path) -> Result<std::string> { return "A=file\nB=" + path + "\n"; };
  Application app =
      parsed("app: a\nservices:\n  w: {command: [./w], env_file: x.env, environment: {A: here, C: 010}}\n", options);
  std::string all;
  for (const Variable& variable : app.services[0].environment) all += variable.name + "=" + variable.value + ";";
  EXPECT_EQ(all, "A=here;B=x.env;C=010;");
}

TEST(Parse, CountsColumnsInCharacters) {
  Parsed result = parse("app: a\nservices:\n  w: {owner: \"\u00fc\u4e16\", command: [./w], prot: 1}\n");
  ASSERT_EQ(result.mistakes.size(), 1U);
  EXPECT_EQ(result.mistakes[0].position.column, 36);
}

TEST(Parse, ShowsNoEnvironmentValueInAnyMistake) {
  Parsed result = parse(R"(app: a
services:
  w:
    command: [./w]
    environment: {"üüüüüüüüüü": hunter2, A: "hunter2", B: [hunter2], 9C: hunter2, D: hunter2$}
    environmnt: {A: hunter2}
    env: {A: hunter2}
  v:
    command: [./v]
    environment: ["hunter2", "A=hunter2$", "9=hunter2"]
)");
  EXPECT_GE(result.mistakes.size(), 8U);
  EXPECT_EQ(render(result.mistakes).find("hunter2"), std::string::npos) << render(result.mistakes);
}

TEST(Parse, NeverCrashesOnHostileText) {
  std::vector<std::string> texts{"",
                                 std::string(1, '\0'),
                                 "\xff\xfe",
                                 "\xef\xbb\xbf"
                                 "app: x",
                                 "&a *a",
                                 "*a",
                                 "? ? ?",
                                 "- - - -",
                                 "!!!",
                                 "%YAML 9",
                                 "<<: *x",
                                 "{",
                                 "}",
                                 "[",
                                 "]]",
                                 "'",
                                 "\"",
                                 "|",
                                 ">",
                                 ":",
                                 "-",
                                 "?",
                                 "&",
                                 "*",
                                 "@",
                                 "`",
                                 "app: &a [*a]",
                                 std::string(2U << 20U, 'a'),
                                 std::string(5000, '['),
                                 std::string(5000, '{'),
                                 std::string(5000, '-')};
  std::string keys = "app: a\nservices:\n";
  for (int i = 0; i < 5000; ++i) keys += "  s" + std::to_string(i) + ": {command: [x]}\n";
  texts.push_back(keys);
  for (const std::string& text : texts) {
    Parsed result = parse(text);
    EXPECT_NE(result.application.has_value(), !result.mistakes.empty());
    render(result.mistakes);
  }
}

TEST(Gateway, ChoosesTheMostSpecificRoute) {
  Application app = parsed(R"(
app: a
services: {w: {command: [./w], port: 80}}
gateway:
  routes:
    - {match: {path: /*}, to: w}
    - {match: {path: /api/*}, to: w, rewrite: /}
    - {match: {path: /api/*, methods: [POST]}, to: w}
    - {match: {path: /api/health}, to: w, rewrite: /status}
    - {match: {host: shop.example, path: /*}, to: w, rewrite: /v2}
)");
  const Gateway& gateway = *app.gateway;
  auto chosen = [&](std::string_view host, std::string_view method, std::string_view path) -> long {
    const Route* route = choose(gateway, host, method, path);
    return route ? route - gateway.routes.data() : -1;
  };
  EXPECT_EQ(chosen("x", "GET", "/"), 0);
  EXPECT_EQ(chosen("x", "GET", "/api/a"), 1);
  EXPECT_EQ(chosen("x", "POST", "/api/a"), 2);
  EXPECT_EQ(chosen("x", "POST", "/api/health"), 3);
  EXPECT_EQ(chosen("SHOP.example", "POST", "/api/health"), 4);
  EXPECT_EQ(chosen("x", "GET", "/a//b"), -1);
  EXPECT_EQ(rewrite_path(gateway.routes[0], "/a"), "/a");
  EXPECT_EQ(rewrite_path(gateway.routes[1], "/api/a/b"), "/a/b");
  EXPECT_EQ(rewrite_path(gateway.routes[1], "/api/"), "/");
  EXPECT_EQ(rewrite_path(gateway.routes[3], "/api/health"), "/status");
  EXPECT_EQ(rewrite_path(gateway.routes[4], "/a"), "/v2/a");
  EXPECT_EQ(rewritten_pattern(gateway.routes[1]).text(), "/*");
  EXPECT_EQ(rewritten_pattern(gateway.routes[4]).text(), "/v2/*");
}

}  // namespace
}  // namespace bulkhead::manifest
