#include "collect/live.hpp"

#include <iterator>

#include <nlohmann/json.hpp>

#include "collect/gateway_name.hpp"
#include "policy/model.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

// Upper bounds in microseconds, from a fast answer to a hopeless one.
constexpr std::uint64_t kBounds[] = {500,     1'000,   2'500,   5'000,     10'000,    25'000,    50'000,
                                     100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
constexpr const char* kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

// A label's value (exposition format 0.0.4).
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

void describe(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

double seconds(std::uint64_t micros) { return static_cast<double>(micros) / 1e6; }

}  // namespace

void Events::add(std::string_view kind, const std::string& data) {
  kept_.push_back(std::make_shared<const std::string>(fmt::format("event: {}\ndata: {}\n\n", kind, data)));
  if (kept_.size() > kKept) {
    kept_.pop_front();
    ++first_;
  }
  news_.notify_all();
}

std::shared_ptr<const std::string> Events::at(std::uint64_t number) const {
  return number < first_ || number >= next() ? nullptr : kept_[number - first_];
}

void Live::add(const News& news) {
  for (const Flowed& flowed : news.flowed) {
    for (const Flow& flow : flowed.flows) {
      const EdgeName name{flow.caller_side, flow.caller, flow.callee, flow.port};
      for (Sum* sum : {&total_[name], &since_tick_[name]}) {
        sum->requests += flow.requests;
        sum->errors += flow.errors;
        sum->sent += flow.sent;
        sum->received += flow.received;
        sum->open = flow.open;
        for (std::size_t i = 0; i < std::size(sum->classes); ++i) sum->classes[i] += flow.classes[i];
        sum->latency.merge(flow.latency);
      }
    }
    for (const Attempt& attempt : flowed.attempts) {
      refused_[{attempt.caller, attempt.callee, attempt.reason}] += attempt.count;
      if (is_refusal(attempt.reason)) refused_since_tick_[{attempt.caller, attempt.callee}] += attempt.count;
    }
  }
  for (const std::string& decision : news.decisions)
    events_.add("decision", with_gateway_named(decision, gateway_name_));
}

void Live::tick(std::int64_t now_ms) {
  if (since_tick_.empty() && refused_since_tick_.empty()) return;
  // An edge whose both ends counted is told by its caller's side.
  std::map<std::tuple<std::string, std::string, std::int64_t>, json> edges;
  for (const auto& [name, sum] : since_tick_) {
    const auto& [caller_side, caller, callee, port] = name;
    json edge = {{"from", caller},       {"to", callee},     {"port", port}, {"requests", sum.requests},
                 {"errors", sum.errors}, {"open", sum.open}, {"denied", 0}};
    if (sum.latency.count() > 0) {
      edge["p50_us"] = sum.latency.quantile_micros(0.5);
      edge["p99_us"] = sum.latency.quantile_micros(0.99);
    }
    edges.insert_or_assign({caller, callee, port}, std::move(edge));  // the map has the callee's side first
  }
  json list = json::array();
  for (auto& [name, edge] : edges) {
    const auto refused = refused_since_tick_.find({std::get<0>(name), std::get<1>(name)});
    if (refused != refused_since_tick_.end()) {
      edge["denied"] = refused->second;
      refused_since_tick_.erase(refused);
    }
    list.push_back(std::move(edge));
  }
  for (const auto& [ends, count] : refused_since_tick_)
    list.push_back({{"from", ends.first},
                    {"to", ends.second},
                    {"port", 0},
                    {"requests", 0},
                    {"errors", 0},
                    {"open", 0},
                    {"denied", count}});
  since_tick_.clear();
  refused_since_tick_.clear();
  events_.add("tick", with_gateway_named(json{{"at_ms", now_ms}, {"edges", std::move(list)}}.dump(
                                             -1, ' ', false, json::error_handler_t::replace),
                                         gateway_name_));
}

void Live::application_changed(std::uint64_t version) { events_.add("application", json{{"version", version}}.dump()); }

std::string Live::metrics(const json& application, std::int64_t now_s, std::uint64_t lines) const {
  std::string out;
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
    for (const std::uint64_t bound : kBounds)
      fmt::format_to(at, "bulkhead_request_duration_seconds_bucket{{{},le=\"{}\"}} {}\n", labels(name), seconds(bound),
                     sum.latency.count_up_to(bound));
    fmt::format_to(at, "bulkhead_request_duration_seconds_bucket{{{},le=\"+Inf\"}} {}\n", labels(name),
                   sum.latency.count());
    fmt::format_to(at, "bulkhead_request_duration_seconds_sum{{{}}} {}\n", labels(name),
                   seconds(sum.latency.sum_micros()));
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
  if (!application.is_object()) return out;
  std::string expiry, restarts;
  describe(out, "bulkhead_instances", "gauge", "Instances of a service, by state.");
  for (const json& service : application.value("services", json::array())) {
    const std::string name = label(service.value("name", ""));
    std::map<std::string, int> states;
    for (const json& instance : service.value("instances", json::array())) {
      ++states[instance.value("state", "")];
      const std::string id = label(instance.value("id", ""));
      if (const std::int64_t end = instance.value("not_after", std::int64_t{0}); end != 0)
        fmt::format_to(std::back_inserter(expiry), "bulkhead_certificate_seconds_left{{service=\"{}\",id=\"{}\"}} {}\n",
                       name, id, end - now_s);
      fmt::format_to(std::back_inserter(restarts), "bulkhead_instance_restarts_total{{service=\"{}\",id=\"{}\"}} {}\n",
                     name, id, instance.value("restarts", 0));
    }
    for (const auto& [state, count] : states)
      fmt::format_to(at, "bulkhead_instances{{service=\"{}\",state=\"{}\"}} {}\n", name, label(state), count);
  }
  describe(out, "bulkhead_certificate_seconds_left", "gauge", "Until the certificate of an instance ends.");
  out += expiry;
  describe(out, "bulkhead_instance_restarts_total", "counter", "How often an instance was started again.");
  out += restarts;
  return out;
}

}  // namespace bulkhead::collect
