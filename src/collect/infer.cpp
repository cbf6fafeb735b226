#include "collect/infer.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "collect/infer_background.hpp"
#include "collect/infer_batch.hpp"
#include "collect/infer_first.hpp"
#include "collect/infer_waiting.hpp"

namespace bulkhead::collect {

namespace {

constexpr std::size_t kChunk = 4'096;  // spans that are settled together, or half of all that are held
constexpr std::int64_t kLatest = std::int64_t{1} << 60;  // µs: sums of times stay in range
constexpr std::int64_t kShortestWait = 250'000;
constexpr int kRounds = 5;
constexpr int kRoundsWhileLearning = 3;
constexpr int kOrderings = 2;  // the second from what the first found
constexpr double kSlower = 2;  // than usual, where requests wait

constexpr std::size_t kLesson = 1'000;  // requests, from which the model is learned anew
constexpr double kLessonGrowth = 1.3;   // until then again, whenever there are so many times more
constexpr int kDraws = 3;               // refinements of the first guess
constexpr LatticeLimits kWhileLearning{.nodes = 96};
constexpr LatticeLimits kAtFirst{.nodes = 96, .least_chance = 0.02};  // chances are no better known then

constexpr std::size_t kTelling = 100;  // calls, whose share that is lost tells something
constexpr double kChanged = 0.15;      // more of the calls are lost than usual: the service is another

bool is_span(std::int64_t start_us, std::int64_t end_us) {
  return 0 <= start_us && start_us <= end_us && end_us <= kLatest;
}

}  // namespace

class Inference::State {
 public:
  explicit State(InferenceLimits limits) : limits_(limits), random_(limits.seed) {}

  void add(const Incoming& request) {
    if (!is_span(request.start_us, request.end_us) || request.endpoint >= limits_.kinds) return;
    requests_.push_back(request);
    note_duration(request);
  }

  void add(const Outgoing& call) {
    if (!is_span(call.start_us, call.end_us) || call.target >= limits_.kinds) return;
    calls_.push_back({.call = call});
  }

  std::size_t held() const { return requests_.size() + calls_.size(); }

  std::vector<Join> settle(std::int64_t now_us) {
    std::vector<Join> joins;
    for (Cut cut = next_cut(now_us); cut.due; cut = next_cut(now_us)) settle_chunk(cut.until_us, joins);
    return joins;
  }

 private:
  struct Held {
    Outgoing call;
    bool settled = false;  // and waits for its parent, which is not
    bool joined = false;   // that parent was inferred
  };
  struct Cut {
    std::int64_t until_us;  // what ended by then is settled
    bool due;
  };

  void note_duration(const Incoming& request) {
    longest_seen_ = std::max(longest_seen_, std::min(request.end_us - request.start_us, limits_.longest_us));
  }
  Cut next_cut(std::int64_t now_us) const;
  void settle_chunk(std::int64_t until_us, std::vector<Join>& joins);
  Batch batch_until(std::int64_t until_us);
  void tell(const std::vector<Competition::Claim>& claims, std::int64_t until_us, std::vector<Join>& joins);
  void study(const Batch& batch);
  void learn(const Batch& batch, const Competition::Made& made, std::int64_t until_us);
  void notice_change(double lost);
  void drop(std::int64_t until_us);

  double uniform() {  // splitmix64
    std::uint64_t z = random_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

  InferenceLimits limits_;
  std::uint64_t random_;
  std::vector<Incoming> requests_;
  std::vector<Held> calls_;
  std::int64_t longest_seen_ = 0;          // request, of late
  std::vector<std::uint32_t> request_at_;  // by position in the batch, into requests_
  std::vector<std::uint32_t> call_at_;

  Model model_;
  Background background_;
  bool mature_ = false;
  std::size_t studied_ = 0;                // requests, when the model was last learned anew
  std::vector<Incoming> lesson_requests_;  // settled, until it is mature
  std::vector<Outgoing> lesson_calls_;
  double usually_lost_ = 0;  // share of the calls within requests that are joined to none
};

Inference::State::Cut Inference::State::next_cut(std::int64_t now_us) const {
  std::vector<std::int64_t> ends;
  ends.reserve(held());
  for (const Incoming& request : requests_) ends.push_back(request.end_us);
  for (const Held& held : calls_) {
    if (!held.settled) ends.push_back(held.call.end_us);
  }
  if (ends.empty()) return {0, false};
  bool all = now_us == INT64_MAX;
  std::int64_t wait = longest_seen_ == 0
                          ? limits_.longest_us
                          : std::clamp(2 * longest_seen_, kShortestWait, std::max(kShortestWait, limits_.longest_us));
  std::int64_t until = all ? now_us : now_us - wait;
  bool full = ends.size() > limits_.held;
  auto settleable =
      static_cast<std::size_t>(std::ranges::count_if(ends, [&](std::int64_t end) { return end <= until; }));
  if (full) settleable = std::max(settleable, ends.size() - limits_.held / 2);
  if (settleable == 0) return {0, false};
  std::int64_t oldest = *std::ranges::min_element(ends);
  // What overlaps with what is settled is looked at, too: the more is settled at once, the less of it twice.
  bool due =
      all || full || settleable >= kChunk || 2 * settleable >= ends.size() || oldest <= until - limits_.patience_us;
  std::size_t together = std::min(settleable, std::max(kChunk, ends.size() / 2));
  auto at = ends.begin() + static_cast<std::ptrdiff_t>(together - 1);
  std::ranges::nth_element(ends, at);
  return {*at, due};
}

namespace {

template <class Item, class Start>
std::vector<std::uint32_t> started_by(std::span<const Item> items, std::int64_t until_us, Start&& start) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    if (start(items[i]) <= until_us) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](std::uint32_t i) { return std::pair(start(items[i]), i); });
  return order;
}

// Thousands of requests at once can't be told apart: their lattices share the room of some hundreds.
LatticeLimits limits_for(const Batch& batch, LatticeLimits limits) {
  constexpr std::size_t kRoom = 200'000;
  std::size_t share = kRoom / std::max<std::size_t>(1, batch.requests.size());
  limits.nodes = std::clamp<std::size_t>(share, 4, limits.nodes);
  limits.successors = std::clamp<std::size_t>(share, 4, limits.successors);
  return limits;
}

// Both sorted by start.
Batch batch_of(std::span<const Incoming> requests, std::span<const Outgoing> calls) {
  Batch batch;
  std::unordered_map<std::uint64_t, std::uint32_t> positions;
  for (const Incoming& request : requests) {
    positions.emplace(request.id, static_cast<std::uint32_t>(batch.requests.size()));
    batch.requests.push_back({request.endpoint, request.start_us, request.end_us});
  }
  for (const Outgoing& call : calls) {
    batch.calls.all.push_back({call.target, call.start_us, call.end_us});
    auto parent = call.parent ? positions.find(*call.parent) : positions.end();
    bool within = parent != positions.end() && batch.requests[parent->second].start_us <= call.start_us &&
                  call.end_us <= batch.requests[parent->second].end_us;
    batch.calls.parent.push_back(within ? parent->second : kNone);
    batch.calls.taken.push_back(call.parent.has_value() && !within);
  }
  batch.calls.index();
  return batch;
}

}  // namespace

// What is settled, and what competes with it.
Batch Inference::State::batch_until(std::int64_t until_us) {
  std::int64_t reach = until_us > INT64_MAX - longest_seen_ ? INT64_MAX : until_us + longest_seen_;
  request_at_ =
      started_by(std::span<const Incoming>(requests_), reach, [](const Incoming& request) { return request.start_us; });
  call_at_ = started_by(std::span<const Held>(calls_), reach, [](const Held& held) { return held.call.start_us; });
  std::vector<Incoming> requests;
  std::vector<Outgoing> calls;
  for (std::uint32_t at : request_at_) requests.push_back(requests_[at]);
  for (std::uint32_t at : call_at_) calls.push_back(calls_[at].call);
  return batch_of(requests, calls);
}

void Inference::State::learn(const Batch& batch, const Competition::Made& made, std::int64_t until_us) {
  std::vector<Interval> calls;
  for (std::size_t request = 0; request < made.size(); ++request) {
    if (batch.requests[request].end_us > until_us) continue;
    calls.clear();
    for (std::uint32_t call : made[request]) calls.push_back(batch.calls.all[call]);
    model_.learn(batch.requests[request], calls);
  }
  model_.refresh();
}

// Learns the model anew from all that was seen so far.
void Inference::State::study(const Batch& now) {
  std::vector<Incoming> requests = lesson_requests_;
  std::vector<Outgoing> calls = lesson_calls_;
  for (std::uint32_t at : request_at_) requests.push_back(requests_[at]);
  for (std::uint32_t at : call_at_) {
    if (!calls_[at].settled) calls.push_back(calls_[at].call);  // else it is in the lesson
  }
  std::ranges::sort(requests, {}, [](const Incoming& request) { return std::pair(request.start_us, request.id); });
  std::ranges::sort(calls, {}, [](const Outgoing& call) { return std::pair(call.start_us, call.id); });
  if (static_cast<double>(requests.size()) < kLessonGrowth * static_cast<double>(studied_) || now.requests.empty())
    return;
  studied_ = requests.size();
  Batch batch = batch_of(requests, calls);
  FirstGuess::Origins origins = FirstGuess(batch.requests, batch.calls).origins();
  Competition::Made made(batch.requests.size());
  for (std::uint32_t call = 0; call < batch.calls.all.size(); ++call) {
    if (origins.parent[call] != kNone) made[origins.parent[call]].push_back(call);
  }
  background_.reset();
  background_.learn_first(batch, origins.after);
  model_ = Model();
  learn(batch, made, INT64_MAX);
  for (int i = 0; i < kDraws; ++i) {
    background_.weigh(batch);
    Competition competition(model_, batch, Order(), limits_for(batch, i == 0 ? kAtFirst : kWhileLearning));
    competition.run(kRoundsWhileLearning);
    made = competition.draw([this] { return uniform(); });
    model_ = Model();
    learn(batch, made, INT64_MAX);
  }
}

void Inference::State::tell(const std::vector<Competition::Claim>& claims, std::int64_t until_us,
                            std::vector<Join>& joins) {
  for (std::uint32_t call = 0; call < claims.size(); ++call) {
    Held& held = calls_[call_at_[call]];
    if (held.call.end_us > until_us || held.call.parent || claims[call].request == kNone) continue;
    const Incoming& request = requests_[request_at_[claims[call].request]];
    if (claims[call].confidence >= limits_.least_confidence)
      joins.push_back({held.call.id, request.id, claims[call].confidence});
    held.call.parent = request.id;
    held.joined = true;
  }
}

namespace {

// The share of the calls within requests that no request has; nothing where they are too few to tell.
std::optional<double> lost_share(const Batch& batch, const Competition::Made& made, std::int64_t until_us) {
  std::vector<bool> has(batch.calls.all.size(), false);
  for (const auto& calls : made)
    for (const std::uint32_t call : calls) has[call] = true;
  std::size_t within = 0;
  std::size_t lost = 0;
  std::size_t next = 0;
  std::int64_t latest = INT64_MIN;
  for (std::uint32_t call = 0; call < has.size(); ++call) {
    const Interval& interval = batch.calls.all[call];
    for (; next < batch.requests.size() && batch.requests[next].start_us <= interval.start_us; ++next) {
      latest = std::max(latest, batch.requests[next].end_us);
    }
    if (interval.end_us > until_us || interval.end_us > latest || batch.calls.taken[call]) continue;
    ++within;
    if (!has[call]) ++lost;
  }
  if (within < kTelling) return std::nullopt;
  return static_cast<double>(lost) / static_cast<double>(within);
}

}  // namespace

// A service whose calls are no longer explained by what was learned is learned anew.
void Inference::State::notice_change(double lost) {
  if (mature_ && lost > usually_lost_ + kChanged) {
    mature_ = false;
    studied_ = 0;
    usually_lost_ = lost;  // what is lost even then is nobody's
    return;
  }
  usually_lost_ += 0.2 * (lost - usually_lost_);
}

void Inference::State::drop(std::int64_t until_us) {
  if (!mature_) {
    for (const Incoming& request : requests_) {
      if (request.end_us <= until_us) lesson_requests_.push_back(request);
    }
    for (const Held& held : calls_) {
      if (held.settled || held.call.end_us > until_us) continue;
      lesson_calls_.push_back(held.call);
      if (held.joined) lesson_calls_.back().parent.reset();
    }
    mature_ = lesson_requests_.size() >= kLesson || lesson_calls_.size() >= 20 * kLesson;
  }
  if (mature_) {
    lesson_requests_.clear();
    lesson_calls_.clear();
  }
  std::erase_if(requests_, [&](const Incoming& request) { return request.end_us <= until_us; });
  std::unordered_set<std::uint64_t> waiting;
  for (const Incoming& request : requests_) waiting.insert(request.id);
  for (Held& held : calls_) held.settled = held.settled || held.call.end_us <= until_us;
  std::erase_if(calls_, [&](const Held& held) {
    return held.settled && !(held.call.parent && waiting.contains(*held.call.parent));
  });
  longest_seen_ = longest_seen_ * 19 / 20;
  for (const Incoming& request : requests_) note_duration(request);
}

void Inference::State::settle_chunk(std::int64_t until_us, std::vector<Join>& joins) {
  Batch batch = batch_until(until_us);
  if (!mature_) study(batch);
  background_.weigh(batch);
  const LatticeLimits limits = limits_for(batch, mature_ ? LatticeLimits{} : kWhileLearning);
  Competition competition(model_, batch, Order(), limits);
  competition.run(kRounds);
  auto claims = competition.decide();
  const auto lost = lost_share(batch, competition.made(claims), until_us);
  // What its own times no longer tell, its order may: the program has more to do than it had. Then nothing is learned,
  // as what comes of it is less sure, and no other service.
  bool ordered = false;
  if (mature_ && lost && *lost > usually_lost_ + kChanged) {
    auto [made, slower] = first_come(model_, batch);
    ordered = slower >= kSlower && lost_share(batch, made, until_us).value_or(1) <= usually_lost_ + kChanged;
    for (int i = 0; ordered && i < kOrderings; ++i) {
      Competition again(model_, batch, order_of(model_, batch, made), limits);
      again.run(kRounds);
      claims = again.decide();
      made = again.made(claims);
    }
  }
  if (!ordered) {
    std::vector<double> nobodys;
    for (std::uint32_t call = 0; call < claims.size(); ++call) nobodys.push_back(competition.nobodys(call));
    background_.learn(batch, nobodys, until_us);
    learn(batch, competition.made(claims), until_us);
    if (lost) notice_change(*lost);
  }
  tell(claims, until_us, joins);
  drop(until_us);
}

Inference::Inference(InferenceLimits limits) : state_(std::make_unique<State>(limits)) {}
Inference::~Inference() = default;
Inference::Inference(Inference&&) noexcept = default;
Inference& Inference::operator=(Inference&&) noexcept = default;

void Inference::add(const Incoming& request) { state_->add(request); }
void Inference::add(const Outgoing& call) { state_->add(call); }
std::vector<Join> Inference::settle(std::int64_t now_us) { return state_->settle(now_us); }
std::size_t Inference::held() const { return state_->held(); }

}  // namespace bulkhead::collect
