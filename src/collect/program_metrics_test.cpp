#include "collect/program_metrics.hpp"

#include <gtest/gtest.h>

#include "collect/protobuf.hpp"

namespace bulkhead::collect {
namespace {

using namespace std::chrono_literals;
using Kind = Family::Kind;

ToldPoint point(std::string name, Kind kind, double value, std::string path = "") {
  ToldPoint told;
  told.name = std::move(name);
  told.kind = kind;
  told.value = value;
  if (!path.empty()) told.attributes = {{"http.route", std::move(path)}};
  return told;
}

constexpr const char* kJson = R"({"resourceMetrics":[{"resource":{},"scopeMetrics":[{"metrics":[
  {"name":"http.server.duration","unit":"ms","description":"How long\nit takes","histogram":{"aggregationTemporality":2,"dataPoints":[
    {"attributes":[{"key":"http.route","value":{"stringValue":"/a\"b"}},{"key":"service","value":{"stringValue":"mine"}}],
     "startTimeUnixNano":"1000","timeUnixNano":"2000","count":"3","sum":12.5,"bucketCounts":["1","2","0"],"explicitBounds":[5,10]}]}},
  {"name":"orders","sum":{"isMonotonic":true,"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[{"asInt":"7"}]}},
  {"name":"queue","sum":{"aggregationTemporality":2,"dataPoints":[{"asInt":"-2"}]}},
  {"name":"load","gauge":{"dataPoints":[{"asDouble":0.5},{"asDouble":1,"flags":1}]}},
  {"name":"since","sum":{"isMonotonic":true,"aggregationTemporality":1,"dataPoints":[{"asInt":"7"},{"asInt":"8"}]}},
  {"name":"quantiles","summary":{"dataPoints":[{}]}}]}]}]})";

TEST(ToldMetrics, OfJsonAreWhatTheySay) {
  auto told = read_otlp_metrics_json(kJson, 100);
  ASSERT_TRUE(told) << told.error().message;
  ASSERT_EQ(told->points.size(), 4U);
  EXPECT_EQ(told->refused, 3U);
  EXPECT_EQ(told->points[0].counts, (std::vector<std::uint64_t>{1, 2, 0}));
  EXPECT_EQ(told->points[0].at_us, 2);
  EXPECT_EQ(told->points[2].kind, Kind::gauge) << "a sum that may fall";
  EXPECT_EQ(told->points[2].value, -2);
  EXPECT_EQ(read_otlp_metrics_json(kJson, 1)->left_out, 4U);
  EXPECT_FALSE(read_otlp_metrics_json("[]", 1));
  EXPECT_FALSE(read_otlp_metrics_json("{", 1));
}

TEST(ToldMetrics, ThatWereWrittenAsProtobufAreReadAsTheyWere) {
  auto told = read_otlp_metrics_json(kJson, 100);
  ASSERT_TRUE(told);
  ProgramMetrics metrics;
  EXPECT_EQ(metrics.take("web", "web-1", std::move(told->points), {}), 0U);
  const auto again = read_otlp_metrics_protobuf(metrics.otlp("shop", net::SteadyTime(-1s)), 100);
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_EQ(again->points.size(), 4U);
  EXPECT_EQ(again->refused, 0U);
  const auto histogram = std::ranges::find(again->points, Kind::histogram, &ToldPoint::kind);
  ASSERT_NE(histogram, again->points.end());
  EXPECT_EQ(histogram->name, "http.server.duration");
  EXPECT_EQ(histogram->unit, "ms");
  EXPECT_EQ(histogram->counts, (std::vector<std::uint64_t>{1, 2, 0}));
  EXPECT_EQ(histogram->bounds, (std::vector<double>{5, 10}));
  EXPECT_EQ(histogram->sum, 12.5);
  EXPECT_EQ(read_otlp_metrics_protobuf(metrics.otlp("shop", net::SteadyTime(-1s)), 1)->left_out, 3U);
}

TEST(ToldMetrics, ThatAreBrokenAreRefused) {
  ProgramMetrics metrics;
  static_cast<void>(metrics.take("web", "web-1", {point("a", Kind::gauge, 1)}, {}));
  const std::string whole = metrics.otlp("shop", net::SteadyTime(-1s));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto told = read_otlp_metrics_protobuf(whole.substr(0, size), 100);
    EXPECT_TRUE(!told || told->points.empty()) << size;
  }
  const auto unsorted = read_otlp_metrics_json(
      R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
          {"count":"1","bucketCounts":["1","0","0"],"explicitBounds":[5,1]},{"count":"1","bucketCounts":["1"],"explicitBounds":[5]},
          {"count":"4"}]}}]}]}]})",
      10);
  ASSERT_TRUE(unsorted);
  EXPECT_EQ(unsorted->refused, 2U);
  ASSERT_EQ(unsorted->points.size(), 1U);
  EXPECT_EQ(unsorted->points[0].counts, (std::vector<std::uint64_t>{4}));
}

TEST(ToldMetrics, ThatAreNoUtf8AreTextAllTheSame) {
  ProgramMetrics metrics;
  static_cast<void>(metrics.take("web", "web-1", {point("a", Kind::gauge, 1, "R")}, {}));
  std::string message = metrics.otlp("shop", net::SteadyTime(-1s));
  message[message.rfind('R')] = '\xe9';
  const auto told = read_otlp_metrics_protobuf(message, 10);
  ASSERT_TRUE(told);
  ASSERT_EQ(told->points.size(), 1U);
  EXPECT_EQ(told->points[0].attributes.at(0).second, "\uFFFD");
}

TEST(ProgramMetrics, AreSentOnceEachTimeThatTheyAreTold) {
  ProgramMetrics metrics;
  static_cast<void>(
      metrics.take("web", "web-1", {point("a", Kind::gauge, 1), point("b", Kind::gauge, 1)}, net::SteadyTime(1s)));
  static_cast<void>(metrics.take("web", "web-1", {point("a", Kind::gauge, 2)}, net::SteadyTime(3s)));
  const auto told = read_otlp_metrics_protobuf(metrics.otlp("shop", net::SteadyTime(2s)), 10);
  ASSERT_TRUE(told);
  ASSERT_EQ(told->points.size(), 1U);
  EXPECT_EQ(told->points[0].value, 2);
  EXPECT_EQ(metrics.otlp("shop", net::SteadyTime(3s)), "");
}

TEST(ProgramMetrics, HaveNamesThatPrometheusCanHave) {
  EXPECT_EQ(prometheus_name("http.server.duration", "ms", Kind::histogram), "http_server_duration_milliseconds");
  EXPECT_EQ(prometheus_name("process.memory", "By", Kind::gauge), "process_memory_bytes");
  EXPECT_EQ(prometheus_name("orders_total", "", Kind::counter), "orders_total");
  EXPECT_EQ(prometheus_name("9 lives!!", "{life}", Kind::counter), "_9_lives__total");
  EXPECT_EQ(prometheus_name("", "", Kind::gauge), "_");
}

TEST(ProgramMetrics, AreTextThatCanBeRead) {
  auto told = read_otlp_metrics_json(kJson, 100);
  ASSERT_TRUE(told);
  ProgramMetrics metrics;
  static_cast<void>(metrics.take("web", "web-1", std::move(told->points), {}));
  std::vector<Family> families;
  metrics.add_families(families);
  const std::string text = prometheus_text(families, MetricsFormat::prometheus);
  const auto has = [&](std::string_view line) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  };
  has("# HELP http_server_duration_milliseconds How long\\nit takes\n# TYPE http_server_duration_milliseconds "
      "histogram\n");
  has("http_server_duration_milliseconds_bucket{service=\"web\",id=\"web-1\",exported_service=\"mine\",http_route=\"/"
      "a\\\"b\",le=\"10.0\"} "
      "3\n");
  has("le=\"+Inf\"} 3\n");
  has("# TYPE orders_total counter\norders_total{service=\"web\",id=\"web-1\"} 7.0\n");
  has("queue{service=\"web\",id=\"web-1\"} -2.0\n");
}

TEST(ProgramMetrics, OfOneNameAndTwoMeaningsAreThoseOfTheFirst) {
  ProgramMetrics metrics;
  static_cast<void>(metrics.take("a", "a-1", {point("x", Kind::gauge, 1), point("x.", Kind::gauge, 2)}, {}));
  static_cast<void>(metrics.take("b", "b-1", {point("x", Kind::histogram, 1)}, {}));
  auto twice = point("y.z", Kind::gauge, 3);
  twice.attributes = {{"a.b", "1"}, {"a_b", "2"}};
  static_cast<void>(metrics.take("b", "b-1", {twice}, {}));
  std::vector<Family> families;
  metrics.add_families(families);
  const std::string text = prometheus_text(families, MetricsFormat::prometheus);
  EXPECT_EQ(text.find("x{service=\"b\""), std::string::npos);
  EXPECT_NE(text.find("y_z{service=\"b\",id=\"b-1\",a_b=\"2\"} 3.0\n"), std::string::npos) << text;
}

TEST(ProgramMetrics, AreBoundedAndForgotten) {
  ProgramMetrics metrics;
  EXPECT_EQ(metrics.take("web", "web-1", {point("bulkhead_requests", Kind::counter, 1)}, {}), 1U);
  std::vector<ToldPoint> many;
  for (int i = 0; i < 2'005; ++i) many.push_back(point("x", Kind::gauge, i, std::to_string(i)));
  EXPECT_EQ(metrics.take("web", "web-1", many, {}), 5U);
  EXPECT_EQ(metrics.take("web", "web-1", {point("x", Kind::gauge, 9, "3")}, net::SteadyTime(4min)), 0U)
      << "a known one";
  EXPECT_EQ(metrics.take("api", "api-1", {point("x", Kind::gauge, 9)}, net::SteadyTime(4min)), 0U);
  metrics.forget(net::SteadyTime(6min));
  EXPECT_EQ(metrics.size(), 2U);
  EXPECT_EQ(metrics.take("web", "web-1", {point("z", Kind::gauge, 1)}, net::SteadyTime(6min)), 0U);
}

}  // namespace
}  // namespace bulkhead::collect
