#pragma once

// Where a program has more to do than it can, requests wait for its one thread, a lock, a disk: the time between two of
// their events is mostly that wait, many times longer now than a second ago, and tells nothing. But they go on in the
// order in which they came. So of each step (what follows what) it is known which places its requests and its calls
// have in that order, and a call is a request's the less likely the more places lie between. One thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "collect/infer_model.hpp"

namespace bulkhead::collect {

class Order {
 public:
  // Some request made this step: when what it followed was, and after which gap.
  void add(std::uint32_t history, std::uint32_t target, Since since, std::int64_t reference_us, std::int64_t gap_us);
  // After add(), before at().
  void finish();

  // What may follow at some moment. Lives as long as the Order.
  class Place {
   public:
    double density(std::int64_t gap_us) const;  // per µs, never 0
    std::int64_t least() const { return gap_to(-kReach); }
    std::int64_t most() const { return gap_to(kReach) + 1; }
    std::int64_t usual() const { return gap_to(0); }

   private:
    friend class Order;
    static constexpr std::ptrdiff_t kReach = 6;
    Place(const std::vector<std::int64_t>& ends, std::ptrdiff_t place, std::int64_t begins_us)
        : ends_(ends), place_(place), begins_us_(begins_us) {}
    std::int64_t end_at(std::ptrdiff_t place) const;
    std::int64_t gap_to(std::ptrdiff_t places) const;

    const std::vector<std::int64_t>& ends_;
    std::ptrdiff_t place_;
    std::int64_t begins_us_;
  };
  // Nothing of a step that was too rare.
  std::optional<Place> at(std::uint32_t history, std::uint32_t target, Since since, std::int64_t reference_us) const;

 private:
  struct Step {
    std::vector<std::int64_t> begins, ends;  // each sorted
  };
  static std::uint64_t key(std::uint32_t history, std::uint32_t target, Since since);

  std::unordered_map<std::uint64_t, Step> steps_;
};

}  // namespace bulkhead::collect
