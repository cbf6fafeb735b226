#include "gateway/quarantine.hpp"

#include <algorithm>

namespace bulkhead::gateway {

void Quarantine::forget_old(Time now) {
  while (!records_.empty() && (now - records_.front().last_flood > kTime || records_.size() > kMost)) {
    by_key_.erase(records_.front().key);
    records_.pop_front();
  }
}

void Quarantine::flooded(const net::Address& address, Time now) {
  const Host key = host_of(octets_of(address));
  const auto [place, is_new] = by_key_.try_emplace(key);
  if (is_new) {
    place->second = records_.insert(records_.end(), Record{key, now, now + kPace});
  } else {
    place->second->last_flood = now;
    records_.splice(records_.end(), records_, place->second);
  }
  forget_old(now);
}

std::optional<Quarantine::Time> Quarantine::admit(const net::Address& address, Time now) {
  forget_old(now);
  if (records_.empty()) return now;
  const auto found = by_key_.find(host_of(octets_of(address)));
  if (found == by_key_.end()) return now;
  Record& record = *found->second;
  const Time turn = std::max(now, record.next_turn);
  if (turn - now > kLongestWait) return std::nullopt;
  record.next_turn = turn + kPace;
  return turn;
}

}  // namespace bulkhead::gateway
