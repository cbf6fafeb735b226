#include "proxy/proof.hpp"

#include <array>

#include "proxy/defaults.hpp"
#include "proxy/request_fields.hpp"
#include "proxy/tunnels.hpp"

namespace bulkhead::proxy {

namespace {

// The own service as if it were an upstream.
Upstream ourselves(const Core& core, const net::Address& address) {
  const auto& ports = core.config->snapshot().inbound.ports;
  Upstream upstream;
  upstream.service = core.service();
  upstream.port = ports.empty() ? 1 : ports.front().number;
  upstream.spiffe_id = core.credentials.own().text();
  upstream.endpoints = {{core.instance, address.is_unix() ? address.text() : "tcp:" + address.text(), true}};
  return upstream;
}

net::Task<Result<>> stranger_is_refused(Core& core, net::Address address) {
  const auto deadline = core.loop.in(defaults::kHandshake);
  net::TlsConfig config = core.credentials.client_http()->config();
  config.credentials.clear();
  config.peer = net::PeerCheck::none;
  auto context = net::TlsContext::make(std::move(config));
  if (!context) co_return fail(std::move(context.error()));
  auto stream = co_await net::connect(core.loop, address, deadline);
  if (!stream) co_return fail(std::move(stream.error()));
  const auto secured = co_await stream->handshake(*context, {}, deadline);
  if (!secured) co_return Result<>{};
  // In TLS 1.3 the server judges the client after the client's own handshake is over.
  std::array<char, 256> buffer{};
  const auto read = co_await stream->read(buffer, deadline);
  if (read && *read > 0) co_return fail(Cause::internal, "the inner door served a peer without a certificate");
  co_return Result<>{};
}

net::Task<Result<>> request_is_refused(Core& core, Cluster& cluster, EndpointPtr endpoint) {
  const auto deadline = core.loop.in(defaults::kHandshake);
  const PoolTarget target{"proof", UpstreamProtocol::http2, core.mesh.generation};
  const Connector connector = [&](net::Deadline until) {
    return connect_to_peer(core.mesh, cluster, *endpoint, core.credentials.client_http(), until);
  };
  auto exchange = co_await core.pool.acquire(target, connector, deadline);
  if (!exchange) co_return fail(std::move(exchange.error()));
  http::Request request;
  request.method = "GET";
  request.scheme = "https";
  request.authority = cluster.service();
  request.target = "/";
  request.fields.add(kPortField, fmt::format("{}", cluster.port()));
  const auto sent = co_await (*exchange)->send_head(request, true, deadline);
  if (!sent) co_return fail(sent.error());
  const auto head = co_await (*exchange)->read_head(deadline);
  if (!head) co_return fail(head.error());
  const auto mark = head->fields.find(kRefusalField);
  const bool refused = head->status == 403 && mark && *mark == facts(RefusalCause::denied).name;
  if (!refused) co_return fail(Cause::internal, "the inner door did not deny: it answered {}", head->status);
  co_return Result<>{};
}

net::Task<Result<>> tunnel_is_refused(Core& core, Cluster& cluster, EndpointPtr endpoint) {
  const auto stream = co_await open_tunnel(core.mesh, cluster, *endpoint, {cluster.port(), {}});
  if (!stream && stream.error().cause == RefusalCause::denied) co_return Result<>{};
  co_return fail(Cause::internal, "the inner door did not deny a raw connection");
}

}  // namespace

net::Task<Result<>> prove_inner_door_denies(Core& core, net::Address address) {
  const auto stranger = co_await stranger_is_refused(core, address);
  if (!stranger) co_return stranger;
  Cluster cluster(core.loop, ourselves(core, address));
  const Draw first = [](std::size_t) { return std::size_t{0}; };
  const EndpointPtr endpoint = cluster.pick({.now = core.loop.now(), .even_suspects = true}, first);
  if (!endpoint) co_return fail(Cause::internal, "the inner door has no address");
  const auto request = co_await request_is_refused(core, cluster, endpoint);
  core.pool.close_all("proof");
  if (!request) co_return request;
  auto tunnel = co_await tunnel_is_refused(core, cluster, endpoint);
  co_return tunnel;
}

}  // namespace bulkhead::proxy
