#pragma once

// Spans of one trace are told by several clocks: those of programs are their own, and a host's may be set while a
// request is under way. A span can not begin before the one that caused it; where it seems to, its clock is off, and it
// is moved to where it may have been.

#include <vector>

#include <nlohmann/json.hpp>

namespace bulkhead::collect {

// `spans` as docs/api.md has those of a trace. What is moved gets "skew_us", how far its clock is ahead (negative:
// behind), and events within it move along. Spans of one program keep their distances. Parents that go in circles are
// none.
void settle_clocks(std::vector<nlohmann::json>& spans);

}  // namespace bulkhead::collect
