#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "jose/digest.hpp"
#include "jose/token.hpp"

namespace bulkhead::jose {

// Tokens that were verified, so that a client's next request costs a digest instead of a signature. It keeps the
// SHA-256 of a token's text, never the text, and what verify() gave. Use one for each set of expectations: what it
// holds was verified with those. At most `capacity` tokens; the one not asked for the longest goes first. One thread.
class Cache {
 public:
  explicit Cache(std::size_t capacity = 4096);

  // The token of that text; null where it is not here, its `exp` has come, or it was verified with other keys than
  // those of `revision` (KeySet::revision). Allocates nothing.
  std::shared_ptr<const Token> find(std::string_view text, const Digest& revision, Time now);

  // `token` is what verify() gave for `text` with the keys of `revision`.
  void put(std::string_view text, const Digest& revision, std::shared_ptr<const Token> token);

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Digest text;
    Digest revision;
    std::shared_ptr<const Token> token;
  };
  struct Hash {
    std::size_t operator()(const Digest& digest) const;
  };
  using Order = std::list<Entry>;

  void drop(Order::iterator entry);

  std::size_t capacity_;
  Sha256 sha256_;
  Order order_;  // asked for last first
  std::unordered_map<Digest, Order::iterator, Hash> entries_;
};

}  // namespace bulkhead::jose
