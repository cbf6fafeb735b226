#include "proxy/mesh.hpp"

#include <algorithm>

#include "http/grpc.hpp"
#include "proxy/deadlines.hpp"
#include "proxy/defaults.hpp"
#include "proxy/request_fields.hpp"

namespace bulkhead::proxy {

HoldLimits hold_limits(const Limits& limits) {
  HoldLimits result{defaults::kMaxHeld, defaults::kHold};
  if (limits.max_held != 0) result.max_held = limits.max_held;
  if (limits.hold_ms != 0) result.hold = std::chrono::milliseconds(limits.hold_ms);
  return result;
}

Chooser::Chooser(Mesh& mesh, CallPtr call, HoldLimits limits)
    : mesh_(mesh),
      call_(std::move(call)),
      limits_(limits),
      deadline_(mesh.loop.in(limits.hold)),
      pause_(defaults::kRetryPauseFirst) {}

net::Task<std::expected<EndpointPtr, Why>> Chooser::next(net::Deadline deadline) {
  bool even_suspects = false;
  while (true) {
    Cluster& cluster = call_->cluster();
    if (abandoned_) co_return std::unexpected(Why{RefusalCause::unreachable, "no longer wanted"});
    if (cluster.withdrawn()) co_return std::unexpected(Why{RefusalCause::denied, "the call is no longer declared"});
    const Draw draw = [this](std::size_t bound) { return mesh_.journal.draw(bound); };
    EndpointPtr endpoint;
    if (mesh_.credentials.usable()) endpoint = call_->pick(draw, even_suspects, avoid_.get());
    if (endpoint) {
      place_.reset();
      co_return endpoint;
    }
    auto why = co_await wait(deadline);
    if (why) co_return std::unexpected(std::move(*why));
    even_suspects = true;
  }
}

// Until something changed, or it is time for another round over endpoints that refused.
net::Task<std::optional<Why>> Chooser::wait(net::Deadline deadline) {
  Cluster& cluster = call_->cluster();
  const auto last = std::min(deadline_, deadline);
  if (last.passed(mesh_.loop.now())) co_return gave_up(deadline);
  if (!place_) {
    if (cluster.held() >= limits_.max_held) {
      co_return Why{RefusalCause::hold_full, fmt::format("{} requests wait already", cluster.held())};
    }
    place_.emplace(cluster);
  }
  const auto round = mesh_.loop.in(pause_);
  const bool rounds = cluster.has_ready() || !mesh_.credentials.usable();
  if (rounds) pause_ = std::min<net::Duration>(pause_ * 2, defaults::kRetryPauseLast);
  const auto until = rounds ? std::min(round, last) : last;
  // A timeout leads to another round, which finds out whether it was the last.
  const auto woken = co_await cluster.changed().wait(until);
  if (!woken && woken.error().cause == Cause::closed) co_return gave_up(deadline);
  co_return std::nullopt;
}

Why Chooser::gave_up(net::Deadline deadline) const {
  if (!mesh_.credentials.usable()) return {RefusalCause::no_identity, "this instance has no valid certificate"};
  const bool too_late = deadline < deadline_ && deadline.passed(mesh_.loop.now());
  if (too_late && last_detail_.empty()) {
    return {RefusalCause::timed_out, "no instance became ready in the time that this request had"};
  }
  if (too_late) return {RefusalCause::timed_out, last_detail_};
  const auto seconds = std::chrono::duration<double>(limits_.hold).count();
  if (!last_detail_.empty()) return {RefusalCause::unreachable, last_detail_};
  return {RefusalCause::no_ready_instance, fmt::format("no instance became ready within {:g} s", seconds)};
}

void Chooser::refused(EndpointState& endpoint, std::string detail) {
  call_->cluster().suspect(endpoint, mesh_.loop.now());
  last_detail_ = std::move(detail);
}

void Chooser::abandon() {
  abandoned_ = true;
  call_->cluster().changed().notify_all();
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

MeshDestination::MeshDestination(Mesh& mesh, CallPtr call, HoldLimits limits)
    : mesh_(mesh), chooser_(mesh, std::move(call), limits) {}

MeshDestination::~MeshDestination() { ended(std::nullopt); }

void MeshDestination::forget() {
  if (pass_) chooser_.call().forget(*pass_);
  pass_.reset();
}

net::Task<Attempt> MeshDestination::next(Visit& visit, net::Deadline deadline) {
  Call& call = chooser_.call();
  pass_ = call.pass();
  if (pass_->refused()) {
    Why why{RefusalCause::circuit_open, std::move(pass_->refusal)};
    pass_.reset();
    co_return std::unexpected(std::move(why));
  }
  while (true) {
    auto endpoint = co_await chooser_.next(deadline);
    if (!endpoint) {
      const RefusalCause cause = endpoint.error().cause;
      const bool failed = cause == RefusalCause::unreachable || cause == RefusalCause::no_ready_instance;
      if (failed && !abandoned_) call.fail(*std::exchange(pass_, std::nullopt), facts(cause).name);
      forget();
      co_return std::unexpected(std::move(endpoint.error()));
    }
    EndpointState& state = **endpoint;
    const PoolTarget target{state.pool_key, UpstreamProtocol::http2, mesh_.generation};
    const Connector connector = [this, &state](net::Deadline until) {
      return connect_to_peer(mesh_, chooser_.cluster(), state, mesh_.credentials.client_http(), until);
    };
    const auto until = std::min(deadline, mesh_.loop.in(defaults::kHandshake));
    auto exchange = co_await mesh_.pool.acquire(target, connector, until);
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

void MeshDestination::prepare(http::Request& request, net::Deadline deadline) {
  request.fields.set(kPortField, chooser_.cluster().port_text());
  tell_deadline(request, deadline, mesh_.loop.now());
}

void MeshDestination::judge(const TryOutcome& outcome) {
  if (pass_) chooser_.call().judge(*pass_, *endpoint_, outcome);
  pass_.reset();
}

void MeshDestination::answered(const TryOutcome& outcome, bool stays) {
  if (!endpoint_) return;
  endpoint_->latency.record(mesh_.loop.now() - began_, mesh_.loop.now());
  // A probe that lasts would keep the others out.
  if (stays || (pass_ && pass_->probe)) judge(outcome);
}

void MeshDestination::ended(const std::optional<TryOutcome>& outcome) {
  if (endpoint_) {
    --endpoint_->outstanding;
    if (outcome) judge(*outcome);
    if (outcome && outcome->never_sent) {
      chooser_.refused(*endpoint_, endpoint_->instance + " did not take the request");
    }
    chooser_.avoid(endpoint_);
    endpoint_.reset();
  }
  forget();
}

void tell_deadline(http::Request& request, net::Deadline deadline, net::SteadyTime now) {
  if (deadline.is_never()) return;
  const auto left = std::max(net::Duration(0), deadline.time() - now);
  if (http::is_grpc(request.fields)) {
    request.fields.set(kGrpcTimeout, format_grpc_timeout(left));
  } else {
    request.fields.set(kTimeoutField, format_timeout(left));
  }
}

}  // namespace bulkhead::proxy
