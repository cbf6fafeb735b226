#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

#include "manifest/edge_rules.hpp"

namespace bulkhead::manifest {

namespace {

constexpr unsigned kMappedBits = 96;  // in front of an IPv4 address (RFC 4291 §2.5.5.2)
constexpr unsigned kOctetBits = 8;
constexpr std::string_view kAllowed = "an IP address, or its beginning: 203.0.113.7, 10.0.0.0/8, 2001:db8::/32";

bool read_address(const std::string& text, Network::Octets& octets, bool& four) {
  four = text.find(':') == std::string::npos;
  octets.fill(0);
  if (!four) return ::inet_pton(AF_INET6, text.c_str(), octets.data()) == 1;
  octets[10] = octets[11] = 0xff;
  return ::inet_pton(AF_INET, text.c_str(), octets.data() + 12) == 1;
}

// Whether the first `bits` of both are equal.
bool begin_alike(const Network::Octets& left, const Network::Octets& right, unsigned bits) {
  const unsigned whole = bits / kOctetBits;
  if (!std::equal(left.begin(), left.begin() + whole, right.begin())) return false;
  const unsigned rest = bits % kOctetBits;
  return rest == 0 || ((left[whole] ^ right[whole]) >> (kOctetBits - rest)) == 0;
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  Network network;
  bool four = false;
  if (!read_address(std::string(text.substr(0, slash)), network.octets_, four))
    return fail(Cause::invalid, "found '{}', allowed is {}", text, kAllowed);
  unsigned bits = four ? 32 : 128;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const unsigned most = bits;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    const bool plain = !digits.empty() && (digits.front() != '0' || digits.size() == 1);
    if (!plain || error != std::errc() || end != digits.data() + digits.size() || bits > most)
      return fail(Cause::invalid, "'{}' ends in no prefix length of 0 to {}", text, most);
  }
  network.bits_ = static_cast<std::uint8_t>(four ? kMappedBits + bits : bits);
  Octets first{};
  for (unsigned bit = 0; bit < network.bits_; ++bit)
    first[bit / kOctetBits] |= network.octets_[bit / kOctetBits] & (0x80U >> bit % kOctetBits);
  if (first != network.octets_)
    return fail(Cause::invalid, "'{}' has bits behind its prefix: write the network's first address", text);
  return network;
}

bool Network::contains(const Octets& address) const { return begin_alike(octets_, address, bits_); }

}  // namespace bulkhead::manifest
