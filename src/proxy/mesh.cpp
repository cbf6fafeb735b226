#include "proxy/mesh.hpp"

#include <algorithm>

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

HoldLimits hold_limits(const Limits& limits) {
  HoldLimits result{defaults::kMaxHeld, defaults::kHold};
  if (limits.max_held != 0) result.max_held = limits.max_held;
  if (limits.hold_ms != 0) result.hold = std::chrono::milliseconds(limits.hold_ms);
  return result;
}

Chooser::Chooser(Mesh& mesh, ClusterPtr cluster, HoldLimits limits)
    : mesh_(mesh),
      cluster_(std::move(cluster)),
      limits_(limits),
      deadline_(mesh.loop.in(limits.hold)),
      pause_(defaults::kRetryPauseFirst) {}

net::Task<std::expected<EndpointPtr, Why>> Chooser::next() {
  bool even_suspects = false;
  while (true) {
    if (abandoned_) co_return std::unexpected(Why{RefusalCause::unreachable, "no longer wanted"});
    if (cluster_->withdrawn()) co_return std::unexpected(Why{RefusalCause::denied, "the call is no longer declared"});
    const Draw draw = [this](std::size_t bound) { return mesh_.journal.draw(bound); };
    EndpointPtr endpoint;
    if (mesh_.credentials.usable()) endpoint = cluster_->pick(mesh_.loop.now(), draw, even_suspects);
    if (endpoint) {
      place_.reset();
      co_return endpoint;
    }
    auto why = co_await wait();
    if (why) co_return std::unexpected(std::move(*why));
    even_suspects = true;
  }
}

// Until something changed, or it is time for another round over endpoints that refused.
net::Task<std::optional<Why>> Chooser::wait() {
  if (deadline_.passed(mesh_.loop.now())) co_return gave_up();
  if (!place_) {
    if (cluster_->held() >= limits_.max_held) {
      co_return Why{RefusalCause::hold_full, fmt::format("{} requests wait already", cluster_->held())};
    }
    place_.emplace(*cluster_);
  }
  const auto round = mesh_.loop.in(pause_);
  const bool rounds = cluster_->has_ready() || !mesh_.credentials.usable();
  if (rounds) pause_ = std::min<net::Duration>(pause_ * 2, defaults::kRetryPauseLast);
  const auto until = rounds ? std::min(round, deadline_) : deadline_;
  // A timeout leads to another round, which finds out whether it was the last.
  const auto woken = co_await cluster_->changed().wait(until);
  if (!woken && woken.error().cause == Cause::closed) co_return gave_up();
  co_return std::nullopt;
}

Why Chooser::gave_up() const {
  if (!mesh_.credentials.usable()) return {RefusalCause::no_identity, "this instance has no valid certificate"};
  const auto seconds = std::chrono::duration<double>(limits_.hold).count();
  if (!last_detail_.empty()) return {RefusalCause::unreachable, last_detail_};
  return {RefusalCause::no_ready_instance, fmt::format("no instance became ready within {:g} s", seconds)};
}

void Chooser::refused(EndpointState& endpoint, std::string detail) {
  cluster_->suspect(endpoint, mesh_.loop.now());
  last_detail_ = std::move(detail);
}

void Chooser::abandon() {
  abandoned_ = true;
  cluster_->changed().notify_all();
}

net::Task<Result<net::Stream>> connect_to_peer(Mesh& mesh, const Cluster& cluster, EndpointState& endpoint,
                                               std::shared_ptr<net::TlsContext> context, net::Deadline deadline) {
  auto expected = identity::SpiffeId::parse(cluster.spiffe_id());
  if (!expected) co_return fail(std::move(expected.error()));
  auto stream =
      co_await net::connect(mesh.loop, endpoint.address, std::min(deadline, mesh.loop.in(defaults::kConnect)));
  if (!stream) co_return fail(within(endpoint.instance, std::move(stream.error())));
  net::HandshakeOptions options;
  options.session = endpoint.session;
  options.expect = identity::expect_peer(std::move(*expected));
  const auto secured = co_await stream->handshake(std::move(context), std::move(options), deadline);
  if (!secured) co_return fail(within(endpoint.instance, secured.error()));
  co_return std::move(*stream);
}

MeshDestination::MeshDestination(Mesh& mesh, ClusterPtr cluster, HoldLimits limits)
    : mesh_(mesh), chooser_(mesh, std::move(cluster), limits) {}

MeshDestination::~MeshDestination() { ended(false); }

net::Task<Attempt> MeshDestination::next(Visit& visit) {
  while (true) {
    auto endpoint = co_await chooser_.next();
    if (!endpoint) co_return std::unexpected(std::move(endpoint.error()));
    EndpointState& state = **endpoint;
    const PoolTarget target{state.pool_key, UpstreamProtocol::http2, mesh_.generation};
    const Connector connector = [this, &state](net::Deadline deadline) {
      return connect_to_peer(mesh_, chooser_.cluster(), state, mesh_.credentials.client_http(), deadline);
    };
    const auto deadline = mesh_.loop.in(defaults::kHandshake);
    auto exchange = co_await mesh_.pool.acquire(target, connector, deadline);
    if (exchange) {
      endpoint_ = std::move(*endpoint);
      ++endpoint_->outstanding;
      began_ = mesh_.loop.now();
      visit.instance = endpoint_->instance;
      co_return std::move(*exchange);
    }
    ++visit.attempts;
    chooser_.refused(state, exchange.error().message);
  }
}

void MeshDestination::answered() {
  if (endpoint_) endpoint_->latency.record(mesh_.loop.now() - began_, mesh_.loop.now());
}

void MeshDestination::ended(bool never_sent) {
  if (!endpoint_) return;
  --endpoint_->outstanding;
  if (never_sent) chooser_.refused(*endpoint_, endpoint_->instance + " did not take the request");
  endpoint_.reset();
}

}  // namespace bulkhead::proxy
