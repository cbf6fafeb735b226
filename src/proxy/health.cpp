#include "proxy/health.hpp"

#include <algorithm>

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

namespace {

constexpr std::size_t kFrameHead = 5;  // of a gRPC message: compressed flag, length
constexpr std::size_t kMaxAnswer = 64U << 10U;
constexpr char kServiceField = 0x0a;  // field 1, length-delimited
constexpr char kStatusField = 0x08;   // field 1, varint
constexpr char kServing = 1;

net::Duration or_default(std::uint32_t milliseconds, net::Duration otherwise) {
  return milliseconds == 0 ? otherwise : std::chrono::milliseconds(milliseconds);
}

// The rest of an answer is read so that its connection can be used again.
net::Task<Result<std::string>> read_answer(ClientExchange& exchange, net::Deadline deadline) {
  std::string body;
  while (true) {
    const auto part = co_await exchange.read_body(deadline);
    if (!part) co_return fail(part.error());
    if (body.size() + part->data.size() > kMaxAnswer) co_return body;
    body.append(part->data);
    if (part->end) co_return body;
  }
}

}  // namespace

Readiness::Change Readiness::record(bool success, std::uint32_t retries) {
  if (success) {
    failures_ = 0;
    return std::exchange(ready_, true) ? Change::none : Change::became_ready;
  }
  if (!ready_ || ++failures_ < retries) return Change::none;
  ready_ = false;
  failures_ = 0;
  return Change::became_unready;
}

std::string health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message.append({kServiceField, static_cast<char>(std::min<std::size_t>(service.size(), 127))});
    message.append(service.substr(0, 127));
  }
  std::string frame(kFrameHead, '\0');
  frame[kFrameHead - 1] = static_cast<char>(message.size());
  return frame + message;
}

bool says_serving(std::string_view answer) {
  return answer.size() >= kFrameHead + 2 && answer[0] == 0 && answer[kFrameHead] == kStatusField &&
         answer[kFrameHead + 1] == kServing;
}

HealthChecker::HealthChecker(Core& core, LocalService& service, Report report)
    : core_(core), service_(service), report_(std::move(report)), gate_(core.loop) {}

void HealthChecker::start() {
  if (!std::exchange(started_, true)) gate_.spawn(run());
}

net::Task<> HealthChecker::run() {
  auto eager = std::chrono::duration_cast<net::Duration>(defaults::kHealthEager);
  while (!gate_.is_closed()) {
    const Health health = core_.config->snapshot().health;
    const auto checked = co_await check(health);
    if (gate_.is_closed()) co_return;
    const std::uint32_t retries = health.retries == 0 ? defaults::kHealthRetries : health.retries;
    const std::string detail = checked ? "" : checked.error().message;
    switch (readiness_.record(checked.has_value(), retries)) {
      case Readiness::Change::became_ready: report_(true, ""); break;
      case Readiness::Change::became_unready: report_(false, detail); break;
      case Readiness::Change::none: break;
    }
    auto pause = or_default(health.interval_ms, defaults::kHealthInterval);
    if (!readiness_.ready()) {
      pause = std::min(pause, eager);
      eager = std::min<net::Duration>(eager * 2, defaults::kHealthEagerLast);
    }
    co_await net::sleep(core_.loop, core_.loop.in(pause));
  }
}

net::Task<Result<>> HealthChecker::check(const Health& health) {
  const auto deadline = core_.loop.in(or_default(health.timeout_ms, defaults::kHealthTimeout));
  if (health.port == 0) co_return Result<>{};
  switch (health.kind) {
    case HealthKind::http: co_return co_await check_http(health, deadline);
    case HealthKind::grpc: co_return co_await check_grpc(health, deadline);
    case HealthKind::tcp: co_return co_await check_tcp(health, deadline);
  }
  co_return fail(Cause::internal, "an unknown kind of health check");
}

net::Task<Result<>> HealthChecker::check_http(const Health& health, net::Deadline deadline) {
  auto exchange = co_await service_.acquire(health.port, Protocol::http, deadline);
  if (!exchange) co_return fail(std::move(exchange.error()));
  http::Request request;
  request.method = "GET";
  request.authority = "localhost";
  request.target = health.path.empty() ? "/" : health.path;
  request.fields.add("user-agent", "bulkhead-health");
  const auto sent = co_await (*exchange)->send_head(request, true, deadline);
  if (!sent) co_return fail(sent.error());
  auto head = co_await (*exchange)->read_head(deadline);
  while (head && head->interim()) head = co_await (*exchange)->read_head(deadline);
  if (!head) co_return fail(within("health check", head.error()));
  if (head->body) co_await read_answer(**exchange, deadline);
  const std::uint16_t below = health.guessed ? 500 : 400;
  const bool good = head->status >= 200 && head->status < below;
  if (!good) co_return fail(Cause::conflict, "GET {} answered {}", request.target, head->status);
  co_return Result<>{};
}

net::Task<Result<>> HealthChecker::check_grpc(const Health& health, net::Deadline deadline) {
  auto exchange = co_await service_.acquire(health.port, Protocol::grpc, deadline);
  if (!exchange) co_return fail(std::move(exchange.error()));
  http::Request request;
  request.method = "POST";
  request.scheme = "http";
  request.authority = "localhost";
  request.target = "/grpc.health.v1.Health/Check";
  request.version = http::Version::http2;
  request.fields.add("content-type", "application/grpc");
  request.fields.add("te", "trailers");
  request.body = true;
  const auto sent = co_await (*exchange)->send_head(request, false, deadline);
  if (!sent) co_return fail(sent.error());
  const std::string message = health_request(health.path);
  const auto written = co_await (*exchange)->send_body(message, true, deadline);
  if (!written) co_return fail(written.error());
  auto head = co_await (*exchange)->read_head(deadline);
  if (!head) co_return fail(within("health check", head.error()));
  // A server that speaks gRPC but does not know of health is as ready as can be told.
  if (health.guessed && http::is_grpc(head->fields)) co_return Result<>{};
  if (!head->body) co_return fail(Cause::conflict, "grpc.health.v1 is not served");
  const auto answer = co_await read_answer(**exchange, deadline);
  if (!answer) co_return fail(answer.error());
  if (!says_serving(*answer)) co_return fail(Cause::conflict, "grpc.health.v1 does not answer SERVING");
  co_return Result<>{};
}

net::Task<Result<>> HealthChecker::check_tcp(const Health& health, net::Deadline deadline) {
  const auto stream = co_await service_.connect(health.port, deadline);
  if (!stream) co_return fail(stream.error());
  co_return Result<>{};
}

}  // namespace bulkhead::proxy
