#include "collect/live.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

#include "collect/gateway_name.hpp"
#include "policy/model.hpp"

namespace bulkhead::collect {

using nlohmann::json;

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
  for (const Shown& shown : news.shown) {
    Exemplars& exemplars = exemplars_[{shown.caller_side, shown.caller, shown.callee, shown.port}];
    if (shown.us >= 0) exemplars[bucket_of(shown.us)] = {shown.trace, shown.us, shown.at_us};
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

void Live::take_usage(const json& message) {
  const json instances = message.value("instances", json::object());
  const std::int64_t at_ms = message.value("at_ms", std::int64_t{0}), passed = at_ms - used_at_ms_;
  std::map<std::string, Used> next;
  for (const auto& [id, said] : instances.items()) {
    if (!said.is_object()) continue;
    Used& used = next[id];
    used.service = said.value("service", "");
    used.cpu_us = said.value("cpu_us", std::int64_t{-1});
    used.memory_bytes = said.value("memory_bytes", std::int64_t{-1});
    used.pids = said.value("pids", std::int64_t{-1});
    const auto before = used_.find(id);
    if (before == used_.end() || passed <= 0 || before->second.cpu_us < 0 || used.cpu_us < before->second.cpu_us)
      continue;
    used.cpu = static_cast<double>(used.cpu_us - before->second.cpu_us) / (static_cast<double>(passed) * 1000);
  }
  used_ = std::move(next);
  used_at_ms_ = at_ms;
  events_.add("usage", usage().dump());
}

json Live::usage() const {
  json list = json::array();
  for (const auto& [id, used] : used_) {
    json shown = {{"id", id}, {"service", used.service == policy::kGateway ? gateway_name_ : used.service}};
    if (used.cpu >= 0) shown["cpu"] = std::round(used.cpu * 1000) / 1000;
    for (const auto& [member, value] :
         {std::pair("cpu_us", used.cpu_us), std::pair("memory_bytes", used.memory_bytes), std::pair("pids", used.pids)})
      if (value >= 0) shown[member] = value;
    list.push_back(std::move(shown));
  }
  return {{"at_ms", used_at_ms_}, {"instances", std::move(list)}};
}

void Live::application_changed(std::uint64_t version) { events_.add("application", json{{"version", version}}.dump()); }

}  // namespace bulkhead::collect
