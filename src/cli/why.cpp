// why: one request in words, or what went wrong most.

#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "cli/collector.hpp"
#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "collect/client.hpp"

namespace bulkhead::cli {

using nlohmann::json;

namespace {

constexpr int kMostFailed = 30;
constexpr int kMostSlow = 10;
constexpr const char* kLong = "1000";  // ms

std::expected<json, int> ask_why(const Context& context, const std::string& id) {
  return ask_collector(context, "GET", "/api/v1/why/" + collect::encode_query(id));
}

std::string rule_words(const json& cause) {
  const std::string at = cause.value("rule_at", "");
  const bool says_rule = at.empty() || cause.value("text", "").find(at) != std::string::npos;
  return says_rule ? "" : fmt::format(" ({}, {})", cause.value("rule", ""), at);
}

int why_one(const Context& context, const std::string& id) {
  const auto answer = ask_why(context, id);
  if (!answer) return answer.error();
  if (context.json) return say(answer->dump(2)), kDone;
  say(tinted(answer->value("summary", ""), Tone::bold));
  if (const json& cause = (*answer)["cause"]; cause.is_object()) {
    say(tinted(cause.value("text", "") + rule_words(cause), Tone::red));
    if (cause.contains("next")) say("What helps: " + cause["next"].get<std::string>());
  }
  for (const json& step : (*answer)["steps"])
    say(fmt::format("{:>10} {:>9}  {}{}", "+" + duration_text(step.value("at_us", std::int64_t{0})),
                    duration_text(step.value("duration_us", std::int64_t{0})),
                    std::string(step.value("depth", std::size_t{0}) * 2, ' '), step.value("text", "")));
  say_window(*answer);
  return kDone;
}

// What went wrong most, as far as the newest requests tell that failed or were slow.
struct Overview {
  std::map<std::tuple<std::string, std::string, std::string>, json> causes;  // by what, service, rule
  std::set<std::string> looked;
  int unexplained = 0;

  void add(const json& why) {
    if (!looked.insert(why.value("trace", "")).second) return;
    const json& cause = why["cause"];
    if (!cause.is_object()) {
      ++unexplained;
      return;
    }
    json& known = causes[{cause.value("what", ""), cause.value("service", ""), cause.value("rule", "")}];
    const int count = known.is_object() ? known["count"].get<int>() : 0;
    if (count == 0) {
      known = cause;
      known["trace"] = why["trace"];  // the newest, as an example
    }
    known["count"] = count + 1;
  }
  std::vector<json> sorted() const {
    std::vector<json> all;
    for (const auto& [kind, cause] : causes) all.push_back(cause);
    const auto by_count = [](const json& left, const json& right) {
      const int many = left["count"].get<int>(), other = right["count"].get<int>();
      return many != other ? many > other : left.value("text", "") < right.value("text", "");
    };
    std::sort(all.begin(), all.end(), by_count);
    return all;
  }
};

int why_most(const Context& context, const std::string& service, const std::string& since) {
  Overview overview;
  json window;
  bool more = false;
  for (const bool slow : {false, true}) {
    Query query;
    query.add("from", since).add("service", service);
    query.add("limit", fmt::format("{}", slow ? kMostSlow : kMostFailed));
    if (slow) query.add("min_ms", kLong);
    query.add_if(!slow, "error");
    const auto found = ask_collector(context, "GET", "/api/v1/traces" + query.text());
    if (!found) return found.error();
    window = (*found)["window"];
    more = more || found->value("more", false);
    for (const json& trace : (*found)["traces"]) {
      const auto why = ask_why(context, trace.value("id", ""));
      if (!why) return why.error();
      overview.add(*why);
    }
  }
  const std::vector<json> causes = overview.sorted();
  if (context.json)
    return say(json{{"causes", causes},
                    {"looked_at", overview.looked.size()},
                    {"unexplained", overview.unexplained},
                    {"more", more},
                    {"window", window}}
                   .dump(2)),
           kDone;
  if (overview.looked.empty()) say("no request failed or took a second");
  for (const json& cause : causes) {
    say(fmt::format("{:>4}  {}", cause["count"].get<int>(),
                    tinted(fmt::format("{}: {}{}", cause.value("what", ""), cause.value("text", ""), rule_words(cause)),
                           Tone::red)));
    if (cause.contains("next")) say("      What helps: " + cause["next"].get<std::string>());
    say(tinted("      bulkhead why " + cause["trace"].get<std::string>(), Tone::dim));
  }
  if (overview.unexplained > 0)
    say(fmt::format("{:>4}  of which nothing is known but their steps", overview.unexplained));
  if (more)
    say(tinted(fmt::format("there are more: these are the newest {} that failed and {} that took a second or more",
                           kMostFailed, kMostSlow),
               Tone::yellow));
  window = json{{"window", window}};
  say_window(window);
  return kDone;
}

}  // namespace

int why(const Context& context, const WhyOptions& options) {
  if (!options.id.empty()) return why_one(context, options.id);
  return why_most(context, options.service, options.since);
}

}  // namespace bulkhead::cli
