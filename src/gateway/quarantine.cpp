#include "gateway/quarantine.hpp"

#include <algorithm>
#include <cstring>

namespace bulkhead::gateway {

Quarantine::Key Quarantine::key_of(const net::Address& address) {
  Key key{};
  if (address.family() == AF_INET) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(address.data());
    key[2] = key[3] = 0xff;
    std::memcpy(&key[4], &v4.sin_addr, sizeof v4.sin_addr);
  } else if (address.family() == AF_INET6) {
    const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(address.data());
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) != 0;
    std::memcpy(key.data(), &v6.sin6_addr.s6_addr[mapped ? 8 : 0], key.size());
  }
  return key;
}

void Quarantine::forget_old(Time now) {
  while (!records_.empty() && (now - records_.front().last_flood > kTime || records_.size() > kMost)) {
    by_key_.erase(records_.front().key);
    records_.pop_front();
  }
}

void Quarantine::flooded(const net::Address& address, Time now) {
  const Key key = key_of(address);
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
  const auto found = by_key_.find(key_of(address));
  if (found == by_key_.end()) return now;
  Record& record = *found->second;
  const Time turn = std::max(now, record.next_turn);
  if (turn - now > kLongestWait) return std::nullopt;
  record.next_turn = turn + kPace;
  return turn;
}

}  // namespace bulkhead::gateway
