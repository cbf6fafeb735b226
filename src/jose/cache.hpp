#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "jose/digest.hpp"
#include "jose/token.hpp"

namespace bulkhead::jose {

// Tokens that were verified, so that a client's next request costs a digest instead of a signature. It keeps the
// SHA-256 of a token's text, never the text, and what was made of it: a Verified, which has the token's `expires`. Use
// one for each set of expectations: what it holds was verified with those. At most `capacity` tokens; the one not asked
// for the longest goes first. One thread.
template <class Verified>
class Cache {
 public:
  explicit Cache(std::size_t capacity = 4096) : capacity_(std::max<std::size_t>(capacity, 1)) {
    entries_.reserve(capacity_);
  }

  // What the token is whose text has the SHA-256 `text`; null where it is not here, its `exp` has come, or it was
  // verified with other keys than those of `revision` (KeySet::revision). Allocates nothing.
  std::shared_ptr<const Verified> find(const Digest& text, const Digest& revision, Time now) {
    const auto found = entries_.find(text);
    if (found == entries_.end()) return nullptr;
    const auto entry = found->second;
    if (entry->revision != revision || now >= entry->token->expires) {
      drop(entry);
      return nullptr;
    }
    order_.splice(order_.begin(), order_, entry);
    return entry->token;
  }

  // `token` was verified, the one of `text`, with the keys of `revision`.
  void put(const Digest& text, const Digest& revision, std::shared_ptr<const Verified> token) {
    if (const auto old = entries_.find(text); old != entries_.end()) drop(old->second);
    if (entries_.size() == capacity_) drop(std::prev(order_.end()));
    order_.push_front({text, revision, std::move(token)});
    entries_.emplace(text, order_.begin());
  }

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Digest text;
    Digest revision;
    std::shared_ptr<const Verified> token;
  };
  // Only verified tokens are kept, so that nobody chooses digests that collide.
  struct Hash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  using Order = std::list<Entry>;

  void drop(typename Order::iterator entry) {
    entries_.erase(entry->text);
    order_.erase(entry);
  }

  std::size_t capacity_;
  Order order_;  // asked for last first
  std::unordered_map<Digest, typename Order::iterator, Hash> entries_;
};

}  // namespace bulkhead::jose
