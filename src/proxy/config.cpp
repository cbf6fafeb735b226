#include "proxy/config.hpp"

#include <algorithm>

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
  for (const Upstream& upstream : snapshot_->upstreams) masks_.emplace_back(upstream.hidden_paths);
  if (const auto& contract = snapshot_->inbound.contract) own_mask_ = contracts::PathMask(contract->hidden_paths);
}

const contracts::PathMask* Config::mask_of(const Upstream& upstream) const {
  const contracts::PathMask& mask = masks_[static_cast<std::size_t>(&upstream - snapshot_->upstreams.data())];
  return mask.empty() ? nullptr : &mask;
}

bool Config::hides_paths() const { return !std::ranges::all_of(masks_, &contracts::PathMask::empty); }

std::optional<std::string> Config::hide_unrouted(std::string_view path) const {
  const auto hidden = [&](std::string_view seen) -> std::optional<std::string> {
    for (const contracts::PathMask& mask : masks_)
      if (auto shown = mask.hide(path, seen)) return shown;
    return std::nullopt;
  };
  for (const manifest::Route& route : gateway_.routes) {
    if (!route.match.path.matches(path)) continue;
    if (auto shown = hidden(manifest::rewrite_path(route, path))) return shown;
  }
  return hidden(path);
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
