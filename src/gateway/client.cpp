#include "gateway/client.hpp"

#include <algorithm>
#include <cstring>

namespace bulkhead::gateway {

namespace {

constexpr Octets kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kMappedSize = 12;

}  // namespace

Octets octets_of(const net::Address& address) {
  Octets octets{};
  if (address.family() == AF_INET) {
    octets = kMapped;
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(address.data());
    std::memcpy(&octets[kMappedSize], &v4.sin_addr, sizeof v4.sin_addr);
  } else if (address.family() == AF_INET6) {
    const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(address.data());
    std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
  }
  return octets;
}

Host host_of(const Octets& address) {
  const bool mapped = std::equal(kMapped.begin(), kMapped.begin() + kMappedSize, address.begin());
  Host host;
  std::memcpy(host.data(), &address[mapped ? host.size() : 0], host.size());
  return host;
}

}  // namespace bulkhead::gateway
