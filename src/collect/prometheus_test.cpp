#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "collect/live.hpp"

namespace bulkhead::collect {
namespace {

News some_news() {
  News news;
  Flow flow;
  flow.caller_side = true;
  flow.caller = "checkout";
  flow.callee = "payments";
  flow.port = 8080;
  flow.requests = 3;
  flow.classes[2] = 3;
  for (const int us : {700, 900, 30'000'000}) flow.latency.record(std::chrono::microseconds(us));
  Flowed flowed;
  flowed.flows.push_back(flow);
  news.flowed.push_back(flowed);
  telemetry::TraceId trace{};
  trace[15] = 0xab;
  news.shown.push_back({true, "checkout", "payments", 8080, 900, 1'700'000'000'000'900, trace});
  news.shown.push_back({true, "checkout", "payments", 8080, 4'000, 1'700'000'000'000'900, trace});
  return news;
}

TEST(Prometheus, BucketsAreBoundedFromAbove) {
  EXPECT_EQ(bucket_of(-1), 0U);
  EXPECT_EQ(bucket_of(500), 0U);
  EXPECT_EQ(bucket_of(501), 1U);
  EXPECT_EQ(bucket_of(10'000'000), kBuckets - 2);
  EXPECT_EQ(bucket_of(10'000'001), kBuckets - 1);
}

TEST(Prometheus, OpenMetricsHasExemplarsAndAnEnd) {
  net::Loop loop;
  Live live(loop);
  live.add(some_news());
  const std::string text = prometheus_text(live.families(nullptr, 0, 7), MetricsFormat::open_metrics);
  const auto has = [&](std::string_view line) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  };
  has("# TYPE bulkhead_requests counter\n");
  has("bulkhead_requests_total{caller=\"checkout\",callee=\"payments\",port=\"8080\",side=\"caller\",status=\"2xx\"} "
      "3\n");
  has("side=\"caller\",le=\"0.001\"} 2 # {trace_id=\"000000000000000000000000000000ab\"} 0.0009 1700000000.0009\n");
  has("le=\"1.0\"} 2\n");
  has("le=\"+Inf\"} 3\n");
  EXPECT_EQ(text.find(" 0.004 "), std::string::npos) << "of a bucket in which the histogram has nothing";
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(Prometheus, TheOlderFormatHasNeither) {
  net::Loop loop;
  Live live(loop);
  live.add(some_news());
  const std::string text = prometheus_text(live.families(nullptr, 0, 7), MetricsFormat::prometheus);
  EXPECT_NE(text.find("# TYPE bulkhead_requests_total counter\n"), std::string::npos);
  EXPECT_EQ(text.find("trace_id"), std::string::npos);
  EXPECT_EQ(text.find("EOF"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::collect
