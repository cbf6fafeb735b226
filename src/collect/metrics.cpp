#include "collect/metrics.hpp"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "collect/live.hpp"
#include "policy/model.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr const char* kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

}  // namespace

std::size_t bucket_of(std::int64_t us) {
  return static_cast<std::size_t>(
      std::ranges::lower_bound(kBounds, static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0))) -
      std::begin(kBounds));
}

std::string Live::spoken(const std::string& service) const {
  return service == policy::kGateway ? gateway_name_ : service;
}

Labels Live::labels_of(const EdgeName& name) const {
  const auto& [caller_side, caller, callee, port] = name;
  return {{"caller", spoken(caller)},
          {"callee", spoken(callee)},
          {"port", fmt::format("{}", port)},
          {"side", caller_side ? "caller" : "callee"}};
}

Family Live::durations() const {
  Family family{.name = "bulkhead_request_duration_seconds",
                .kind = Family::Kind::histogram,
                .help = "Time until the answer began; until the end where none did."};
  for (const auto& [name, sum] : total_) {
    HistogramSample sample{.labels = labels_of(name)};
    for (const std::uint64_t bound : kBounds) {
      sample.bounds.push_back(static_cast<double>(bound) / 1e6);
      sample.up_to.push_back(sum.latency.count_up_to(bound));
    }
    sample.up_to.push_back(sum.latency.count());
    sample.sum = static_cast<double>(sum.latency.sum_micros()) / 1e6;
    if (const auto exemplars = exemplars_.find(name); exemplars != exemplars_.end()) {
      sample.exemplars.resize(kBuckets);
      for (std::size_t i = 0; i < kBuckets; ++i)
        if (sample.up_to[i] > (i == 0 ? 0 : sample.up_to[i - 1])) sample.exemplars[i] = exemplars->second[i];
    }
    family.histograms.push_back(std::move(sample));
  }
  return family;
}

void Live::add_edges(std::vector<Family>& into) const {
  Family requests{.name = "bulkhead_requests_total",
                  .help = "Requests and raw connections that ended, by edge, side that counted, and class of status."};
  for (const auto& [name, sum] : total_) {
    for (std::size_t i = 0; i < std::size(kClasses); ++i) {
      if (sum.classes[i] == 0) continue;
      Labels labels = labels_of(name);
      labels.emplace_back("status", kClasses[i]);
      requests.samples.push_back({std::move(labels), sum.classes[i]});
    }
  }
  const auto each = [&](const char* name, Family::Kind kind, const char* help, std::int64_t Sum::* value) {
    Family family{.name = name, .kind = kind, .help = help};
    for (const auto& [edge, sum] : total_) family.samples.push_back({labels_of(edge), sum.*value});
    return family;
  };
  into.push_back(std::move(requests));
  into.push_back(each("bulkhead_request_errors_total", Family::Kind::counter,
                      "Requests answered 5xx, failed gRPC calls, broken connections.", &Sum::errors));
  into.push_back(durations());
  into.push_back(
      each("bulkhead_sent_bytes_total", Family::Kind::counter, "Body bytes towards the callee.", &Sum::sent));
  into.push_back(
      each("bulkhead_received_bytes_total", Family::Kind::counter, "Body bytes towards the caller.", &Sum::received));
  into.push_back(
      each("bulkhead_open_requests", Family::Kind::gauge, "Requests and raw connections in flight.", &Sum::open));
  Family denied{.name = "bulkhead_denied_total", .help = "What policy refused, and what nobody declared."};
  for (const auto& [name, count] : refused_)
    denied.samples.push_back(
        {{{"caller", std::get<0>(name)}, {"callee", std::get<1>(name)}, {"reason", std::get<2>(name)}}, count});
  into.push_back(std::move(denied));
}

void Live::add_used(std::vector<Family>& into) const {
  const auto each = [&](const char* name, Family::Kind kind, const char* help, std::int64_t Used::* value) {
    Family family{.name = name, .kind = kind, .help = help};
    for (const auto& [id, used] : used_)
      if (used.*value >= 0) family.samples.push_back({{{"service", spoken(used.service)}, {"id", id}}, used.*value});
    return family;
  };
  into.push_back(each("bulkhead_instance_cpu_seconds_total", Family::Kind::counter,
                      "Processor time of an instance's processes.", &Used::cpu_us));
  into.back().micros = true;
  into.push_back(each("bulkhead_instance_memory_bytes", Family::Kind::gauge,
                      "Memory of an instance's processes, without what could be dropped.", &Used::memory_bytes));
  into.push_back(each("bulkhead_instance_processes", Family::Kind::gauge,
                      "Processes of an instance, with their threads where they have a group.", &Used::pids));
}

namespace {

void add_application(const json& application, std::int64_t now_s, std::vector<Family>& into) {
  Family instances{
      .name = "bulkhead_instances", .kind = Family::Kind::gauge, .help = "Instances of a service, by state."};
  Family memory{.name = "bulkhead_service_memory_limit_bytes",
                .kind = Family::Kind::gauge,
                .help = "What each instance of a service may use."};
  Family expiry{.name = "bulkhead_certificate_seconds_left",
                .kind = Family::Kind::gauge,
                .help = "Until the certificate of an instance ends."};
  Family restarts{.name = "bulkhead_instance_restarts_total", .help = "How often an instance was started again."};
  for (const json& service : application.value("services", json::array())) {
    const std::string name = service.value("name", "");
    std::map<std::string, int> states;
    for (const json& instance : service.value("instances", json::array())) {
      ++states[instance.value("state", "")];
      const Labels labels{{"service", name}, {"id", instance.value("id", "")}};
      if (const std::int64_t until = instance.value("not_after", std::int64_t{0}); until != 0)
        expiry.samples.push_back({labels, until - now_s});
      restarts.samples.push_back({labels, instance.value("restarts", 0)});
    }
    for (const auto& [state, count] : states)
      instances.samples.push_back({{{"service", name}, {"state", state}}, count});
    if (const std::int64_t limit = service.value("limits", json::object()).value("memory_bytes", std::int64_t{0});
        limit > 0)
      memory.samples.push_back({{{"service", name}}, limit});
  }
  for (Family* family : {&instances, &memory, &expiry, &restarts}) into.push_back(std::move(*family));
}

}  // namespace

std::vector<Family> Live::families(const json& application, std::int64_t now_s, std::uint64_t lines) const {
  std::vector<Family> all;
  add_edges(all);
  all.push_back({.name = "bulkhead_collector_lines_total",
                 .help = "Lines of records that this collector has read.",
                 .samples = {{{}, static_cast<std::int64_t>(lines)}},
                 .histograms = {}});
  add_used(all);
  if (application.is_object()) add_application(application, now_s, all);
  return all;
}

}  // namespace bulkhead::collect
