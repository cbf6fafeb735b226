#pragma once

// For tests: real sidecars in one process and one loop, with a controller, compartments and services that are fakes at
// their outermost seam (sockets). Everything between is what runs in production.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "identity/authority.hpp"
#include "net/frames.hpp"
#include "net/listener.hpp"
#include "proxy/server.hpp"
#include "proxy/sidecar.hpp"

namespace bulkhead::proxy::testing {

inline constexpr std::string_view kTrustDomain = "shop.test";
inline constexpr std::string_view kApp = "shop";

std::string spiffe_of(std::string_view service);
policy::Edge call(std::string from, std::string to, std::uint16_t port, Protocol protocol,
                  std::vector<std::string> permissions = {});

// Signs whatever is asked and says the snapshots that the test sets.
class FakeController {
 public:
  FakeController(net::Loop& loop, const std::string& directory);

  const std::string& socket() const { return socket_; }
  // Sent now if the instance is connected, else as soon as it is.
  void set_snapshot(Snapshot snapshot);
  // What the instance said last.
  const nlohmann::json& last(const std::string& instance, const std::string& type) { return heard_[instance][type]; }
  net::Task<> until(std::function<bool()> condition);
  net::Task<> until_applied(const std::string& instance);
  net::Task<> until_ready(const std::string& instance);
  void ask(const std::string& instance, const nlohmann::json& message);
  void refuse_connections(bool refuse) { refusing_ = refuse; }
  void drop(const std::string& instance);
  // What it said before is not believed any more.
  void forget(const std::string& instance) { heard_.erase(instance); }
  // As if the instance had asked with this request.
  void resign(const std::string& instance, const std::string& request);
  std::size_t signed_count() const { return signed_; }
  // Of the certificates that it signs from now on.
  void set_life(std::chrono::seconds life) { life_ = life; }

 private:
  net::Task<> accept();
  net::Task<> serve(net::Stream stream);
  void send_snapshot(const std::string& instance);

  net::Loop& loop_;
  std::string socket_;
  std::optional<identity::Authority> authority_;
  net::Listener listener_;
  std::map<std::string, Snapshot> snapshots_;
  std::map<std::string, net::FrameChannel*> channels_;
  std::map<std::string, std::map<std::string, nlohmann::json>> heard_;
  bool refusing_ = false;
  std::size_t signed_ = 0;
  std::chrono::seconds life_ = std::chrono::hours(1);
  net::Notify news_;
  net::Gate gate_;
};

// Answers vend requests with connections to the test's own listeners.
class FakeCompartment {
 public:
  explicit FakeCompartment(net::Loop& loop);
  Fd take_sidecar_end() { return std::move(sidecar_end_); }
  // The service's `port` is at `address` of this host; without it the port is refused.
  void listen(std::uint16_t port, net::Address address) { ports_.insert_or_assign(port, address); }
  void refuse(std::uint16_t port) { ports_.erase(port); }

 private:
  net::Task<> answer();

  net::Loop& loop_;
  Fd sidecar_end_;
  net::Watch watch_;
  std::map<std::uint16_t, net::Address> ports_;
  net::Gate gate_;
};

// A service: an HTTP server of ours with the test's handler, or a raw one.
class FakeService {
 public:
  FakeService(net::Loop& loop, Handler handler, std::shared_ptr<net::TlsContext> tls = {});
  FakeService(net::Loop& loop, std::function<net::Task<>(net::Stream)> raw);
  net::Address address() const { return listener_.address(); }
  std::size_t connections() const { return connections_; }
  // Ends listener and connections.
  void stop();

 private:
  net::Task<> accept();
  net::Task<> serve_one(net::Stream stream);

  net::Loop& loop_;
  Handler handler_;
  std::function<net::Task<>(net::Stream)> raw_;
  std::shared_ptr<net::TlsContext> tls_;
  ServerOptions options_;
  std::size_t connections_ = 0;
  net::Listener listener_;
  net::Event shutdown_;
  std::unique_ptr<net::Gate> gate_;
};

// One instance: compartment, sidecar, and a door that the test's client dials.
class Node {
 public:
  Node(net::Loop& loop, FakeController& controller, const std::string& directory, std::string service,
       std::string instance, OutsideOptions outside = {}, bool has_records = true);

  FakeCompartment& compartment() { return compartment_; }
  Sidecar& sidecar() { return *sidecar_; }
  const std::string& instance() const { return instance_; }
  std::string inner() const { return inner_; }
  net::Address door(std::size_t index = 0) const { return doors_[index]; }
  std::string records() const;
  bool said(const std::string& type) const { return said_.contains(type); }
  // The beginning of its snapshot: who it is.
  Snapshot snapshot() const;
  void start() { sidecar_->start(); }
  // As if the process had been killed.
  void kill() { sidecar_.reset(); }

 private:
  std::string service_;
  std::string instance_;
  std::string inner_;
  std::string records_;
  std::vector<net::Address> doors_;
  std::set<std::string> said_;
  FakeCompartment compartment_;
  std::unique_ptr<Sidecar> sidecar_;
};

// A certificate for a public name, signed by itself.
struct NamedCertificate {
  std::string pem;
  net::PrivateKey key;
};
NamedCertificate certificate_for(const std::string& dns_name);

struct Reply {
  std::uint16_t status = 0;
  http::Fields fields;
  std::string body;
  http::Fields trailers;
};

// What a client of TLS needs.
struct ClientTls {
  std::string anchors_pem;
  std::string server_name;
  std::string alpn = "http/1.1";
  std::optional<net::TlsCredential> credential{};  // its own
};

// A client of one connection, HTTP/1.1 or HTTP/2, in the clear or by TLS.
class Client {
 public:
  Client(net::Loop& loop, net::Address address, UpstreamProtocol protocol = UpstreamProtocol::http1,
         std::optional<ClientTls> tls = {});
  net::Task<Result<Reply>> send(http::Request request, std::string body = {}, http::Fields trailers = {});
  net::Task<Result<Reply>> get(std::string target);
  net::Task<Result<std::unique_ptr<ClientExchange>>> open();

 private:
  net::Loop& loop_;
  net::Task<Result<net::Stream>> connect(net::Deadline deadline);

  net::Address address_;
  UpstreamProtocol protocol_;
  std::optional<ClientTls> tls_;
  Pool pool_;
};

// A test's loop, directory and controller, and whatever nodes and services it makes.
class MeshFixture : public ::testing::Test {
 protected:
  MeshFixture() {
    std::string pattern = ::testing::TempDir() + "mesh-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    controller_ = std::make_unique<FakeController>(loop_, directory_);
  }
  ~MeshFixture() override {
    for (const auto& node : nodes_) node->kill();
    services_.clear();
    nodes_.clear();
    controller_.reset();
    std::filesystem::remove_all(directory_);
  }

  Node& node(const std::string& service, const std::string& instance, OutsideOptions outside = {},
             bool has_records = true) {
    nodes_.push_back(
        std::make_unique<Node>(loop_, *controller_, directory_, service, instance, std::move(outside), has_records));
    return *nodes_.back();
  }

  FakeService& service(Node& node, std::uint16_t port, Handler handler) {
    services_.push_back(std::make_unique<FakeService>(loop_, std::move(handler)));
    node.compartment().listen(port, services_.back()->address());
    return *services_.back();
  }

  FakeService& raw_service(Node& node, std::uint16_t port, std::function<net::Task<>(net::Stream)> raw) {
    services_.push_back(std::make_unique<FakeService>(loop_, std::move(raw)));
    node.compartment().listen(port, services_.back()->address());
    return *services_.back();
  }

  // checkout may call payments at 8080; both snapshots, payments' one with its port.
  struct Pair {
    Snapshot caller;
    Snapshot callee;
  };
  Pair declare(Node& from, Node& to, Protocol protocol, const std::vector<std::string>& permissions = {}) {
    const policy::Edge edge = call("checkout", "payments", 8080, protocol, permissions);
    Pair pair{from.snapshot(), to.snapshot()};
    pair.callee.inbound.ports = {{8080, protocol}};
    pair.callee.inbound.edges = {edge};
    pair.callee.health.port = 8080;
    pair.callee.health.kind = protocol == Protocol::http ? HealthKind::http : HealthKind::tcp;
    pair.callee.health.guessed = true;
    pair.callee.health.path = "/";
    pair.caller.upstreams = {{"payments", 8080, protocol, spiffe_of("payments"), edge, {}}};
    pair.caller.upstreams[0].endpoints = {{to.instance(), to.inner(), true}};
    pair.caller.inbound.limits.hold_ms = 4000;
    pair.caller.doors = {{"127.0.0.1", from.door().port(), DoorKind::upstream, 0,
                          protocol == Protocol::tcp ? Handling::tcp : Handling::http}};
    return pair;
  }

  net::Task<> start(Node& from, Node& to, Pair pair) {
    controller_->set_snapshot(pair.callee);
    controller_->set_snapshot(pair.caller);
    to.start();
    from.start();
    co_await controller_->until_applied(to.instance());
    co_await controller_->until_applied(from.instance());
    co_await controller_->until([&] { return from.said("ready") && to.said("ready"); });
  }

  net::Loop loop_;
  std::string directory_;
  std::unique_ptr<FakeController> controller_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<FakeService>> services_;
};

http::Request request_of(std::string method, std::string target);
http::Request grpc_request(std::string target);
net::Task<Result<Reply>> read_reply(net::Loop& loop, ClientExchange& exchange);
// Answers with status and text.
net::Task<> reply_text(ServerExchange& exchange, std::uint16_t status, std::string text);
net::Task<std::string> read_request_body(ServerExchange& exchange);

}  // namespace bulkhead::proxy::testing
