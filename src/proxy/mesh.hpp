#pragma once

// Reaching the other services: which instance, the hold while there is none, the mutual TLS to it, and what may be
// tried again. Loop's thread only.

#include <memory>
#include <string>

#include "proxy/cluster.hpp"
#include "proxy/credentials.hpp"
#include "proxy/destination.hpp"
#include "proxy/pool.hpp"

namespace bulkhead::proxy {

struct HoldLimits {
  std::uint32_t max_held;
  net::Duration hold;
};
HoldLimits hold_limits(const Limits& limits);

// What all requests to the mesh share.
struct Mesh {
  net::Loop& loop;
  Credentials& credentials;
  Pool& pool;
  Journal& journal;
  std::uint64_t generation = 1;  // of our certificate; grows with each
};

// Draws an endpoint of a cluster for each try, and waits where there is none: first pass over those that refused
// lately, then, after a growing pause or a change, over all. Shared by requests and raw connections.
class Chooser {
 public:
  Chooser(Mesh& mesh, ClusterPtr cluster, HoldLimits limits);

  // An endpoint to try, or why there will be none. Ends with `unreachable` after abandon().
  net::Task<std::expected<EndpointPtr, Why>> next();
  // The try failed before anything was sent.
  void refused(EndpointState& endpoint, std::string detail);
  void abandon();
  Cluster& cluster() { return *cluster_; }

 private:
  net::Task<std::optional<Why>> wait();
  Why gave_up() const;

  Mesh& mesh_;
  ClusterPtr cluster_;
  HoldLimits limits_;
  net::Deadline deadline_;
  net::Duration pause_;
  std::optional<Cluster::Place> place_;
  std::string last_detail_;
  bool abandoned_ = false;
};

// A connection to the sidecar of `endpoint`, TLS done, its identity proven to be the cluster's.
net::Task<Result<net::Stream>> connect_to_peer(Mesh& mesh, const Cluster& cluster, EndpointState& endpoint,
                                               std::shared_ptr<net::TlsContext> context, net::Deadline deadline);

// One request to one service, over HTTP/2.
class MeshDestination final : public Destination {
 public:
  MeshDestination(Mesh& mesh, ClusterPtr cluster, HoldLimits limits);
  ~MeshDestination() override;

  net::Task<Attempt> next(Visit& visit) override;
  void answered() override;
  void ended(bool never_sent) override;
  void abandon() override { chooser_.abandon(); }

 private:
  Mesh& mesh_;
  Chooser chooser_;
  EndpointPtr endpoint_;  // of the try that goes on
  net::SteadyTime began_;
};

}  // namespace bulkhead::proxy
