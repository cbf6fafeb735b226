#pragma once

// What is known of how a service handles its requests: for each endpoint, and each set of calls that a request has made
// so far, what comes next (a call to whom, or the end), how likely, and after which gap since what. Sequences, calls at
// the same time, repeated and optional calls are all of this form: a semi-Markov chain whose state is the set of calls
// made. It forgets as it learns. One thread.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "collect/infer_gaps.hpp"

namespace bulkhead::collect {

inline constexpr std::uint32_t kEnding = UINT32_MAX;  // in place of a target: the request's end

struct Interval {
  std::uint32_t kind;  // endpoint or target
  std::int64_t start_us;
  std::int64_t end_us;
};

// Since which event the program's own time counts.
enum class Since : std::uint8_t {
  all_ended,   // the last call's end, or the request's start
  one_ended,   // a call's end, while others are open
  one_opened,  // a call's start
};
inline constexpr std::size_t kSinces = 3;

// How far a request has come.
struct Progress {
  std::uint32_t history = 0;
  std::int64_t opened = 0;  // start of the newest call
  std::int64_t latest = 0;  // latest end of a call
  std::int64_t other = 0;   // latest end of the other calls
  bool began = false;       // made a call

  static Progress of(std::uint32_t root, std::int64_t start_us);
  Progress after(const Interval& call, std::uint32_t next) const;
  Since since(std::int64_t at_us) const;
  std::int64_t reference(Since since) const;
  bool passes_one_ended() const { return began && other > opened && other < latest; }
};

struct Step {
  std::uint32_t target;
  std::uint32_t next;  // history
  std::array<double, kSinces> count{};
  std::array<std::unique_ptr<Gaps>, kSinces> gaps;
};

struct History {
  std::uint32_t endpoint;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> calls;  // target, how often; sorted
  std::vector<Step> steps;
  std::array<double, kSinces> visits{};
  double ends = 0;
  Gaps end_gaps;

  double chance(const Step& step, Since since) const;
  double end_chance() const;
  double novelty() const;             // that something comes next that never did
  double passing(Since since) const;  // that nothing is called before the next event
};

class Model {
 public:
  // At most so many histories are told apart; what is beyond goes into one that predicts nothing.
  explicit Model(std::size_t most_histories = 1'024);

  std::uint32_t root(std::uint32_t endpoint);
  std::optional<std::uint32_t> known_root(std::uint32_t endpoint) const;  // none of one that was never seen
  std::uint32_t next(std::uint32_t history, std::uint32_t target);
  const History& at(std::uint32_t history) const { return *histories_[history]; }

  // A request with all its calls, sorted by start, all within it.
  void learn(const Interval& request, std::span<const Interval> calls);
  void refresh();  // after learning, before at() is used

  static constexpr std::uint32_t kBeyond = 0;  // the history of what is not told apart

 private:
  using Key = std::pair<std::uint32_t, std::vector<std::pair<std::uint32_t, std::uint32_t>>>;
  std::uint32_t intern(Key key);
  Step& step_of(std::uint32_t history, std::uint32_t target);
  void count_visits(const Progress& progress, Since reached);

  std::size_t most_histories_;
  std::vector<std::unique_ptr<History>> histories_;
  std::map<Key, std::uint32_t> ids_;
};

}  // namespace bulkhead::collect
