#pragma once

// What programs measure of themselves, as they told it last: in memory, as Prometheus or a backend keeps its history.
// Loop's thread.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collect/metrics.hpp"
#include "collect/told_metrics.hpp"
#include "net/deadline.hpp"

namespace bulkhead::collect {

class ProgramMetrics {
 public:
  static constexpr std::size_t kMostOfService = 2'000;  // series
  static constexpr std::size_t kMost = 20'000;

  // How many were not taken: there are too many series, or their name is one of the platform's.
  std::size_t take(const std::string& service, const std::string& instance, std::vector<ToldPoint> points,
                   net::SteadyTime now);
  // What was not told again for five minutes is gone.
  void forget(net::SteadyTime now);

  // Under names that Prometheus can have (OpenTelemetry's "Compatibility: Prometheus"), each with its `service` and the
  // instance's `id`. Where two programs mean different things by one name, the first one's are shown.
  void add_families(std::vector<Family>& into) const;
  // To be appended to an ExportMetricsServiceRequest: those that were told after `since`, as they were told, below the
  // resource of their instance.
  std::string otlp(const std::string& app, net::SteadyTime since) const;
  std::size_t size() const { return series_.size(); }

 private:
  struct Series {
    std::string service, instance;
    ToldPoint point;
    net::SteadyTime told{};
  };
  std::map<std::string, Series, std::less<>> series_;  // by whose it is, name and attributes
  std::map<std::string, std::size_t, std::less<>> of_service_;
  net::SteadyTime looked_{};
};

// "http.server.duration" in "ms" → "http_server_duration_milliseconds"; of counters with "_total".
std::string prometheus_name(std::string_view name, std::string_view unit, Family::Kind kind);

}  // namespace bulkhead::collect
