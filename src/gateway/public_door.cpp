#include "gateway/public_door.hpp"

#include <algorithm>
#include <bit>

#include "proxy/defaults.hpp"

namespace bulkhead::gateway {

namespace {

constexpr std::uint16_t kHttps = 443;

bool is_host_character(char c) {
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
}

// What was drawn lately is known to nobody outside.
std::uint64_t draw_seed(const telemetry::Random& random) {
  std::array<unsigned char, sizeof(std::uint64_t)> octets{};
  random(octets);
  return std::bit_cast<std::uint64_t>(octets);
}

// Of everybody whose certificates a route takes; "" where none does, and nobody is asked for one.
std::string client_anchors_of(const proxy::Gateway& gateway) {
  std::string anchors;
  for (const proxy::Provider& provider : gateway.providers) {
    const bool asked = std::ranges::any_of(gateway.routes, [&](const proxy::Route& route) {
      const auto& auth = route.rules.auth;
      return auth && std::ranges::find(auth->by, provider.name) != auth->by.end();
    });
    if (asked && !provider.client_anchors_pem.empty()) anchors += provider.client_anchors_pem + "\n";
  }
  return anchors;
}

}  // namespace

std::string https_location(std::string_view authority, std::string_view target, std::uint16_t https_port) {
  const std::string host = proxy::host_of(authority);
  if (host.empty() || !std::ranges::all_of(host, is_host_character) || !target.starts_with('/')) return "";
  const bool usual = https_port == 0 || https_port == kHttps;
  return usual ? fmt::format("https://{}{}", host, target) : fmt::format("https://{}:{}{}", host, https_port, target);
}

PublicDoor::PublicDoor(proxy::Core& core, proxy::OutsideOptions outside)
    : core_(core),
      shutdown_(core.loop),
      limits_(draw_seed(core.journal.random())),
      outside_(core.loop, std::move(outside)),
      fetching_(core.loop),
      gate_(core.loop) {
  plain_.scheme = "http";
  secure_.scheme = "https";
  plain_.drain_idle = secure_.drain_idle = proxy::defaults::kDrainIdle;
}

Result<> PublicDoor::adopt(const std::string& name, Fd listening) {
  auto listener = net::Listener::adopt(core_.loop, std::move(listening));
  if (!listener) return fail(within(name, std::move(listener.error())));
  listeners_[name] = std::make_unique<net::Listener>(std::move(*listener));
  return {};
}

Result<> PublicDoor::take_certificates(const proxy::Snapshot& snapshot) {
  const auto& certificates = snapshot.gateway.certificates;
  std::string anchors = client_anchors_of(snapshot.gateway);
  const bool same = certificates == certificates_ && anchors == client_anchors_ && snapshot.gateway.tls12 == tls12_;
  if (certificates.empty() || same) return {};
  net::TlsConfig config;
  config.role = net::TlsRole::server;
  config.peer = anchors.empty() ? net::PeerCheck::none : net::PeerCheck::asked;
  config.trust_anchors_pem = anchors;
  config.alpn = {"h2", "http/1.1"};
  config.allow_tls12 = snapshot.gateway.tls12;
  for (const proxy::Certificate& certificate : certificates) {
    auto key = net::private_key_from_pem(certificate.key_pem);
    if (!key) return fail(Cause::invalid, "the gateway's key can't be read");
    config.credentials.push_back({certificate.chain_pem, std::move(*key)});
  }
  auto made = net::TlsContext::make(std::move(config));
  if (!made) return fail(within("the gateway's certificate", std::move(made.error())));
  tls_ = std::move(*made);
  certificates_ = certificates;
  client_anchors_ = std::move(anchors);
  tls12_ = snapshot.gateway.tls12;
  return {};
}

Result<> PublicDoor::apply(const proxy::Snapshot& snapshot) {
  if (auto taken = take_certificates(snapshot); !taken) return taken;
  if (auto configured = access_.configure(snapshot.gateway); !configured) return configured;
  if (auto configured = authenticator_.configure(snapshot.gateway); !configured) return configured;
  if (auto taken = minter_.take(snapshot); !taken) return taken;
  limits_.configure(snapshot.gateway);
  fetch_keys(snapshot);
  return {};
}

void PublicDoor::fetch_keys(const proxy::Snapshot& snapshot) {
  std::map<std::string, std::shared_ptr<KeyFetcher>, std::less<>> next;
  for (const proxy::Provider& provider : snapshot.gateway.providers) {
    if (provider.issuer.empty() || !provider.jwks.empty()) continue;
    const auto known = fetchers_.find(provider.name);
    if (known != fetchers_.end() && known->second->provider() == provider) {
      next.insert(fetchers_.extract(known));
      continue;
    }
    auto fetcher = std::make_shared<KeyFetcher>(core_, outside_, provider, snapshot.egress,
                                                [this, name = provider.name](std::optional<jose::KeySet> keys) {
                                                  authenticator_.take_keys(name, std::move(keys));
                                                  if (core_.config) core_.flights.review(*core_.config);
                                                });
    fetching_.spawn(fetcher->run(fetcher));
    next.emplace(provider.name, std::move(fetcher));
  }
  for (const auto& [name, fetcher] : fetchers_) fetcher->stop();
  fetchers_ = std::move(next);
}

net::Task<> PublicDoor::close_outside() {
  for (const auto& [name, fetcher] : fetchers_) fetcher->stop();
  co_await outside_.close();
}

void PublicDoor::start() {
  for (const auto& [name, listener] : listeners_) gate_.spawn(accept(name, *listener));
}

net::Task<> PublicDoor::drain(net::Deadline deadline) {
  for (const auto& [name, listener] : listeners_) listener->close();
  shutdown_.set();
  while (gate_.inside() > 0 && !deadline.passed(core_.loop.now())) {
    co_await net::sleep(core_.loop, core_.loop.in(std::chrono::milliseconds(10)));
  }
}

net::Task<> PublicDoor::accept(std::string name, net::Listener& listener) {
  while (true) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    gate_.spawn(serve_connection(name, std::move(*stream)));
  }
}

net::Task<> PublicDoor::serve_connection(std::string name, net::Stream stream) {
  const proxy::ConfigPtr config = core_.config;
  const auto& listeners = config->snapshot().gateway.listeners;
  const auto found = std::ranges::find(listeners, name, &proxy::Listener::name);
  if (found == listeners.end()) co_return;
  const net::Address peer = stream.peer_address();
  Client client{peer.ip_text(), octets_of(peer)};
  if (!access_.admits(client.octets)) co_return;
  const auto turn = quarantine_.admit(peer, core_.loop.now());
  if (!turn) co_return;
  if (*turn > core_.loop.now()) {
    const Result<> ending = co_await shutdown_.wait(net::Deadline(*turn));
    if (ending) co_return;
  }
  client.tls = found->tls && !found->redirect_to_https;
  if (client.tls) {
    const auto secured = co_await stream.handshake(tls_, {}, core_.loop.in(proxy::defaults::kHandshake));
    if (!secured) co_return core_.journal.failed_handshake(client.ip, secured.error());
  }
  ClientCertificate certificate(stream.peer_certificates());
  if (client.tls) client.certificate = &certificate;
  const std::uint16_t https_port = found->https_port;
  const bool redirects = found->redirect_to_https;
  const proxy::Handler handler = [&](proxy::ServerExchange& exchange) {
    return redirects ? redirect(exchange, https_port) : serve_request(exchange, client);
  };
  const Result<> served = co_await proxy::serve(std::move(stream), handler, client.tls ? secure_ : plain_, shutdown_);
  if (served) co_return;
  quarantine_.flooded(peer, core_.loop.now());
  core_.journal.flooded(client.ip, served.error());
}

net::Task<> PublicDoor::redirect(proxy::ServerExchange& exchange, std::uint16_t https_port) {
  const http::Request& request = exchange.request();
  http::Response response;
  const std::string location = https_location(request.authority, request.target, https_port);
  response.status = location.empty() ? 400 : 308;
  if (!location.empty()) response.fields.add("location", location);
  response.content_length = 0;
  // A client that does not wait for the answer to its redirect is nobody's loss.
  static_cast<void>(co_await exchange.send_head(std::move(response), true));
}

}  // namespace bulkhead::gateway
