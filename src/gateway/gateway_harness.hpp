#pragma once

// For tests and bench/: a real gateway in the proxy's test mesh, in front of the service payments.

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/gateway.hpp"
#include "identity/key.hpp"
#include "jose/signing_key.hpp"
#include "proxy/mesh_harness.hpp"

namespace bulkhead::gateway::testing {

using proxy::Hello;
using proxy::KeeperLink;
using proxy::Protocol;
using proxy::Provider;
using proxy::Role;
using proxy::Snapshot;
using proxy::testing::call;
using proxy::testing::certificate_for;
using proxy::testing::kApp;
using proxy::testing::kTrustDomain;
using proxy::testing::NamedCertificate;
using proxy::testing::Node;
using proxy::testing::spiffe_of;

inline constexpr std::string_view kHost = "shop.example";
inline constexpr std::string_view kService = "_gateway";

class GatewayFixture : public proxy::testing::MeshFixture {
 protected:
  GatewayFixture() : certificate_(certificate_for(std::string(kHost))) {
    Hello hello;
    hello.instance = "_gateway-1";
    hello.app = kApp;
    hello.service = kService;
    hello.role = Role::gateway;
    hello.trust_domain = kTrustDomain;
    hello.controller_socket = controller_->socket();
    hello.records = records_;
    for (const char* name : {"listen:0", "listen:1", "redirect"}) {
      auto probe = net::Listener::open(loop_, net::Address::loopback(0));
      addresses_.push_back(probe->address());
      hello.fds[name] = Fd(::dup(probe->fd()));
    }
    KeeperLink keeper{[this](std::string_view type, int) { said_.emplace(type); },
                      [](const Fault& fault) { throw std::runtime_error(fault.message); }};
    gateway_ = *Gateway::make(loop_, std::move(hello), std::move(keeper));
  }
  ~GatewayFixture() override { gateway_.reset(); }

  Snapshot snapshot(Node& to) {
    Snapshot made;
    made.app = kApp;
    made.service = kService;
    made.instance = "_gateway-1";
    made.trust_domain = kTrustDomain;
    made.spiffe_id = spiffe_of(kService);
    made.role = Role::gateway;
    policy::Edge edge = route_edge();
    made.upstreams = {{"payments", 8080, Protocol::http, spiffe_of("payments"), edge, {}}};
    made.upstreams[0].endpoints = {{to.instance(), to.inner(), true}};
    made.inbound.limits.hold_ms = 50;
    made.gateway.listeners = {
        {"listen:0", true, false, 0}, {"listen:1", false, false, 0}, {"redirect", false, true, addresses_[0].port()}};
    made.gateway.certificates = {{{std::string(kHost)}, certificate_.pem, key_pem()}};
    made.gateway.routes = {{"", "/api/pay/*", {"GET", "POST"}, 0, "/", "gateway.routes[0]"}};
    return made;
  }

  static policy::Edge route_edge() {
    policy::Edge edge = call(std::string(kService), "payments", 8080, Protocol::http);
    edge.kind = policy::Edge::Kind::route;
    edge.id = "gateway.routes[0]";
    return edge;
  }

  Snapshot callee(Node& to) {
    Snapshot made = to.snapshot();
    made.inbound.ports = {{8080, Protocol::http}};
    made.inbound.edges = {route_edge()};
    return made;
  }

  std::string key_pem() const { return *identity::private_key_pem(certificate_.key); }

  net::Task<> start(Node& to, Snapshot gateway, Snapshot behind) {
    controller_->set_snapshot(std::move(gateway));
    controller_->set_snapshot(std::move(behind));
    to.start();
    gateway_->start();
    co_await controller_->until_applied("_gateway-1");
    co_await controller_->until_applied(to.instance());
    co_await controller_->until([&] { return said_.contains("ready") && to.said("ready"); });
  }

  // The first route asks for users of `provider`, and a second one, /free/*, for nobody.
  static Snapshot with_users(Snapshot made, Provider provider) {
    const auto key = jose::SigningKey::generate(jose::Algorithm::es256);
    made.gateway.signing_key_pem = *key->private_pem();
    made.user_keys = key->public_jwk();
    made.gateway.routes.push_back(made.gateway.routes[0]);
    made.gateway.routes[0].rules.auth = manifest::Auth{{provider.name}};
    made.gateway.routes[1].path = "/free/*";
    made.gateway.providers = {std::move(provider)};
    return made;
  }

  const std::string records_ = directory_ + "/gateway.jsonl";
  NamedCertificate certificate_;
  std::vector<net::Address> addresses_;
  std::set<std::string> said_;
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace bulkhead::gateway::testing
