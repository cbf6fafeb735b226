#include "manifest/addresses.hpp"

#include <algorithm>
#include <array>

namespace bulkhead::manifest {

namespace {

constexpr std::array<std::string_view, 7> kHostWords{"HOST",   "HOSTNAME", "ADDR",    "ADDRESS",
                                                     "SERVER", "SERVICE",  "ENDPOINT"};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

bool speaks_of_host(std::string_view name) {
  std::string wanted = upper(name);
  return std::ranges::any_of(kHostWords, [&](std::string_view word) {
    return wanted == word || (wanted.ends_with(word) && wanted[wanted.size() - word.size() - 1] == '_');
  });
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

bool is_localhost(std::string_view host) { return host == "localhost" || host.starts_with("127."); }

// One word of a value; nothing where it is no address.
std::optional<PeerAddress> address_of(std::string_view word, bool host_expected) {
  std::size_t scheme = word.find("://");
  bool is_url = scheme != std::string_view::npos;
  if (is_url) word.remove_prefix(scheme + 3);
  word = word.substr(0, word.find_first_of("/?#"));
  if (std::size_t at = word.rfind('@'); at != std::string_view::npos) word.remove_prefix(at + 1);
  std::size_t colon = word.find(':');
  PeerAddress address{.host = std::string(word.substr(0, colon))};
  if (colon != std::string_view::npos) {
    auto port = parse_port(word.substr(colon + 1));
    if (!port) return std::nullopt;
    address.port = *port;
  }
  if (!is_host(address.host) || (!is_url && !address.port && !host_expected)) return std::nullopt;
  address.is_localhost = is_localhost(address.host);
  if (address.is_localhost && !address.port) return std::nullopt;
  return address;
}

}  // namespace

std::vector<PeerAddress> addresses_in(std::string_view name, std::string_view value) {
  constexpr std::string_view kBetween = ", ;\t\n";
  std::vector<PeerAddress> addresses;
  bool host_expected = speaks_of_host(name);
  while (!value.empty()) {
    std::size_t end = std::min(value.find_first_of(kBetween), value.size());
    if (auto address = address_of(value.substr(0, end), host_expected)) addresses.push_back(std::move(*address));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return addresses;
}

}  // namespace bulkhead::manifest
