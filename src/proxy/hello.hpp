#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/not_enforced.hpp"
#include "net/frames.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

// Directories of the collector, which has no part in the data plane but lives as a gateway does.
struct CollectPlaces {
  std::string records;   // what sidecars wrote
  std::string logs;      // what services wrote
  std::string store;     // its own
  std::string console;   // pages; need not be there
  std::string otlp;      // socket that it makes, for what programs tell of themselves
  bool exports = false;  // it dials a backend
};

// What a keeper tells its sidecar or gateway first, with the descriptors that it opened for it.
struct Hello {
  std::string instance;
  std::string app;
  std::string service;
  Role role = Role::sidecar;
  std::string trust_domain;
  std::string controller_socket;          // a path
  std::string inner;                      // "unix:/path"; a gateway has none
  std::string records;                    // path of the local records; empty: none are kept
  std::optional<CollectPlaces> collect;   // of the collector alone; its `inner` is where it is asked
  std::string otlp;                       // path of the socket that takes what programs tell of themselves; empty: none
  std::vector<NotEnforced> not_enforced;  // not told by the keeper: what this process could not take from itself
  std::map<std::string, Fd> fds;          // by the names of net/instance_link.hpp, or "listen:0", …
};

// Strict about what it knows, indifferent to further members. A keeper is of the version that started the instance:
// what is added here has a meaning where it is absent.
Result<Hello> parse_hello(net::Frame frame);

}  // namespace bulkhead::proxy
