#pragma once

// What flows now: for those who look on, and for Prometheus. Nothing here depends on the store or on sampling. Loop's
// thread.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include <nlohmann/json_fwd.hpp>

#include "collect/intake.hpp"
#include "collect/metrics.hpp"
#include "net/event.hpp"
#include "telemetry/histogram.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::collect {

// Server-sent events, numbered; the last ones are kept for readers that are behind.
class Events {
 public:
  explicit Events(net::Loop& loop) : news_(loop) {}
  void add(std::string_view kind, const std::string& data);
  std::uint64_t next() const { return first_ + kept_.size(); }
  // Null: it is gone, or not there yet.
  std::shared_ptr<const std::string> at(std::uint64_t number) const;
  net::Notify& news() { return news_; }
  void wake_all() { news_.notify_all(); }

 private:
  static constexpr std::size_t kKept = 512;
  std::uint64_t first_ = 0;
  std::deque<std::shared_ptr<const std::string>> kept_;
  net::Notify news_;
};

class Live {
 public:
  explicit Live(net::Loop& loop) : events_(loop) {}

  void add(const News& news);
  // Sends what came since the last one, if anything did.
  void tick(std::int64_t now_ms);
  void application_changed(std::uint64_t version);
  // What the controller says that instances use: {"at_ms","instances":{"checkout-1":{"service","cpu_us","memory_bytes",
  // "pids"}}}, now and then. Anything else is left out.
  void take_usage(const nlohmann::json& message);
  // As docs/api.md has it.
  nlohmann::json usage() const;
  // What the gateway is called to those who look on.
  void set_gateway_name(std::string name) { gateway_name_ = std::move(name); }
  Events& events() { return events_; }

  // `application` is that of docs/api.md, or null.
  std::vector<Family> families(const nlohmann::json& application, std::int64_t now_s, std::uint64_t lines) const;

 private:
  using EdgeName = std::tuple<bool, std::string, std::string, std::int64_t>;  // caller's side, caller, callee, port
  struct Sum {
    std::int64_t requests = 0, errors = 0, sent = 0, received = 0, open = 0;
    std::int64_t classes[6] = {};
    telemetry::Histogram latency;
  };
  struct Used {
    std::string service;
    std::int64_t cpu_us = -1, memory_bytes = -1, pids = -1;  // -1: nobody can tell
    double cpu = -1;                                         // processors, since the time before
  };
  using Refused = std::tuple<std::string, std::string, std::string>;  // caller, callee, reason

  std::string spoken(const std::string& service) const;
  Labels labels_of(const EdgeName& name) const;
  Family durations() const;
  void add_edges(std::vector<Family>& into) const;
  void add_used(std::vector<Family>& into) const;

  std::map<EdgeName, Sum> total_;
  std::map<EdgeName, Sum> since_tick_;
  std::map<EdgeName, Exemplars> exemplars_;  // the newest of each bucket
  std::map<std::string, Used> used_;         // by instance
  std::int64_t used_at_ms_ = 0;
  std::map<Refused, std::int64_t> refused_;
  std::map<std::pair<std::string, std::string>, std::int64_t> refused_since_tick_;
  std::string gateway_name_ = "gateway";
  Events events_;
};

}  // namespace bulkhead::collect
