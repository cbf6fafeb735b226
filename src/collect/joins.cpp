#include "collect/joins.hpp"

#include <string>

namespace bulkhead::collect {

namespace {

// A span is settled long before, whatever its request's length.
constexpr std::int64_t kRememberedMicros = 45'000'000;
constexpr std::size_t kMostRemembered = 50'000;

}  // namespace

void Joins::add(const SpanRow& span) {
  const bool request = span.hop == "inner";
  if (!request && span.hop != "outer" && span.hop != "egress") return;
  const std::int64_t end = span.start_us + span.us;
  if (request) {
    inference_.add(Incoming{span.span, requests_.number(span.method, span.path), span.start_us, end});
  } else {
    Outgoing call{span.span,
                  calls_.number(std::string(span.callee) + ' ' + std::string(span.method), span.path),
                  span.start_us,
                  end,
                  {}};
    // Its program handed a trace on: that is the truth, and something to learn from.
    if (span.parent != 0) call.parent = span.parent;
    inference_.add(call);
    if (call.parent) return;
  }
  traces_[span.span] = span.trace;
  order_.push_back({span.span, end});
  while (order_.size() > kMostRemembered) forget(order_.front().end_us + 1);
}

void Joins::forget(std::int64_t before_us) {
  while (!order_.empty() && order_.front().end_us < before_us) {
    traces_.erase(order_.front().span);
    order_.pop_front();
  }
}

std::vector<TraceJoin> Joins::settle(std::int64_t now_us) {
  std::vector<TraceJoin> joins;
  for (const Join& join : inference_.settle(now_us)) {
    const auto child = traces_.find(join.outgoing);
    const auto parent = traces_.find(join.incoming);
    if (child == traces_.end() || parent == traces_.end() || child->second == parent->second) continue;
    joins.push_back({child->second, parent->second, join.outgoing, join.incoming, join.confidence});
  }
  forget(now_us - kRememberedMicros);
  return joins;
}

}  // namespace bulkhead::collect
