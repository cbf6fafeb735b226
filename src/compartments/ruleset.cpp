#include "compartments/ruleset.hpp"

#include <array>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "net/instance_link.hpp"

namespace bulkhead::compartments {
namespace {

// Canonical text of a numeric address, empty when it isn't one of this family.
std::string canonical(int family, const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (inet_pton(family, text.c_str(), bytes.data()) != 1) return {};
  return inet_ntop(family, bytes.data(), out.data(), out.size());
}

std::string set_of(std::string_view name, std::string_view type, const std::set<std::string>& elements) {
  if (elements.empty()) return fmt::format("  set {} {{ type {} . inet_service; }}\n", name, type);
  return fmt::format("  set {} {{ type {} . inet_service; elements = {{ {} }}; }}\n", name, type,
                     fmt::join(elements, ", "));
}

}  // namespace

// Everything a compartment sends is local (its routes make every address its own), passes loopback and so prerouting:
// one chain decides there. A declared destination goes to the door and nowhere else, even when the door is gone. What
// is refused is logged within a rate and answered, so that connect() fails at once. Datagrams to groups never come back
// through prerouting and end in the output hook.
Result<std::string> render_ruleset(const std::vector<Door>& doors) {
  std::set<std::string> four;
  std::set<std::string> six;
  for (const auto& door : doors) {
    if (const auto text = canonical(AF_INET, door.address); !text.empty()) {
      four.insert(fmt::format("{} . {}", text, door.port));
    } else if (const auto text6 = canonical(AF_INET6, door.address); !text6.empty()) {
      six.insert(fmt::format("{} . {}", text6, door.port));
    } else {
      return fail(Cause::invalid, "door {}:{}: not a numeric address", door.address, door.port);
    }
  }
  const std::string log = fmt::format("log group {} snaplen 96 queue-threshold 1", kNflogGroup);
  std::string text = "table inet bulkhead {\n";
  text += set_of("doors4", "ipv4_addr", four) + set_of("doors6", "ipv6_addr", six);
  text += fmt::format(
      "  chain doors {{\n"
      "    type filter hook prerouting priority mangle; policy drop;\n"
      "    ip saddr {mesh} ip daddr {{ 127.0.0.1, {own} }} accept\n"
      "    ip6 saddr {mesh6} ip6 daddr ::1 accept\n"
      "    ip daddr . tcp dport @doors4 tproxy ip to {door}:{port} accept\n"
      "    ip6 daddr . tcp dport @doors6 tproxy ip6 to [{door6}]:{port} accept\n"
      "    ip daddr . tcp dport @doors4 reject with tcp reset\n"
      "    ip6 daddr . tcp dport @doors6 reject with tcp reset\n"
      "    ip daddr {{ 127.0.0.0/8, {own}, {mesh}, {dns} }} accept\n"
      "    ip6 daddr {{ ::1, {mesh6} }} accept\n"
      "    limit rate 500/second burst 500 packets {log}\n"
      "    meta l4proto tcp reject with tcp reset\n"
      "    reject\n"
      "  }}\n"
      "  chain groups {{\n"
      "    type filter hook output priority filter; policy accept;\n"
      "    meta l4proto udp ip daddr {{ 224.0.0.0/4, 255.255.255.255 }} limit rate 50/second {log}\n"
      "    meta l4proto udp ip6 daddr ff00::/8 limit rate 50/second {log}\n"
      "    ip daddr {{ 224.0.0.0/4, 255.255.255.255 }} drop\n"
      "    ip6 daddr ff00::/8 drop\n"
      "  }}\n"
      "}}\n",
      fmt::arg("mesh", net::kMeshSource), fmt::arg("mesh6", net::kMeshSource6), fmt::arg("own", net::kOwnAddress),
      fmt::arg("dns", net::kDnsAddress), fmt::arg("door", kDoorAddress), fmt::arg("door6", kDoorAddress6),
      fmt::arg("port", kDoorPort), fmt::arg("log", log));
  return text;
}

}  // namespace bulkhead::compartments
