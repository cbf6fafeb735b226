// What Prometheus asks for: its text format (0.0.4), or OpenMetrics 1.0, which has exemplars.

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "collect/live.hpp"
#include "policy/model.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr const char* kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

// A label's value, in both formats alike.
std::string label(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

// Seconds, with a point: so both formats, and all versions of Prometheus, call a bucket the same.
std::string seconds(std::int64_t micros) {
  std::string text = fmt::format("{}", static_cast<double>(micros) / 1e6);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::size_t bucket_of(std::int64_t us) {
  return static_cast<std::size_t>(
      std::ranges::lower_bound(kBounds, static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0))) -
      std::begin(kBounds));
}

std::string Live::metrics(const json& application, std::int64_t now_s, std::uint64_t lines,
                          MetricsFormat format) const {
  std::string out;
  const bool open_metrics = format == MetricsFormat::open_metrics;
  const auto describe = [&](std::string& into, std::string_view name, std::string_view type, std::string_view help) {
    // OpenMetrics names a counter's family without what its samples end in.
    if (open_metrics && type == "counter") name.remove_suffix(std::string_view("_total").size());
    fmt::format_to(std::back_inserter(into), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  };
  auto at = std::back_inserter(out);
  const auto spoken = [&](const std::string& service) {
    return label(service == policy::kGateway ? gateway_name_ : service);
  };
  const auto labels = [&](const EdgeName& name) {
    const auto& [caller_side, caller, callee, port] = name;
    return fmt::format(R"(caller="{}",callee="{}",port="{}",side="{}")", spoken(caller), spoken(callee), port,
                       caller_side ? "caller" : "callee");
  };
  describe(out, "bulkhead_requests_total", "counter",
           "Requests and raw connections that ended, by edge, side that counted, and class of status.");
  for (const auto& [name, sum] : total_)
    for (std::size_t i = 0; i < std::size(kClasses); ++i)
      if (sum.classes[i] != 0)
        fmt::format_to(at, "bulkhead_requests_total{{{},status=\"{}\"}} {}\n", labels(name), kClasses[i],
                       sum.classes[i]);
  describe(out, "bulkhead_request_errors_total", "counter",
           "Requests answered 5xx, failed gRPC calls, broken connections.");
  for (const auto& [name, sum] : total_)
    fmt::format_to(at, "bulkhead_request_errors_total{{{}}} {}\n", labels(name), sum.errors);
  describe(out, "bulkhead_request_duration_seconds", "histogram",
           "Time until the answer began; until the end where none did.");
  for (const auto& [name, sum] : total_) {
    const auto exemplars = exemplars_.find(name);
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const bool last = i + 1 == kBuckets;
      const std::uint64_t count = last ? sum.latency.count() : sum.latency.count_up_to(kBounds[i]);
      fmt::format_to(at, "bulkhead_request_duration_seconds_bucket{{{},le=\"{}\"}} {}", labels(name),
                     last ? "+Inf" : seconds(static_cast<std::int64_t>(kBounds[i])), count);
      const auto* exemplar = exemplars == exemplars_.end() ? nullptr : &exemplars->second[i];
      if (open_metrics && exemplar && exemplar->us >= 0 && count > before)
        fmt::format_to(at, " # {{trace_id=\"{}\"}} {} {}", telemetry::hex(exemplar->trace), seconds(exemplar->us),
                       seconds(exemplar->at_us));
      out += '\n';
      before = count;
    }
    fmt::format_to(at, "bulkhead_request_duration_seconds_sum{{{}}} {}\n", labels(name),
                   seconds(static_cast<std::int64_t>(sum.latency.sum_micros())));
    fmt::format_to(at, "bulkhead_request_duration_seconds_count{{{}}} {}\n", labels(name), sum.latency.count());
  }
  describe(out, "bulkhead_sent_bytes_total", "counter", "Body bytes towards the callee.");
  for (const auto& [name, sum] : total_)
    fmt::format_to(at, "bulkhead_sent_bytes_total{{{}}} {}\n", labels(name), sum.sent);
  describe(out, "bulkhead_received_bytes_total", "counter", "Body bytes towards the caller.");
  for (const auto& [name, sum] : total_)
    fmt::format_to(at, "bulkhead_received_bytes_total{{{}}} {}\n", labels(name), sum.received);
  describe(out, "bulkhead_open_requests", "gauge", "Requests and raw connections in flight.");
  for (const auto& [name, sum] : total_)
    fmt::format_to(at, "bulkhead_open_requests{{{}}} {}\n", labels(name), sum.open);
  describe(out, "bulkhead_denied_total", "counter", "What policy refused, and what nobody declared.");
  for (const auto& [name, count] : refused_)
    fmt::format_to(at, "bulkhead_denied_total{{caller=\"{}\",callee=\"{}\",reason=\"{}\"}} {}\n",
                   label(std::get<0>(name)), label(std::get<1>(name)), label(std::get<2>(name)), count);
  describe(out, "bulkhead_collector_lines_total", "counter", "Lines of records that this collector has read.");
  fmt::format_to(at, "bulkhead_collector_lines_total {}\n", lines);
  const auto used = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    std::string samples;
    for (const auto& [id, each] : used_)
      if (const std::string text = value(each); !text.empty())
        fmt::format_to(std::back_inserter(samples), "{}{{service=\"{}\",id=\"{}\"}} {}\n", name, spoken(each.service),
                       label(id), text);
    if (samples.empty()) return;
    describe(out, name, type, help);
    out += samples;
  };
  const auto count_of = [](std::int64_t value) { return value < 0 ? std::string() : fmt::format("{}", value); };
  used("bulkhead_instance_cpu_seconds_total", "counter", "Processor time of an instance's processes.",
       [](const Used& each) { return each.cpu_us < 0 ? std::string() : seconds(each.cpu_us); });
  used("bulkhead_instance_memory_bytes", "gauge", "Memory of an instance's processes, without what could be dropped.",
       [&](const Used& each) { return count_of(each.memory_bytes); });
  used("bulkhead_instance_processes", "gauge", "Processes of an instance, with their threads where they have a group.",
       [&](const Used& each) { return count_of(each.pids); });
  const auto end = [&] {
    if (open_metrics) out += "# EOF\n";
    return std::move(out);
  };
  if (!application.is_object()) return end();
  std::string expiry, restarts;
  describe(out, "bulkhead_instances", "gauge", "Instances of a service, by state.");
  for (const json& service : application.value("services", json::array())) {
    const std::string name = label(service.value("name", ""));
    std::map<std::string, int> states;
    for (const json& instance : service.value("instances", json::array())) {
      ++states[instance.value("state", "")];
      const std::string id = label(instance.value("id", ""));
      if (const std::int64_t until = instance.value("not_after", std::int64_t{0}); until != 0)
        fmt::format_to(std::back_inserter(expiry), "bulkhead_certificate_seconds_left{{service=\"{}\",id=\"{}\"}} {}\n",
                       name, id, until - now_s);
      fmt::format_to(std::back_inserter(restarts), "bulkhead_instance_restarts_total{{service=\"{}\",id=\"{}\"}} {}\n",
                     name, id, instance.value("restarts", 0));
    }
    for (const auto& [state, count] : states)
      fmt::format_to(at, "bulkhead_instances{{service=\"{}\",state=\"{}\"}} {}\n", name, label(state), count);
  }
  std::string memory;
  for (const json& service : application.value("services", json::array()))
    if (const std::int64_t limit = service.value("limits", json::object()).value("memory_bytes", std::int64_t{0});
        limit > 0)
      fmt::format_to(std::back_inserter(memory), "bulkhead_service_memory_limit_bytes{{service=\"{}\"}} {}\n",
                     label(service.value("name", "")), limit);
  if (!memory.empty())
    describe(out, "bulkhead_service_memory_limit_bytes", "gauge", "What each instance of a service may use.");
  out += memory;
  describe(out, "bulkhead_certificate_seconds_left", "gauge", "Until the certificate of an instance ends.");
  out += expiry;
  describe(out, "bulkhead_instance_restarts_total", "counter", "How often an instance was started again.");
  out += restarts;
  return end();
}

}  // namespace bulkhead::collect
