#pragma once

// The instances of one service at one port, as this sidecar knows them: which are ready, how much each has to do, which
// refused lately, and who waits for one. Survives every snapshot that still names the service. Loop's thread only.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/address.hpp"
#include "net/event.hpp"
#include "net/tls.hpp"
#include "proxy/balance.hpp"
#include "proxy/outliers.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

struct EndpointState {
  EndpointState(std::string named, const net::Address& at, std::string key)
      : instance(std::move(named)), address(at), pool_key(std::move(key)) {}

  // Views of these are held while a connection is made, which a new snapshot must not disturb.
  const std::string instance;
  const net::Address address;
  const std::string pool_key;  // connections to it: its identity and its address
  bool ready = false;
  std::uint32_t share = 0;  // see Endpoint
  std::uint32_t outstanding = 0;
  LatencyMean latency;
  net::SteadyTime suspect_until;
  net::SteadyTime ready_since;
  OutlierRecord outliers;
  std::shared_ptr<net::TlsSession> session = std::make_shared<net::TlsSession>();
};
using EndpointPtr = std::shared_ptr<EndpointState>;

class Cluster {
 public:
  Cluster(net::Loop& loop, const Upstream& upstream);

  // Takes the endpoints of a new snapshot; those that stay keep what is known of them. Wakes who waits.
  void update(const Upstream& upstream);

  struct Pick {
    net::SteadyTime now;
    net::Duration slow_start{};
    bool even_suspects = false;            // those that refused lately, and those that were ejected
    const EndpointState* avoid = nullptr;  // passed over where there is another
  };
  // A ready endpoint by power of two choices, or null. Those on trial get their share, and no more of what others can
  // take.
  EndpointPtr pick(const Pick& how, const Draw& draw) const;
  const std::vector<EndpointPtr>& endpoints() const { return endpoints_; }
  Crowd crowd(net::SteadyTime now) const;
  bool has_ready() const;
  void suspect(EndpointState& endpoint, net::SteadyTime now);
  // The snapshot names this service no more: whoever waits gives up.
  void withdraw();
  bool withdrawn() const { return withdrawn_; }

  net::Notify& changed() { return changed_; }

  // Bounds the waiting: one of these for each.
  class Place {
   public:
    explicit Place(Cluster& cluster) : cluster_(cluster) { ++cluster_.held_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { --cluster_.held_; }

   private:
    Cluster& cluster_;
  };
  std::uint32_t held() const { return held_; }

  const std::string& service() const { return service_; }
  std::uint16_t port() const { return port_; }
  const std::string& port_text() const { return port_text_; }
  Protocol protocol() const { return protocol_; }
  const std::string& spiffe_id() const { return spiffe_id_; }

 private:
  net::Loop& loop_;
  std::string service_;
  std::uint16_t port_;
  std::string port_text_;
  Protocol protocol_;
  std::string spiffe_id_;
  std::vector<EndpointPtr> endpoints_;
  bool withdrawn_ = false;
  std::uint32_t held_ = 0;
  net::Notify changed_;
};
using ClusterPtr = std::shared_ptr<Cluster>;

class Clusters {
 public:
  explicit Clusters(net::Loop& loop) : loop_(loop) {}
  void apply(const Snapshot& snapshot);
  // Null if the snapshot does not name it.
  ClusterPtr find(std::string_view service, std::uint16_t port) const;

 private:
  net::Loop& loop_;
  std::map<std::pair<std::string, std::uint16_t>, ClusterPtr> clusters_;
};

}  // namespace bulkhead::proxy
