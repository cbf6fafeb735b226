#include "gateway/access.hpp"

#include <algorithm>
#include <utility>

#include <fmt/ranges.h>

namespace bulkhead::gateway {

namespace {

// Each as YAML takes it within brackets.
std::string listed(std::vector<std::string> networks) {
  for (std::string& network : networks)
    if (network.contains(':')) network = fmt::format("\"{}\"", network);
  return fmt::format("[{}]", fmt::join(networks, ", "));
}

}  // namespace

bool Access::Networks::denies(const Octets& client) const {
  return std::ranges::any_of(deny, [&](const manifest::Network& network) { return network.contains(client); });
}

bool Access::Networks::admits(const Octets& client) const {
  const auto holds = [&](const manifest::Network& network) { return network.contains(client); };
  return !denies(client) && (allow.empty() || std::ranges::any_of(allow, holds));
}

Result<Access::Networks> Access::Networks::of(const manifest::EdgeRules& rules) {
  Networks networks;
  for (const auto& [texts, into] :
       {std::pair{&rules.allow_from, &networks.allow}, {&rules.deny_from, &networks.deny}}) {
    for (const std::string& text : *texts) {
      auto network = manifest::Network::parse(text);
      if (!network) return fail(std::move(network.error()));
      into->push_back(*network);
    }
  }
  std::vector<std::string> more = rules.allow_from;
  more.emplace_back("ADDRESS");
  networks.with_one_more =
      fmt::format("from: {{allow: {}{}}}", listed(std::move(more)),
                  rules.deny_from.empty() ? "" : fmt::format(", deny: {}", listed(rules.deny_from)));
  return networks;
}

Result<> Access::configure(const proxy::Gateway& gateway) {
  auto all = Networks::of(gateway.rules);
  if (!all) return fail(std::move(all.error()));
  std::vector<Networks> routes;
  for (const proxy::Route& route : gateway.routes) {
    auto own = Networks::of(route.rules);
    if (!own) return fail(within(route.rule, std::move(own.error())));
    routes.push_back(std::move(*own));
  }
  all_ = std::move(*all);
  routes_ = std::move(routes);
  return {};
}

std::string Access::remedy(std::size_t route, const Octets& client) const {
  const Networks& own = routes_[route];
  if (all_.admits(client) == own.admits(client)) return "";
  const Networks& refusing = own.admits(client) ? all_ : own;
  return refusing.denies(client) ? "" : refusing.with_one_more;
}

}  // namespace bulkhead::gateway
