#include "collect/infer_first.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace bulkhead::collect {

namespace {

constexpr std::size_t kMostOpen = 256;  // requests
constexpr std::size_t kMostBefore = 512;
constexpr std::size_t kMostPairs = 1'500'000;
constexpr std::size_t kMostLinks = 4'096;
constexpr int kIterations = 20;
constexpr double kNothings =
    0.05;  // share of what follows nothing; not estimated: whatever is spread out would look like it
constexpr float kLeastPair = 0.02F;  // of a pair that is considered

std::vector<std::uint32_t> by_end(std::span<const Interval> intervals) {
  std::vector<std::uint32_t> order(intervals.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::uint32_t i) { return std::pair(intervals[i].end_us, i); });
  return order;
}

constexpr std::uint32_t kClosed = kNone - 1;

// Items that belong together: at most one request among them, within which all of them lie.
class Groups {
 public:
  Groups(std::span<const Interval> requests, const Calls& calls) : requests_(requests) {
    for (std::uint32_t i = 0; i < requests.size(); ++i) groups_.push_back({i, i, INT64_MAX, INT64_MIN});
    for (std::uint32_t i = 0; i < calls.all.size(); ++i) {
      auto item = static_cast<std::uint32_t>(groups_.size());
      groups_.push_back({item, kNone, calls.all[i].start_us, calls.all[i].end_us});
    }
    for (std::uint32_t i = 0; i < calls.all.size(); ++i) {
      if (calls.parent[i] != kNone) join(calls.parent[i], static_cast<std::uint32_t>(requests.size()) + i);
    }
  }

  bool join(std::uint32_t a, std::uint32_t b) {
    Group& one = groups_[root(a)];
    Group& other = groups_[root(b)];
    if (&one == &other) return true;
    if (one.request != kNone && other.request != kNone) return false;
    std::uint32_t request = one.request != kNone ? one.request : other.request;
    std::int64_t first = std::min(one.first, other.first);
    std::int64_t last = std::max(one.last, other.last);
    if (request < kClosed && (first < requests_[request].start_us || last > requests_[request].end_us)) return false;
    other.up = one.up;
    one.request = request;
    one.first = first;
    one.last = last;
    return true;
  }

  // It came after an answer: no request is its.
  bool close(std::uint32_t item) {
    Group& group = groups_[root(item)];
    if (group.request != kNone) return false;
    group.request = kClosed;
    return true;
  }

  std::uint32_t request_of(std::uint32_t item) {
    std::uint32_t request = groups_[root(item)].request;
    return request == kClosed ? kNone : request;
  }

 private:
  struct Group {
    std::uint32_t up, request;
    std::int64_t first, last;
  };
  std::uint32_t root(std::uint32_t item) {
    while (groups_[item].up != item) item = groups_[item].up = groups_[groups_[item].up].up;
    return item;
  }

  std::span<const Interval> requests_;
  std::vector<Group> groups_;
};

}  // namespace

FirstGuess::FirstGuess(std::span<const Interval> requests, const Calls& calls) : requests_(requests), calls_(calls) {
  for (const Interval& request : requests) endpoints_ = std::max(endpoints_, request.kind + 1);
  auto targets = static_cast<std::uint32_t>(calls.of_target.size());
  of_kind_.assign(targets + 2 * endpoints_, 0);
  for (const Interval& call : calls.all) ++of_kind_[call.kind];
  for (const Interval& request : requests) {
    ++of_kind_[targets + request.kind];
    ++of_kind_[targets + endpoints_ + request.kind];
  }
  ended_ = by_end(calls.all);
  answered_ = by_end(requests);
  pair_calls();
  pair_ends();
  begin();
  for (int i = 0; i < kIterations; ++i) {
    expect();
    maximize();
  }
  expect();
}

// Four bins an octave from 16 µs on.
std::size_t FirstGuess::bin(std::int64_t lag_us) {
  if (lag_us < 16) return 0;
  auto lag = static_cast<std::uint64_t>(lag_us);
  auto octave = static_cast<unsigned>(std::bit_width(lag)) - 1;
  return std::min<std::size_t>(1 + (octave - 4) * 4 + ((lag >> (octave - 2)) & 3), kBins - 1);
}

double FirstGuess::width(std::size_t bin) {
  return bin == 0 ? 16 : static_cast<double>(std::uint64_t{1} << ((bin - 1) / 4 + 2));
}

std::int64_t FirstGuess::usual_duration() const {
  std::vector<std::int64_t> durations;
  for (const Interval& request : requests_) durations.push_back(request.end_us - request.start_us);
  if (durations.empty()) return 0;
  auto at = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() * 9 / 10);
  std::ranges::nth_element(durations, at);
  return *at;
}

std::uint32_t FirstGuess::item_of(std::uint32_t follower) const {
  auto calls = static_cast<std::uint32_t>(calls_.all.size());
  return follower < calls ? static_cast<std::uint32_t>(requests_.size()) + follower : follower - calls;
}

void FirstGuess::pair(std::uint32_t before, std::uint32_t before_kind, std::uint32_t follower_kind,
                      std::int64_t lag_us) {
  std::uint64_t key = std::uint64_t{before_kind} << 32 | follower_kind;
  auto found = link_ids_.find(key);
  if (found == link_ids_.end()) {
    if (links_.size() >= kMostLinks) return;
    found = link_ids_.emplace(key, static_cast<std::uint16_t>(links_.size())).first;
    links_.push_back({.kind = before_kind});
  }
  pairs_.push_back({before, found->second, static_cast<std::uint8_t>(bin(lag_us)), 0});
}

// With the calls that ended at most `reach_us` before, of the first `count` of ended_, and began within.
void FirstGuess::pair_with_ended(std::size_t count, std::int64_t at_us, std::int64_t reach_us,
                                 std::uint32_t follower_kind, std::int64_t within_us) {
  auto first_call = static_cast<std::uint32_t>(requests_.size());
  for (std::size_t i = count; i > 0 && count - i < kMostBefore; --i) {
    const Interval& other = calls_.all[ended_[i - 1]];
    if (at_us - other.end_us > reach_us) break;
    if (other.start_us < within_us || (other.start_us == at_us && other.end_us == at_us)) continue;
    pair(first_call + ended_[i - 1], other.kind, follower_kind, at_us - other.end_us);
  }
}

void FirstGuess::pair_calls() {
  std::int64_t reach = usual_duration();
  auto targets = static_cast<std::uint32_t>(calls_.of_target.size());
  std::vector<std::uint32_t> open;
  std::uint32_t next = 0;
  std::size_t ended = 0;
  std::size_t answered = 0;
  for (std::uint32_t at = 0; at < calls_.all.size(); ++at) {
    const Interval& call = calls_.all[at];
    for (; next < requests_.size() && requests_[next].start_us <= call.start_us; ++next) open.push_back(next);
    std::erase_if(open, [&](std::uint32_t request) { return requests_[request].end_us < call.start_us; });
    while (ended < ended_.size() && calls_.all[ended_[ended]].end_us <= call.start_us) ++ended;
    while (answered < answered_.size() && requests_[answered_[answered]].end_us <= call.start_us) ++answered;
    if (!calls_.taken[at] && open.size() <= kMostOpen && pairs_.size() < kMostPairs) {
      std::int64_t within = INT64_MAX;
      for (std::uint32_t request : open) {
        const Interval& around = requests_[request];
        if (call.end_us > around.end_us) continue;
        within = std::min(within, around.start_us);
        pair(request, targets + around.kind, call.kind, call.start_us - around.start_us);
      }
      if (within != INT64_MAX) pair_with_ended(ended, call.start_us, reach, call.kind, within);
      pair_answers(at, answered, reach);
    }
    pairs_end_.push_back(static_cast<std::uint32_t>(pairs_.size()));
  }
}

void FirstGuess::pair_answers(std::size_t call, std::size_t answered, std::int64_t reach_us) {
  auto first = static_cast<std::uint32_t>(requests_.size() + calls_.all.size());
  auto kinds = static_cast<std::uint32_t>(calls_.of_target.size()) + endpoints_;
  std::int64_t at_us = calls_.all[call].start_us;
  for (std::size_t i = answered; i > 0 && answered - i < kMostBefore; --i) {
    const Interval& request = requests_[answered_[i - 1]];
    if (at_us - request.end_us > reach_us) break;
    pair(first + answered_[i - 1], kinds + request.kind, calls_.all[call].kind, at_us - request.end_us);
  }
}

void FirstGuess::pair_ends() {
  std::int64_t reach = usual_duration();
  auto targets = static_cast<std::uint32_t>(calls_.of_target.size());
  auto ends = [&](std::uint32_t call) { return calls_.all[call].end_us; };
  for (const Interval& request : requests_) {
    auto past = std::ranges::upper_bound(ended_, request.end_us, {}, ends) - ended_.begin();
    if (pairs_.size() < kMostPairs) {
      pair_with_ended(static_cast<std::size_t>(past), request.end_us, reach, targets + request.kind, request.start_us);
    }
    pairs_end_.push_back(static_cast<std::uint32_t>(pairs_.size()));
  }
}

// Each follower's shares are equal, but for what follows nothing.
void FirstGuess::begin() {
  std::int64_t first = INT64_MAX;
  std::int64_t last = INT64_MIN;
  for (const Interval& call : calls_.all) {
    first = std::min(first, call.start_us);
    last = std::max(last, call.end_us);
  }
  double span = last > first ? static_cast<double>(last - first) : 1.0;
  for (double count : std::span(of_kind_).first(of_kind_.size() - endpoints_))
    nothing_.push_back(kNothings * (count + 1) / span);
  std::uint32_t pair = 0;
  for (std::uint32_t end : pairs_end_) {
    double share = (1 - kNothings) / std::max(1U, end - pair);
    for (; pair < end; ++pair) pairs_[pair].share = static_cast<float>(share);
  }
  maximize();
}

void FirstGuess::expect() {
  std::uint32_t pair = 0;
  for (std::uint32_t follower = 0; follower < pairs_end_.size(); ++follower) {
    std::uint32_t first = pair;
    bool call = follower < calls_.all.size();
    double sum = nothing_[call ? calls_.all[follower].kind
                               : calls_.of_target.size() + requests_[follower - calls_.all.size()].kind];
    for (; pair < pairs_end_[follower]; ++pair) {
      const Link& link = links_[pairs_[pair].link];
      pairs_[pair].share = static_cast<float>(link.expected) * link.density[pairs_[pair].bin];
      sum += pairs_[pair].share;
    }
    for (std::uint32_t i = first; i < pair; ++i) pairs_[i].share /= static_cast<float>(sum);
  }
}

void FirstGuess::maximize() {
  for (Link& link : links_) {
    link.counted.fill(0);
    link.expected = 0;
  }
  for (const Pair& pair : pairs_) {
    links_[pair.link].counted[pair.bin] += pair.share;
    links_[pair.link].expected += pair.share;
  }
  for (Link& link : links_) {
    auto total = static_cast<float>(link.expected + 0.01 * kBins);
    link.expected /= std::max(1.0, of_kind_[link.kind]);
    for (std::size_t i = 0; i < kBins; ++i) {
      float below = link.counted[i == 0 ? 0 : i - 1];
      float above = link.counted[i + 1 == kBins ? i : i + 1];
      link.density[i] = ((below + 2 * link.counted[i] + above) / 4 + 0.01F) / total / static_cast<float>(width(i));
    }
  }
}

FirstGuess::Origins FirstGuess::origins() const {
  struct Candidate {
    float share;
    std::uint32_t follower, pair;
  };
  std::vector<Candidate> candidates;
  std::uint32_t pair = 0;
  for (std::uint32_t follower = 0; follower < pairs_end_.size(); ++follower) {
    for (; pair < pairs_end_[follower]; ++pair) {
      if (pairs_[pair].share > kLeastPair) candidates.push_back({pairs_[pair].share, follower, pair});
    }
  }
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    return std::pair(-a.share, a.pair) < std::pair(-b.share, b.pair);
  });
  Origins origins;
  origins.after.assign(calls_.all.size(), kNone);
  Groups groups(requests_, calls_);
  std::vector<bool> followed(pairs_end_.size());
  std::unordered_map<std::uint64_t, double> used;
  for (const Candidate& candidate : candidates) {
    if (followed[candidate.follower]) continue;
    const Pair& of = pairs_[candidate.pair];
    double& uses = used[std::uint64_t{of.before} << 16 | of.link];
    if (uses >= std::max(1.0, 2 * links_[of.link].expected)) continue;
    auto answers = static_cast<std::uint32_t>(requests_.size() + calls_.all.size());
    if (of.before >= answers) {
      if (!groups.close(item_of(candidate.follower))) continue;
      origins.after[candidate.follower] = of.before - answers;
    } else if (!groups.join(of.before, item_of(candidate.follower))) {
      continue;
    }
    followed[candidate.follower] = true;
    uses += 1;
  }
  for (std::uint32_t call = 0; call < calls_.all.size(); ++call) {
    origins.parent.push_back(groups.request_of(static_cast<std::uint32_t>(requests_.size()) + call));
  }
  return origins;
}

}  // namespace bulkhead::collect
