#include "proxy/local_service.hpp"

#include <algorithm>

#include "proxy/defaults.hpp"
#include "proxy/mesh.hpp"

namespace bulkhead::proxy {

LocalService::LocalService(net::Loop& loop, std::unique_ptr<Vendor> vendor)
    : vendor_(std::move(vendor)), pool_(loop, {.max_connections = defaults::kMaxInFlight}) {}

net::Task<Result<net::Stream>> LocalService::connect(std::uint16_t port, net::Deadline deadline) {
  if (!vendor_)
    return [](std::uint16_t wanted) -> net::Task<Result<net::Stream>> {
      co_return fail(Cause::unreachable, "there is no compartment to reach port {} in", wanted);
    }(port);
  return vendor_->connect(port, deadline);
}

net::Task<Result<std::unique_ptr<ClientExchange>>> LocalService::acquire(std::uint16_t port, Protocol protocol,
                                                                         net::Deadline deadline) {
  const bool grpc = protocol == Protocol::grpc;
  const std::string key = std::to_string(port) + (grpc ? " grpc" : "");
  const PoolTarget target{key, grpc ? UpstreamProtocol::http2 : UpstreamProtocol::http1, 0};
  const Connector connector = [this, port](net::Deadline until) { return connect(port, until); };
  auto exchange = co_await pool_.acquire(target, connector, deadline);
  co_return exchange;
}

net::Task<> LocalService::close() { return pool_.close(); }

net::Task<Attempt> LocalDestination::next(Visit& visit, net::Deadline deadline) {
  visit.instance = instance_;
  if (++tries_ > kMaxTries) {
    co_return std::unexpected(Why{RefusalCause::unreachable, "the service closed every connection unanswered"});
  }
  const auto until = std::min(deadline, loop_.in(defaults::kVend));
  auto exchange = co_await service_.acquire(port_.number, port_.protocol, until);
  if (exchange) co_return std::move(*exchange);
  const bool full = exchange.error().cause == Cause::exhausted;
  co_return std::unexpected(
      Why{full ? RefusalCause::overloaded : RefusalCause::unreachable, std::move(exchange.error().message)});
}

// A program knows how much time it has where its protocol has a field for it.
void LocalDestination::prepare(http::Request& request, net::Deadline deadline) {
  if (!deadline.is_never() && http::is_grpc(request.fields)) tell_deadline(request, deadline, loop_.now());
}

}  // namespace bulkhead::proxy
