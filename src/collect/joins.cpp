#include "collect/joins.hpp"

namespace bulkhead::collect {

namespace {

// A span is settled long before, whatever its request's length.
constexpr std::int64_t kRememberedMicros = 45'000'000;
constexpr std::size_t kMostRemembered = 50'000;

}  // namespace

Hop::Hop(const SpanRow& row)
    : trace(row.trace),
      span(row.span),
      parent(row.parent),
      start_us(row.start_us),
      end_us(row.start_us + row.us),
      request(row.hop == "inner"),
      kind(row.method),
      path(row.path) {
  if (!request) kind.insert(0, std::string(row.callee) + ' ');
}

void Joins::add(const Hop& hop) {
  if (hop.request) {
    inference_.add(Incoming{hop.span, requests_.number(hop.kind, hop.path), hop.start_us, hop.end_us});
  } else {
    Outgoing call{hop.span, calls_.number(hop.kind, hop.path), hop.start_us, hop.end_us, {}};
    // Its program handed a trace on: that is the truth, and something to learn from.
    if (hop.parent != 0) call.parent = hop.parent;
    inference_.add(call);
    if (call.parent) return;
  }
  traces_[hop.span] = hop.trace;
  order_.push_back({hop.span, hop.end_us});
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

Joiner::Joiner(std::size_t most_waiting) : most_waiting_(most_waiting), thread_([this] { run(); }) {}

Joiner::~Joiner() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Joiner::add(const std::string& instance, const SpanRow& row) {
  if (row.hop == "inner" || row.hop == "outer" || row.hop == "egress") round_[instance].emplace_back(row);
}

void Joiner::keep() {
  for (auto& [instance, hops] : round_) {
    std::vector<Hop>& kept = kept_[instance];
    for (Hop& hop : hops) {
      if (kept.size() < most_waiting_) {
        kept.push_back(std::move(hop));
      } else {
        ++left_out_[instance];
      }
    }
  }
  round_.clear();
}

void Joiner::look(std::int64_t now_us) {
  Look next{std::exchange(kept_, {}), now_us};
  {
    const std::lock_guard lock(mutex_);
    for (auto& [instance, hops] : next.hops) {
      if (waiting_ + hops.size() > most_waiting_) {
        left_out_[instance] += hops.size();
        hops.clear();
      }
      waiting_ += hops.size();
    }
    // One that brings nothing settles nothing that the one before it will not.
    if (!looks_.empty() && std::ranges::all_of(next.hops, [](const auto& each) { return each.second.empty(); })) {
      looks_.back().now_us = now_us;
      return;
    }
    looks_.push_back(std::move(next));
  }
  wake_.notify_one();
}

Joiner::Settled Joiner::take() {
  Settled settled{{}, std::exchange(left_out_, {})};
  const std::lock_guard lock(mutex_);
  settled.joins.swap(settled_);
  return settled;
}

void Joiner::run() {
  for (;;) {
    Look look;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !looks_.empty(); });
      if (ending_) return;
      look = std::move(looks_.front());
      looks_.pop_front();
    }
    std::size_t hops_of_it = 0;
    for (const auto& [instance, hops] : look.hops) {
      Joins& joins = joins_[instance];
      for (const Hop& hop : hops) joins.add(hop);
      hops_of_it += hops.size();
    }
    for (auto& [instance, joins] : joins_) {
      std::vector<TraceJoin> more = joins.settle(look.now_us);
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      settled_.insert(settled_.end(), more.begin(), more.end());
    }
    const std::lock_guard lock(mutex_);
    waiting_ -= hops_of_it;
  }
}

}  // namespace bulkhead::collect
