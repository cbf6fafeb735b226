#include "gateway/access.hpp"

#include <algorithm>
#include <utility>

namespace bulkhead::gateway {

bool Access::Networks::admits(const Octets& client) const {
  const auto holds = [&](const manifest::Network& network) { return network.contains(client); };
  return std::ranges::none_of(deny, holds) && (allow.empty() || std::ranges::any_of(allow, holds));
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

}  // namespace bulkhead::gateway
