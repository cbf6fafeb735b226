#include "jose/cache.hpp"

#include <algorithm>
#include <cstring>

namespace bulkhead::jose {

Cache::Cache(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) { entries_.reserve(capacity_); }

// Only verified tokens are kept, so that nobody chooses digests that collide.
std::size_t Cache::Hash::operator()(const Digest& digest) const {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

void Cache::drop(Order::iterator entry) {
  entries_.erase(entry->text);
  order_.erase(entry);
}

std::shared_ptr<const Token> Cache::find(std::string_view text, const Digest& revision, Time now) {
  const auto found = entries_.find(sha256_(text));
  if (found == entries_.end()) return nullptr;
  const auto entry = found->second;
  if (entry->revision != revision || now >= entry->token->expires) {
    drop(entry);
    return nullptr;
  }
  order_.splice(order_.begin(), order_, entry);
  return entry->token;
}

void Cache::put(std::string_view text, const Digest& revision, std::shared_ptr<const Token> token) {
  const Digest digest = sha256_(text);
  if (const auto old = entries_.find(digest); old != entries_.end()) drop(old->second);
  if (entries_.size() == capacity_) drop(std::prev(order_.end()));
  order_.push_front({digest, revision, std::move(token)});
  entries_.emplace(digest, order_.begin());
}

}  // namespace bulkhead::jose
