#include "proxy/config.hpp"

#include <algorithm>
#include <set>

namespace bulkhead::proxy {

namespace {

manifest::Route compile(const Route& route) {
  manifest::Route compiled;
  compiled.match.host = route.host;
  // check_snapshot has parsed it before; a pattern that can't be read would match nothing.
  if (auto pattern = manifest::PathPattern::parse(route.path)) compiled.match.path = std::move(*pattern);
  compiled.match.methods = route.methods;
  compiled.rewrite = route.rewrite;
  return compiled;
}

}  // namespace

std::string host_of(std::string_view authority) {
  const std::size_t after = authority.starts_with('[') ? authority.find(']') : 0;
  const std::size_t colon = authority.find(':', after == std::string_view::npos ? 0 : after);
  std::string host(authority.substr(0, colon));
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return host;
}

Config::Config(SnapshotPtr snapshot) : snapshot_(std::move(snapshot)), hash_(content_hash(*snapshot_)) {
  for (const Door& door : snapshot_->doors) {
    if (const auto address = net::Address::ip(door.address, door.port)) doors_.emplace(*address, &door);
  }
  for (const Name& name : snapshot_->names) {
    if (const auto address = net::Address::ip(name.address, 0)) names_.emplace(name.name, *address);
  }
  for (const Route& route : snapshot_->gateway.routes) gateway_.routes.push_back(compile(route));
  std::set<std::vector<std::string>> known;
  for (const Upstream& upstream : snapshot_->upstreams) {
    masks_.emplace_back(upstream.hidden_paths);
    if (!masks_.back().empty() && known.insert(upstream.hidden_paths).second)
      distinct_masks_.push_back(masks_.size() - 1);
  }
  if (const auto& contract = snapshot_->inbound.contract) own_mask_ = contracts::PathMask(contract->hidden_paths);
}

const contracts::PathMask* Config::mask_of(const Upstream& upstream) const {
  const contracts::PathMask& mask = masks_[static_cast<std::size_t>(&upstream - snapshot_->upstreams.data())];
  return mask.empty() ? nullptr : &mask;
}

bool Config::hides_paths() const { return !distinct_masks_.empty(); }

std::optional<std::string> Config::hide_unrouted(std::string_view path) const {
  constexpr std::size_t kLongest = 512;  // strangers choose it, and each mask looks at each segment
  if (!hides_paths()) return std::nullopt;
  if (path.size() > kLongest) return std::string(contracts::kHiddenPath);
  std::string shown(path);
  const auto hide = [&](const contracts::PathMask& mask, std::string_view seen) {
    if (auto shorter = mask.hide(shown, seen)) shown = std::move(*shorter);
  };
  for (std::size_t i = 0; i < gateway_.routes.size(); ++i) {
    if (!gateway_.routes[i].match.path.matches(path)) continue;
    hide(masks_[snapshot_->gateway.routes[i].upstream], manifest::rewrite_path(gateway_.routes[i], path));
  }
  for (const std::size_t each : distinct_masks_) hide(masks_[each], path);
  if (shown == path) return std::nullopt;
  return shown;
}

const Door* Config::door(const net::Address& dialled) const {
  if (const auto found = doors_.find(dialled); found != doors_.end()) return found->second;
  if (dialled.is_unix() || dialled.scope() != net::Scope::loopback) return nullptr;
  const auto found = doors_.find(net::Address::loopback(dialled.port()));
  return found == doors_.end() ? nullptr : found->second;
}

std::optional<net::Address> Config::resolve(std::string_view lower_case_name) const {
  const auto found = names_.find(std::string(lower_case_name));
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

const Route* Config::route(std::string_view host, std::string_view method, std::string_view path) const {
  const manifest::Route* chosen = manifest::choose(gateway_, host, method, path);
  if (chosen == nullptr) return nullptr;
  return &snapshot_->gateway.routes[static_cast<std::size_t>(chosen - gateway_.routes.data())];
}

std::string Config::rewrite(const Route& route, std::string_view path) const {
  const auto index = static_cast<std::size_t>(&route - snapshot_->gateway.routes.data());
  return manifest::rewrite_path(gateway_.routes[index], path);
}

const ServedPort* Config::served(std::uint16_t port) const {
  const auto& ports = snapshot_->inbound.ports;
  const auto found = std::ranges::find(ports, port, &ServedPort::number);
  return found == ports.end() ? nullptr : &*found;
}

}  // namespace bulkhead::proxy
