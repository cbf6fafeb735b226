#pragma once

// A snapshot and what was derived from it once, so that no request has to search. Immutable; swapped whole.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "contracts/path_mask.hpp"
#include "manifest/gateway.hpp"
#include "net/address.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

class Config {
 public:
  explicit Config(SnapshotPtr snapshot);

  const Snapshot& snapshot() const { return *snapshot_; }
  const std::string& hash() const { return hash_; }

  // What stands behind the address that a program dialled; ::1 means 127.0.0.1 where it has no door of its own.
  const Door* door(const net::Address& dialled) const;
  // The address that a name of the compartment resolves to.
  std::optional<net::Address> resolve(std::string_view lower_case_name) const;
  // The route for a request at the gateway, or null. `host` is without port.
  const Route* route(std::string_view host, std::string_view method, std::string_view path) const;
  // The path that the service sees.
  std::string rewrite(const Route& route, std::string_view path) const;
  const ServedPort* served(std::uint16_t port) const;
  // What may not be written down of paths at a callee, at the own service; null where that is nothing. `upstream` is of
  // this snapshot.
  const contracts::PathMask* mask_of(const Upstream& upstream) const;
  // Whether that is something of paths at any callee.
  bool hides_paths() const;
  // A path at the gateway that no route takes, without what is hidden behind those that would if its method or host
  // were another, or at a callee that has it as it is; nothing where all of it may be written down.
  std::optional<std::string> hide_unrouted(std::string_view path) const;
  const contracts::PathMask* own_mask() const { return own_mask_.empty() ? nullptr : &own_mask_; }

 private:
  SnapshotPtr snapshot_;
  std::string hash_;
  std::unordered_map<net::Address, const Door*> doors_;
  std::unordered_map<std::string, net::Address> names_;
  manifest::Gateway gateway_;                // its routes are parallel to the snapshot's
  std::vector<contracts::PathMask> masks_;   // parallel to its upstreams
  std::vector<std::size_t> distinct_masks_;  // those that hide something, each once
  contracts::PathMask own_mask_;
};

using ConfigPtr = std::shared_ptr<const Config>;

// A host without its port, in lower case: "Shop.example:8443" and "[::1]:80" become "shop.example" and "[::1]".
std::string host_of(std::string_view authority);

}  // namespace bulkhead::proxy
