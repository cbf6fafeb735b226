#include "manifest/resilience.hpp"

#include <gmock/gmock.h>

#include "manifest/parse.hpp"
#include "manifest/warnings.hpp"

namespace bulkhead::manifest {
namespace {

using testing::ElementsAre;

Application parsed(const std::string& text) {
  Parsed result = parse(text);
  EXPECT_EQ(render(result.mistakes), "");
  return result.application.value_or(Application{});
}

// The resilience of the only call of `web`, whose keys are `written`.
Resilience call_with(const std::string& written) {
  Application app = parsed("app: a\nservices:\n  web: {command: [./web], calls: {api: {" + written +
                           "}}}\n  api: {command: [./api], port: 80}\n");
  return app.service("web") ? app.service("web")->call("api")->resilience : Resilience{};
}

TEST(Resilience, IsTheDefaultWhereNothingIsWritten) {
  EXPECT_EQ(call_with(""), Resilience{});
  EXPECT_EQ(call_with("retries: {}, outliers: {}, breaker: off"), Resilience{});
  Application app = parsed("app: a\nservices: {w: {command: [./w], port: 80}}\ngateway: {routes: [{to: w}]}\n");
  EXPECT_EQ(app.gateway->routes[0].resilience, Resilience{});
  EXPECT_EQ(app.services[0].concurrency, Concurrency{});
}

TEST(Resilience, TakesEveryNumberAsItIsWritten) {
  Resilience all = call_with(
      "timeout: 2s, slow_start: 0s,"
      "retries: {max: 3, on: [429, 500, 429], unsafe: true, per_try: 500ms, backoff: 10ms, most_backoff: 1s, budget: "
      "5%},"
      "breaker: {errors: 25%, requests: 7, over: 3s, open: 4s}, outliers: {failures: 2, eject: 6s, most: 10%}");
  EXPECT_EQ(all.timeout, Duration(2000));
  EXPECT_EQ(all.slow_start, Duration(0));
  EXPECT_EQ(all.retries, (Retries{3, {429, 500}, true, Duration(500), Duration(10), Duration(1000), Share{500}}));
  EXPECT_EQ(all.breaker, (Breaker{Share{2500}, 7, Duration(3000), Duration(4000)}));
  EXPECT_EQ(all.outliers, (Outliers{2, Duration(6000), Share{1000}}));
}

TEST(Resilience, HasShortForms) {
  EXPECT_EQ(call_with("retries: 3").retries.max, 3U);
  EXPECT_EQ(call_with("retries: 0").retries.max, 0U);
  EXPECT_EQ(call_with("retries: off").retries.max, 0U);
  EXPECT_THAT(call_with("retries: {on: 503}").retries.on, ElementsAre(503));
  EXPECT_EQ(call_with("breaker: on").breaker, Breaker{});
  EXPECT_EQ(call_with("breaker: {}").breaker, Breaker{});
  EXPECT_EQ(call_with("outliers: off").outliers.failures, 0U);
}

TEST(Resilience, LetsTheBackoffAloneRaiseWhatItGrowsTo) {
  EXPECT_EQ(call_with("retries: {backoff: 1s}").retries.most_backoff, Duration(1000));
  EXPECT_EQ(call_with("retries: {backoff: 1ms}").retries.most_backoff, Duration(250));
}

TEST(Resilience, HasAnswersFaultsAndHeaders) {
  Resilience all = call_with(
      "fallback: {status: 200, type: application/json, body: '[]'},"
      "faults: [{delay: 200ms, share: 5%, headers: {X-Test: slow, x-n: 1}}, {abort: 503}]");
  EXPECT_EQ(all.fallback, (Fallback{200, "application/json", "[]", "", {}}));
  EXPECT_THAT(all.faults, ElementsAre(FaultInjection{Duration(200), 0, Share{500}, {{"x-test", "slow"}, {"x-n", "1"}}},
                                      FaultInjection{std::nullopt, 503, Share{10'000}, {}}));
  EXPECT_EQ(call_with("fallback: {status: 503, body: later}").fallback->content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(call_with("fallback: {status: 204}").fallback->content_type, "");
}

constexpr std::string_view kDetours = R"(app: a
services:
  web:
    command: [./web]
    calls:
      api: {port: rpc, split: [{to: next, share: 10%}, {to: "next:7", headers: {x-a: b}}], fallback: {to: "next:last"}}
      next:
  api: {command: [./api], ports: {web: 80, rpc: {number: 5, protocol: grpc}}}
  next: {command: [./next], protocol: grpc, ports: {web: {number: 80, protocol: http}, one: 6, two: 7, last: 8}}
  static: {command: [./static], ports: {raw: {number: 9, protocol: tcp}, web: 80}}
gateway:
  routes: [{to: "api:web", split: [{to: next, share: 1%}], fallback: {to: static}}]
)";

TEST(Resilience, LeadsToPortsOfTheSameProtocol) {
  Application app = parsed(std::string(kDetours));
  const Resilience& call = app.service("web")->call("api")->resilience;
  EXPECT_THAT(call.split, ElementsAre(Split{"next", Port{6}, Share{1000}, {}},
                                      Split{"next", Port{7}, Share{10'000}, {{"x-a", "b"}}}));
  EXPECT_EQ(call.fallback, (Fallback{0, "", "", "next", Port{8}}));
  const Resilience& route = app.gateway->routes[0].resilience;
  EXPECT_THAT(route.split, ElementsAre(Split{"next", Port{80}, Share{100}, {}}));
  EXPECT_EQ(route.fallback, (Fallback{0, "", "", "static", Port{80}}));
}

TEST(Resilience, CountsARoutesSplitAndFallbackAsCalls) {
  Application app = parsed(std::string(kDetours));
  EXPECT_EQ(render(warnings(app, kDetours)), "");
}

TEST(Resilience, CountsTheServicesOwnConcurrency) {
  Application app = parsed(
      "app: a\nservices:\n  a: {command: [./a], port: 80, concurrency: 64}\n"
      "  b: {command: [./b], port: 80, concurrency: {max: 8, per_caller: 2, queue: 0}}\n");
  EXPECT_EQ(app.services[0].concurrency, (Concurrency{64, 0, 1024}));
  EXPECT_EQ(app.services[1].concurrency, (Concurrency{8, 2, 0}));
}

}  // namespace
}  // namespace bulkhead::manifest
