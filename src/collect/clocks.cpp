#include "collect/clocks.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bulkhead::collect {

namespace {

using nlohmann::json;

constexpr std::int64_t kSkew = 5'000;  // less is within what the clocks of two processors differ

std::int64_t number(const json& span, const char* member) { return span.value(member, std::int64_t{0}); }

std::string text(const json& span, const char* member) { return span.value(member, ""); }

// What has a clock of its own: a program, here each instance of a service.
std::string clock_of(const json& span) {
  return text(span, "kind") == "program" ? text(span, "service") + '\n' + text(span, "instance") : "";
}

void move(json& span, std::int64_t by) {
  span["start_us"] = number(span, "start_us") + by;
  span["skew_us"] = -by;
  if (const auto events = span.find("events"); events != span.end() && events->is_array()) {
    for (json& event : *events)
      if (event.is_object() && event.contains("at_us")) event["at_us"] = number(event, "at_us") + by;
  }
}

}  // namespace

void settle_clocks(std::vector<json>& spans) {
  std::unordered_map<std::string, std::size_t> positions;
  for (std::size_t i = 0; i < spans.size(); ++i) positions.emplace(text(spans[i], "id"), i);
  std::vector<std::vector<std::size_t>> children(spans.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const auto parent = positions.find(text(spans[i], "parent"));
    if (spans[i].contains("parent") && parent != positions.end() && parent->second != i)
      children[parent->second].push_back(i);
    else
      open.push_back(i);
  }
  std::map<std::string, std::int64_t> shifts;        // of programs, once they are known
  std::vector<std::int64_t> moved(spans.size(), 0);  // by how much
  while (!open.empty()) {                            // a circle is never reached
    const std::size_t at = open.back();
    open.pop_back();
    const std::int64_t begins = number(spans[at], "start_us"), takes = number(spans[at], "duration_us");
    for (const std::size_t child : children[at]) {
      json& span = spans[child];
      const std::int64_t start = number(span, "start_us");
      const std::string clock = clock_of(span);
      const auto fits = [&](std::int64_t by) { return start + by >= begins - kSkew; };
      const auto within = [&](std::int64_t by) { return fits(by) && start + by <= begins + takes + kSkew; };
      const auto known = shifts.find(clock);
      // Joined by their times: these were right.
      std::int64_t by = 0;
      if (!span.contains("inferred") && !within(0)) {
        if (known != shifts.end() && within(known->second))
          by = known->second;
        else if (within(moved[at]))
          by = moved[at];
        else if (!fits(0))
          by = begins + std::max<std::int64_t>(0, (takes - number(span, "duration_us")) / 2) - start;
      }
      if (by != 0) {
        if (!clock.empty()) shifts.try_emplace(clock, by);
        moved[child] = by;
        move(span, by);
      }
      open.push_back(child);
    }
  }
}

}  // namespace bulkhead::collect
