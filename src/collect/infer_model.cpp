#include "collect/infer_model.hpp"

#include <algorithm>

namespace bulkhead::collect {

namespace {

constexpr std::uint32_t kMostAlike = 12;  // calls to one target that are counted
constexpr double kUnknown = 0.5;          // visits that something unseen is given
constexpr double kVisits = 4'000;         // then the older half of the weight is let go

constexpr std::size_t index(Since since) { return static_cast<std::size_t>(since); }

}  // namespace

Progress Progress::of(std::uint32_t root, std::int64_t start_us) { return {root, start_us, start_us, start_us, false}; }

Progress Progress::after(const Interval& call, std::uint32_t next) const {
  Progress progress{next, call.start_us, latest, other, true};
  if (!began || call.end_us >= latest) {
    progress.latest = call.end_us;
    progress.other = latest;
  } else {
    progress.other = std::max(other, call.end_us);
  }
  return progress;
}

Since Progress::since(std::int64_t at_us) const {
  if (at_us >= latest) return Since::all_ended;
  return passes_one_ended() && at_us >= other ? Since::one_ended : Since::one_opened;
}

std::int64_t Progress::reference(Since since) const {
  return since == Since::all_ended ? latest : since == Since::one_ended ? other : opened;
}

double History::chance(const Step& step, Since since) const {
  return step.count[index(since)] / (visits[index(since)] + kUnknown);
}

double History::end_chance() const { return ends / (visits[index(Since::all_ended)] + kUnknown); }

double History::novelty() const {
  constexpr double kLeast = 1e-3;
  return std::max(kLeast, kUnknown / (visits[index(Since::all_ended)] + kUnknown));
}

double History::passing(Since since) const {
  double called = 0;
  for (const Step& step : steps) called += step.count[index(since)];
  return std::clamp((visits[index(since)] - called + kUnknown) / (visits[index(since)] + kUnknown), 1e-4, 1.0);
}

Model::Model(std::size_t most_histories) : most_histories_(most_histories) {
  histories_.push_back(std::make_unique<History>());
}

std::uint32_t Model::intern(Key key) {
  auto found = ids_.find(key);
  if (found != ids_.end()) return found->second;
  if (histories_.size() >= most_histories_) return kBeyond;
  auto id = static_cast<std::uint32_t>(histories_.size());
  histories_.push_back(std::make_unique<History>());
  histories_.back()->endpoint = key.first;
  histories_.back()->calls = key.second;
  ids_.emplace(std::move(key), id);
  return id;
}

std::uint32_t Model::root(std::uint32_t endpoint) { return intern({endpoint, {}}); }

std::optional<std::uint32_t> Model::known_root(std::uint32_t endpoint) const {
  const auto found = ids_.find(Key{endpoint, {}});
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::uint32_t Model::next(std::uint32_t history, std::uint32_t target) {
  if (history == kBeyond) return kBeyond;
  for (const Step& step : histories_[history]->steps) {
    if (step.target == target) return step.next;
  }
  Key key{histories_[history]->endpoint, histories_[history]->calls};
  auto at = std::ranges::lower_bound(key.second, target, {}, &std::pair<std::uint32_t, std::uint32_t>::first);
  if (at == key.second.end() || at->first != target) {
    key.second.insert(at, {target, 1});
  } else if (at->second < kMostAlike) {
    ++at->second;
  }
  return intern(std::move(key));
}

Step& Model::step_of(std::uint32_t history, std::uint32_t target) {
  auto& steps = histories_[history]->steps;
  auto found = std::ranges::find(steps, target, &Step::target);
  if (found != steps.end()) return *found;
  std::uint32_t following = next(history, target);
  steps.push_back({.target = target, .next = following, .count = {}, .gaps = {}});
  return steps.back();
}

void Model::count_visits(const Progress& progress, Since reached) {
  auto& visits = histories_[progress.history]->visits;
  if (progress.began) visits[index(Since::one_opened)] += 1;
  if (reached != Since::one_opened && progress.passes_one_ended()) visits[index(Since::one_ended)] += 1;
  if (reached == Since::all_ended) visits[index(Since::all_ended)] += 1;
}

void Model::learn(const Interval& request, std::span<const Interval> calls) {
  Progress progress = Progress::of(root(request.kind), request.start_us);
  for (const Interval& call : calls) {
    if (progress.history == kBeyond) return;
    Since since = progress.since(call.start_us);
    count_visits(progress, since);
    Step& step = step_of(progress.history, call.kind);
    step.count[index(since)] += 1;
    auto& gaps = step.gaps[index(since)];
    if (!gaps) gaps = std::make_unique<Gaps>();
    gaps->add(call.start_us - progress.reference(since), 1);
    progress = progress.after(call, step.next);
  }
  if (progress.history == kBeyond) return;
  count_visits(progress, Since::all_ended);
  histories_[progress.history]->ends += 1;
  histories_[progress.history]->end_gaps.add(request.end_us - progress.latest, 1);
}

void Model::refresh() {
  for (auto& history : histories_) {
    if (history->visits[0] > kVisits || history->visits[2] > kVisits) {
      for (double& visits : history->visits) visits /= 2;
      history->ends /= 2;
      for (Step& step : history->steps) {
        for (double& count : step.count) count /= 2;
      }
    }
    history->end_gaps.refresh();
    for (Step& step : history->steps) {
      for (auto& gaps : step.gaps) {
        if (gaps) gaps->refresh();
      }
    }
  }
}

}  // namespace bulkhead::collect
