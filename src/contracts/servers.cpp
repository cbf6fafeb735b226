#include "contracts/servers.hpp"

#include <algorithm>

namespace bulkhead::contracts {

namespace {

std::string with_defaults(std::string url, const Node& server) {
  const Node* variables = server.find("variables");
  if (!variables) return url;
  for (const Member& each : variables->members) {
    const std::string name = "{" + each.name + "}";
    const auto at = url.find(name);
    if (at != std::string::npos) url.replace(at, name.size(), each.value.string("default"));
  }
  return url;
}

std::string path_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(std::min(url.find('/', scheme + 3), url.size()));
  url = url.substr(0, url.find_first_of("?#"));
  while (url.ends_with('/')) url.remove_suffix(1);
  return std::string(url);
}

}  // namespace

Result<std::vector<std::string>> bases_of(const Node& document) {
  std::vector<std::string> bases;
  if (const Node* servers = document.find("servers")) {
    for (const Node& server : servers->items) {
      std::string base = path_of(with_defaults(std::string(server.string("url")), server));
      const bool plain = base.empty() || base.front() == '/';
      if (!plain || base.find_first_of("{}%") != std::string::npos) {
        return fail(Cause::unsupported, "not supported: a server whose path is '{}'", base);
      }
      if (std::ranges::find(bases, base) == bases.end()) bases.push_back(std::move(base));
    }
  }
  if (bases.empty()) bases.emplace_back();
  return bases;
}

}  // namespace bulkhead::contracts
