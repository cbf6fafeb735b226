#include "collect/skew.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr std::int64_t kWithin = 5'000;  // less is within what two threads of a host may see

std::int64_t micros_of(const json& span, const char* member) { return span.value(member, std::int64_t{0}); }

// By how much the child's clock is ahead of its parent's, as far as that is certain; 0 where nothing contradicts.
std::int64_t ahead(const json& parent, const json& child) {
  const std::int64_t begin = micros_of(parent, "start_us"), end = begin + micros_of(parent, "duration_us");
  const std::int64_t start = micros_of(child, "start_us");
  // What a request set off may begin after its end; what a callee's sidecar saw of a call may not.
  const bool is_same_call = child.value("hop", "") == "inner" && parent.value("kind", "") == "hop";
  if (start >= begin - kWithin && (!is_same_call || start <= end + kWithin)) return 0;
  const std::int64_t room = micros_of(parent, "duration_us") - micros_of(child, "duration_us");
  return start - (begin + std::max<std::int64_t>(room, 0) / 2);
}

}  // namespace

void straighten(std::vector<json>& spans) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < spans.size(); ++i) places.emplace(spans[i].value("id", ""), i);
  std::map<std::size_t, std::vector<std::size_t>> below;
  std::vector<std::size_t> next;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const auto parent = places.find(spans[i].value("parent", ""));
    if (parent == places.end() || parent->second == i) {
      next.push_back(i);
    } else {
      below[parent->second].push_back(i);
    }
  }
  // From the roots down, so that circles are never entered; what is below is moved with what is above.
  std::vector<std::int64_t> moved(spans.size(), 0);
  while (!next.empty()) {
    const std::size_t at = next.back();
    next.pop_back();
    for (const std::size_t child : below[at]) {
      moved[child] = moved[at];
      json& span = spans[child];
      span["start_us"] = micros_of(span, "start_us") - moved[child];
      if (const std::int64_t skew = ahead(spans[at], span); skew != 0) {
        span["skew_us"] = skew;
        span["start_us"] = micros_of(span, "start_us") - skew;
        moved[child] += skew;
      }
      next.push_back(child);
    }
  }
}

}  // namespace bulkhead::collect
