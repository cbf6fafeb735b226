#pragma once

// Reaching the other services: which instance, the hold while there is none, the mutual TLS to it, and what may be
// tried again. Loop's thread only.

#include <memory>
#include <string>

#include "proxy/call.hpp"
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

// Draws an endpoint of a call for each try, and waits where there is none: first pass over those that refused
// lately, then, after a growing pause or a change, over all. Shared by requests and raw connections.
class Chooser {
 public:
  Chooser(Mesh& mesh, CallPtr call, HoldLimits limits);

  // An endpoint to try, or why there will be none. Ends with `unreachable` after abandon(), with `timed_out` at the
  // deadline if the hold does not end before.
  net::Task<std::expected<EndpointPtr, Why>> next(net::Deadline deadline);
  // The try failed before anything was sent.
  void refused(EndpointState& endpoint, std::string detail);
  // The try that was made there failed: another is preferred for the next.
  void avoid(const EndpointPtr& endpoint) { avoid_ = endpoint; }
  void abandon();
  Call& call() { return *call_; }
  Cluster& cluster() { return call_->cluster(); }

 private:
  net::Task<std::optional<Why>> wait(net::Deadline deadline);
  Why gave_up(net::Deadline deadline) const;

  Mesh& mesh_;
  CallPtr call_;
  EndpointPtr avoid_;
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
  MeshDestination(Mesh& mesh, CallPtr call, HoldLimits limits);
  ~MeshDestination() override;

  net::Task<Attempt> next(Visit& visit, net::Deadline deadline) override;
  void prepare(http::Request& request, net::Deadline deadline) override;
  void answered(const TryOutcome& outcome, bool stays) override;
  void ended(const std::optional<TryOutcome>& outcome) override;
  void abandon() override {
    abandoned_ = true;
    chooser_.abandon();
  }

 private:
  void forget();
  void judge(const TryOutcome& outcome);

  Mesh& mesh_;
  Chooser chooser_;
  EndpointPtr endpoint_;            // of the try that goes on
  std::optional<Call::Pass> pass_;  // that the breaker gave for it, until it is judged
  net::SteadyTime began_;
  bool abandoned_ = false;
};

// Says in the request how much time is left: for gRPC in its own field, also to programs; for HTTP between sidecars.
void tell_deadline(http::Request& request, net::Deadline deadline, net::SteadyTime now);

}  // namespace bulkhead::proxy
