#include "proxy/outside.hpp"

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

bool may_leave_to(const net::Address& address, bool allow_private) {
  return address.is_ip() && (allow_private || address.scope() == net::Scope::global);
}

Outside::Outside(net::Loop& loop, OutsideOptions options)
    : loop_(loop),
      resolver_(loop, std::move(options.lookup)),
      pool_(loop, PoolOptions{}),
      trust_anchors_pem_(std::move(options.trust_anchors_pem)) {}

Result<std::shared_ptr<net::TlsContext>> Outside::client_context() {
  if (context_) return context_;
  net::TlsConfig config;
  config.role = net::TlsRole::client;
  config.peer = net::PeerCheck::server_name;
  config.alpn = {"http/1.1"};
  config.allow_tls12 = true;
  config.trust_anchors_pem = trust_anchors_pem_;
  config.system_roots = trust_anchors_pem_.empty();
  auto context = net::TlsContext::make(std::move(config));
  if (!context) return fail(std::move(context.error()));
  context_ = *context;
  return context_;
}

net::Task<std::expected<net::Stream, Why>> Outside::connect(const Egress& egress, net::Deadline deadline) {
  const auto resolved = co_await resolver_.resolve(egress.host, loop_.in(defaults::kResolve));
  if (!resolved) co_return std::unexpected(Why{RefusalCause::name_not_resolved, resolved.error().message});
  Why why{RefusalCause::prohibited_address, egress.host + " leads to an address inside, which was not declared"};
  for (const net::Address& address : *resolved) {
    if (!may_leave_to(address, egress.allow_private)) continue;
    auto stream = co_await net::connect(loop_, address.with_port(egress.port), deadline);
    if (stream) co_return std::move(*stream);
    why = {RefusalCause::unreachable, fmt::format("{}: {}", egress.host, stream.error().message)};
  }
  co_return std::unexpected(std::move(why));
}

net::Task<std::expected<net::Stream, Why>> Outside::connect_tls(const Egress& egress, net::Deadline deadline) {
  auto stream = co_await connect(egress, deadline);
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  auto context = client_context();
  if (!context) co_return std::unexpected(Why{RefusalCause::outside_tls, context.error().message});
  net::HandshakeOptions options;
  options.server_name = egress.host;
  const auto secured = co_await stream->handshake(*context, std::move(options), deadline);
  if (!secured) co_return std::unexpected(Why{RefusalCause::outside_tls, secured.error().message});
  co_return std::move(*stream);
}

// The pool knows only faults; which cause it was is kept aside for the answer.
net::Task<Result<net::Stream>> OutsideDestination::open(net::Deadline deadline) {
  const auto until = std::min(deadline, outside_.loop().in(defaults::kOutsideConnect));
  std::expected<net::Stream, Why> stream;
  if (egress_.scheme == Scheme::https) {
    stream = co_await outside_.connect_tls(egress_, until);
  } else {
    stream = co_await outside_.connect(egress_, until);
  }
  if (stream) co_return std::move(*stream);
  cause_ = stream.error().cause;
  co_return fail(Cause::unreachable, "{}", stream.error().detail);
}

net::Task<Attempt> OutsideDestination::next(Visit& visit, net::Deadline deadline) {
  visit.instance = egress_.host;
  if (++tries_ > kMaxTries) {
    co_return std::unexpected(Why{RefusalCause::unreachable, egress_.host + " closed every connection unanswered"});
  }
  const std::string key =
      fmt::format("{} {}:{} {}", to_string(egress_.scheme), egress_.host, egress_.port, egress_.allow_private);
  const PoolTarget target{key, UpstreamProtocol::http1, 0};
  const Connector connector = [this](net::Deadline connected) { return open(connected); };
  const auto until = std::min(deadline, outside_.loop().in(defaults::kOutsideConnect + defaults::kResolve));
  auto exchange = co_await outside_.pool().acquire(target, connector, until);
  if (!exchange) co_return std::unexpected(Why{cause_, std::move(exchange.error().message)});
  co_return std::move(*exchange);
}

}  // namespace bulkhead::proxy
