#include "collect/infer_waiting.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace bulkhead::collect {

namespace {

constexpr double kLeastChance = 3e-3;     // of a step
constexpr std::size_t kMostAtOnce = 500;  // requests: more can't be told apart, and cost too much
constexpr double kFollows = 0.3;          // a running average's share of the newest

double log_of(std::int64_t gap_us) {
  constexpr double kSoon = 20;  // µs: shorter gaps are alike
  return std::log(static_cast<double>(std::max<std::int64_t>(gap_us, 0)) + kSoon);
}

const Step* step_to(const History& history, std::uint32_t target) {
  const auto step = std::ranges::find(history.steps, target, &Step::target);
  return step == history.steps.end() ? nullptr : &*step;
}

// Of the requests that have come equally far, who has waited longest.
struct Head {
  std::uint32_t request = kNone;
  std::uint32_t history = 0;
  Since since{};
  std::int64_t reference = INT64_MAX;
  const Step* step = nullptr;
  double chance = 0;
};

class Waiting {
 public:
  Waiting(const Model& model, const Batch& batch)
      : model_(model), batch_(batch), made_(batch.requests.size()), progress_(batch.requests.size()) {}

  FirstCome run() {
    for (std::uint32_t call = 0; call < batch_.calls.all.size(); ++call) {
      admit(batch_.calls.all[call].start_us);
      if (open_.size() > kMostAtOnce) return {Competition::Made(batch_.requests.size()), 1};
      if (batch_.calls.taken[call]) continue;
      if (const std::uint32_t parent = batch_.calls.parent[call]; parent != kNone) {
        const Step* step = step_to(model_.at(progress_[parent].history), batch_.calls.all[call].kind);
        go_on(parent, call, step == nullptr ? Model::kBeyond : step->next);
      } else {
        serve(call);
      }
    }
    return {std::move(made_), slower()};
  }

 private:
  // Those that are under way then.
  void admit(std::int64_t now_us) {
    for (; next_ < batch_.requests.size() && batch_.requests[next_].start_us <= now_us; ++next_) {
      const Interval& request = batch_.requests[next_];
      progress_[next_] = Progress::of(model_.known_root(request.kind).value_or(Model::kBeyond), request.start_us);
      open_.push_back(next_);
    }
    std::erase_if(open_, [&](std::uint32_t request) { return batch_.requests[request].end_us < now_us; });
  }

  void find_heads(const Interval& call) {
    heads_.clear();
    for (const std::uint32_t request : open_) {
      const Progress& so_far = progress_[request];
      if (so_far.history == Model::kBeyond || call.end_us > batch_.requests[request].end_us) continue;
      const History& history = model_.at(so_far.history);
      const Step* step = step_to(history, call.kind);
      if (step == nullptr) continue;
      const Since since = so_far.since(call.start_us);
      const double chance = history.chance(*step, since);
      if (chance < kLeastChance || step->gaps[static_cast<std::size_t>(since)] == nullptr) continue;
      const std::int64_t reference = so_far.reference(since);
      auto head = std::ranges::find_if(
          heads_, [&](const Head& each) { return each.history == so_far.history && each.since == since; });
      if (head == heads_.end()) head = heads_.insert(heads_.end(), Head{});
      if (reference < head->reference) *head = {request, so_far.history, since, reference, step, chance};
    }
  }

  // Of the heads the one that goes on so about as late as others did just before.
  void serve(std::uint32_t position) {
    const Interval& call = batch_.calls.all[position];
    find_heads(call);
    const auto likely = [&](const Head& head) {
      const auto known = lately_.find({head.history, call.kind, head.since});
      const double usual = known != lately_.end()
                               ? known->second
                               : log_of(head.step->gaps[static_cast<std::size_t>(head.since)]->usual());
      return head.chance * std::exp(-std::abs(log_of(call.start_us - head.reference) - usual));
    };
    const auto best = std::ranges::max_element(heads_, {}, likely);
    if (best == heads_.end()) return;
    const double gap = log_of(call.start_us - best->reference);
    longer_.push_back(gap - log_of(best->step->gaps[static_cast<std::size_t>(best->since)]->usual()));
    double& average = lately_.try_emplace({best->history, call.kind, best->since}, gap).first->second;
    average += kFollows * (gap - average);
    go_on(best->request, position, best->step->next);
  }

  double slower() {
    if (longer_.empty()) return 1;
    const auto middle = longer_.begin() + std::ssize(longer_) / 2;
    std::ranges::nth_element(longer_, middle);
    return std::exp(*middle);
  }

  void go_on(std::uint32_t request, std::uint32_t call, std::uint32_t history) {
    made_[request].push_back(call);
    progress_[request] = progress_[request].after(batch_.calls.all[call], history);
  }

  const Model& model_;
  const Batch& batch_;
  Competition::Made made_;
  std::vector<Progress> progress_;
  std::vector<std::uint32_t> open_;
  std::uint32_t next_ = 0;  // that has not begun
  std::vector<Head> heads_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, Since>, double> lately_;  // gaps, as logarithms
  std::vector<double> longer_;                                                // than usual, likewise
};

}  // namespace

FirstCome first_come(const Model& model, const Batch& batch) { return Waiting(model, batch).run(); }

Order order_of(const Model& model, const Batch& batch, const Competition::Made& made) {
  Order order;
  for (std::size_t i = 0; i < made.size(); ++i) {
    const Interval& request = batch.requests[i];
    const auto root = model.known_root(request.kind);
    if (!root) continue;
    Progress progress = Progress::of(*root, request.start_us);
    bool known = true;
    for (const std::uint32_t position : made[i]) {
      const Interval& call = batch.calls.all[position];
      const Step* step = step_to(model.at(progress.history), call.kind);
      known = step != nullptr && progress.history != Model::kBeyond;
      if (!known) break;
      const Since since = progress.since(call.start_us);
      const std::int64_t reference = progress.reference(since);
      order.add(progress.history, call.kind, since, reference, call.start_us - reference);
      progress = progress.after(call, step->next);
    }
    if (known)
      order.add(progress.history, kEnding, Since::all_ended, progress.latest, request.end_us - progress.latest);
  }
  order.finish();
  return order;
}

}  // namespace bulkhead::collect
