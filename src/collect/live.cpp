#include "collect/live.hpp"

#include <nlohmann/json.hpp>

#include "collect/gateway_name.hpp"

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

void Live::application_changed(std::uint64_t version) { events_.add("application", json{{"version", version}}.dump()); }

}  // namespace bulkhead::collect
