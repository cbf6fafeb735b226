#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace bulkhead::jose {

// Time since some start that never jumps and counts suspension (CLOCK_BOOTTIME).
using Uptime = std::chrono::milliseconds;

struct KeySourceRule {
  Uptime shortest = std::chrono::minutes(5);  // between fetches that succeed, whatever the answer's freshness
  Uptime longest = std::chrono::hours(24);
  Uptime usual = std::chrono::hours(1);                 // where the answer says nothing of its freshness
  Uptime unknown_key_pause = std::chrono::seconds(30);  // between fetches that unknown kids ask for
  Uptime first_retry = std::chrono::seconds(1);
  Uptime longest_retry = std::chrono::minutes(5);
  Uptime kept = std::chrono::hours(24);  // how long keys are used that can't be fetched again, from when that was due
};

// Decides when an issuer's key set is fetched, and whether the one at hand may still be used. Pure: the clock and
// randomness are passed in; who asks does the fetching.
//   loop: source.next(now) → fetch now, then fetched() or failed(); or ask again after the pause
// Keys are due at the end of their freshness, within the rule's bounds; at once when a token has an unknown kid, at
// most once in unknown_key_pause; after a failure with growing pauses. One fetch is under way at a time.
class KeySource {
 public:
  explicit KeySource(KeySourceRule rule = {}) : rule_(rule) {}

  struct Next {
    bool fetch = false;  // begin one now: it is under way until fetched() or failed()
    Uptime pause{0};     // when not fetch: ask again after it, or after fetched(), failed() or unknown_key()
    friend bool operator==(const Next&, const Next&) = default;
  };
  Next next(Uptime now);

  // The fetch under way brought a key set that can be used. `fresh` is for how long its answer says that it is.
  void fetched(Uptime now, std::optional<std::chrono::seconds> fresh);
  // The fetch under way brought none. `random` is uniform in [0, 1).
  void failed(Uptime now, double random);

  // A token has a kid that no key has. True where a fetch is under way, or next() will ask for one at once: who holds
  // the token may wait for it and verify again. False where keys were asked for too short a while ago.
  bool unknown_key(Uptime now);

  // May the key set at hand be used? False before the first, and when fetching has failed for too long.
  bool usable(Uptime now) const { return held_ && now < usable_until_; }

 private:
  static constexpr Uptime kUnderWay{1000};  // the pause meanwhile

  KeySourceRule rule_;
  bool held_ = false;
  bool under_way_ = false;
  int failures_ = 0;
  Uptime due_{0};
  Uptime usable_until_{0};
  std::optional<Uptime> asked_;  // when an unknown kid last caused a fetch
};

// max-age of a Cache-Control field (RFC 9111 §5.2.2); zero for no-store and no-cache; nothing where it says nothing, or
// says it twice or not as a number.
std::optional<std::chrono::seconds> max_age(std::string_view cache_control);

}  // namespace bulkhead::jose
