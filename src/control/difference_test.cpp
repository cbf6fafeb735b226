#include "control/difference.hpp"

#include <gtest/gtest.h>

#include "control/desired.hpp"
#include "control/launch.hpp"

namespace bulkhead::control {
namespace {

manifest::Application application(const std::string& text) {
  Desired desired;
  desired.file = "bulkhead.yaml";
  desired.text = text;
  auto loaded = load(desired);
  EXPECT_TRUE(loaded) << (loaded ? "" : manifest::render(loaded.error().mistakes));
  return loaded ? std::move(loaded->application) : manifest::Application();
}

std::string text_of(const std::vector<Change>& all) {
  std::string text;
  for (const Change& each : all)
    text += fmt::format("{} {}: '{}' -> '{}'\n", each.subject, each.key, each.before, each.after);
  return text;
}

constexpr const char* kBefore = R"(app: shop
operators: {viewer: support}
services:
  web:
    command: [./web]
    port: 8080
    environment: {THEME: secret, LEVEL: info}
    limits: {memory: 64MiB}
    calls: {api: {allow: [GET /x], timeout: 2s}, old: [GET /*]}
  api: {command: [./api], port: 8080}
  old: {command: [./old], port: 8080}
gateway: {routes: [{to: web}]}
)";
constexpr const char* kAfter = R"(app: shop
operators: {viewer: [support, 4000]}
debug: {exec: false}
services:
  web:
    command: [./web, --fast]
    port: 8080
    scale: 2
    environment: {THEME: other, MORE: "1"}
    calls: {api: {allow: [GET /x, POST /y], timeout: 2s, retries: 2}, new: [GET /*]}
  api: {command: [./api], port: 8080}
  new: {command: [./new], port: 8080, owner: team new}
gateway: {routes: [{to: web, timeout: 3s}]}
)";

TEST(Difference, IsToldInTheManifestsWordsAndWithoutValuesOfTheEnvironment) {
  const auto before = application(kBefore);
  EXPECT_EQ(text_of(changes(&before, application(kAfter))),
            "web calls.api.allow: '[GET /x]' -> '[GET /x, POST /y]'\n"
            "web calls.api.retries: '' -> 'max 2, on [], unsafe false, per_try 0s, backoff 25ms to 250ms, budget 20%'\n"
            "web calls.new.allow: '' -> '[GET /*]'\n"
            "web calls.new.port: '' -> '[8080]'\n"
            "web calls.old.allow: '[GET /*]' -> ''\n"
            "web calls.old.port: '[8080]' -> ''\n"
            "web command: '[./web]' -> '[./web, --fast]'\n"
            "web debug.exec: '' -> 'false'\n"
            "web environment.LEVEL: '(not shown)' -> ''\n"
            "web environment.MORE: '' -> '(not shown)'\n"
            "web environment.THEME: '(not shown)' -> '(not shown)'\n"
            "web limits.memory: '64MiB' -> ''\n"
            "web scale: '1' -> '2'\n"
            "api debug.exec: '' -> 'false'\n"
            "new : '' -> 'declared'\n"
            "old : 'declared' -> ''\n"
            "gateway routes[0].timeout: '' -> '3s'\n"
            "shop operators.viewer: 'support' -> 'support, 4000'\n");
  EXPECT_TRUE(changes(&before, before).empty());
  EXPECT_EQ(changes(nullptr, before).size(), 4U);
}

TEST(Difference, SaysWhatHappensToInstances) {
  const auto goal = [](std::string service, std::string revision, int scale) {
    Goal made;
    made.service = std::move(service);
    made.revision = std::move(revision);
    made.scale = scale;
    return made;
  };
  const std::map<std::string, Goal> before{{"web", goal("web", "r1", 1)},
                                           {"api", goal("api", "r1", 2)},
                                           {"old", goal("old", "r1", 1)},
                                           {"same", goal("same", "r1", 1)},
                                           {"told", goal("told", "r1", 1)}};
  const std::vector<Goal> after{goal("web", "r2", 3), goal("api", "r1", 1), goal("new", "r1", 1), goal("same", "r1", 1),
                                goal("told", "r1", 1)};
  std::string text;
  for (const Effect& each : effects(before, after, {{"told", "owner", "a", "b"}}))
    text += fmt::format("{} {} {} {}\n", each.subject, to_string(each.kind), each.before, each.after);
  EXPECT_EQ(text, "web replace 1 3\napi scale 2 1\nnew start 0 1\ntold none 1 1\nold stop 1 0\n");
}

TEST(LoadWith, RefusesAServiceWhoseCalleeIsGone) {
  Desired desired;
  desired.file = "bulkhead.yaml";
  desired.text = kAfter;
  const auto before = application(kBefore);
  const auto refused = load_with(desired, {*before.service("web")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "'web' called 'old', which is not there any more");
  const auto taken = load_with(desired, {*before.service("api")});
  ASSERT_TRUE(taken) << taken.error().message;
}

}  // namespace
}  // namespace bulkhead::control
