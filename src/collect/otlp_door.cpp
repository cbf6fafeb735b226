#include "collect/otlp_door.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>
#include <zlib.h>

#include "collect/clock.hpp"
#include "collect/protobuf.hpp"
#include "proxy/telemetry_door.hpp"

namespace bulkhead::collect {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::size_t kMostBody = 4U << 20U;
constexpr std::size_t kMostInflated = 16U << 20U;
constexpr auto kPatience = 20s;
// Spans and log records a second of one service, and how many at once.
constexpr double kEverySecond = 5'000;
constexpr double kBurst = 50'000;
constexpr auto kWriteEvery = 1s;

struct Place {
  std::string_view path;
  std::string_view kind;  // "traces", "logs", "metrics"
};
constexpr Place kPlaces[] = {
    {"/v1/traces", "traces"},
    {"/v1/logs", "logs"},
    {"/v1/metrics", "metrics"},
    {"/opentelemetry.proto.collector.trace.v1.TraceService/Export", "traces"},
    {"/opentelemetry.proto.collector.logs.v1.LogsService/Export", "logs"},
    {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "metrics"},
};

std::string field_of(const http::Request& request, std::string_view name) {
  for (const http::Field field : request.fields)
    if (http::equal_ignoring_case(field.name, name)) return std::string(field.value);
  return "";
}

// ExportTracePartialSuccess and its likes have the same two fields, whose first has another name in JSON.
std::string partial_success(std::size_t refused, std::string_view why, bool as_json, const char* what) {
  if (refused == 0) return as_json ? "{}" : "";
  if (as_json)
    return json{
        {"partialSuccess", {{fmt::format("rejected{}", what), fmt::format("{}", refused)}, {"errorMessage", why}}}}
        .dump();
  ProtobufWriter inner, message;
  inner.varint(1, refused);
  inner.text(2, why);
  message.message(1, inner);
  return message.take();
}

}  // namespace

Result<std::string> gunzip(std::string_view compressed, std::size_t most) {
  z_stream stream{};
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (::inflateInit2(&stream, kGzipOnly) != Z_OK) return fail(Cause::internal, "no memory to inflate");
  const std::unique_ptr<z_stream, decltype(&::inflateEnd)> end(&stream, &::inflateEnd);
  std::string out;
  std::array<char, 65536> block{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  for (int code = Z_OK; code != Z_STREAM_END;) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = block.size();
    code = ::inflate(&stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END) return fail(Cause::invalid, "the body is no whole gzip");
    out.append(block.data(), block.size() - stream.avail_out);
    if (out.size() > most)
      return fail(Cause::exhausted, "the body is more than {} MiB when it is inflated", most >> 20U);
    if (code == Z_OK && stream.avail_in == 0 && stream.avail_out != 0)
      return fail(Cause::invalid, "the body is no whole gzip");
  }
  return out;
}

OtlpDoor::OtlpDoor(net::Loop& loop, Intake& intake, ProgramMetrics& metrics)
    : loop_(loop), intake_(intake), metrics_(metrics) {}

net::Task<> OtlpDoor::serve(net::Stream stream, net::Event& shutdown) {
  const auto instance = co_await proxy::read_telemetry_preamble(stream, loop_.in(5s));
  if (!instance) co_return;
  const proxy::Handler handler = [this, &instance](proxy::ServerExchange& exchange) {
    return handle(exchange, *instance);
  };
  const auto served = co_await proxy::serve(std::move(stream), handler, options_, shutdown);
  static_cast<void>(served);
}

net::Task<> OtlpDoor::handle(proxy::ServerExchange& exchange, const std::string& instance) {
  const http::Request request = std::move(exchange.request());
  const std::string type = field_of(request, "content-type");
  const bool grpc = type.starts_with("application/grpc");
  const bool as_json = type.starts_with("application/json");
  const auto place = std::ranges::find(kPlaces, std::string_view(request.target), &Place::path);
  Reply reply;
  if (request.method != "POST" || place == std::end(kPlaces)) {
    reply = {404, 12, "OTLP is taken here: POST /v1/traces, /v1/logs, /v1/metrics, or its gRPC services"};
  } else if (!grpc && !as_json && !type.starts_with("application/x-protobuf")) {
    reply = {415, 3, "the content-type is none of application/x-protobuf, application/json and application/grpc"};
  } else {
    const std::string coding = field_of(request, grpc ? "grpc-encoding" : "content-encoding");
    const bool gzip = coding == "gzip";
    if (!gzip && !coding.empty() && coding != "identity") {
      reply = {415, 12, "only gzip and identity are understood"};
    } else {
      auto body = co_await read_body(exchange, grpc, gzip);
      if (!body) {
        const bool large = body.error().cause == Cause::exhausted;
        reply = {static_cast<std::uint16_t>(large ? 413 : 400), large ? 8 : 3, body.error().message};
      } else if (closed_) {
        reply = {503, 14, "the collector is ending, and another one comes"};
      } else if (!secrets_) {
        reply = {503, 14, "the collector has not been told yet what it must not write down"};
      } else {
        // Before anything reads it; in a message of protobuf the lengths stay as they are.
        const auto own = secrets_->find(service_of(instance));
        if (own != secrets_->end()) own->second.hide(*body);
        reply = place->kind == "metrics"
                    ? take_metrics(as_json, *body, instance)
                    : take(place->kind == "traces" ? Signal::traces : Signal::logs, as_json, *body, instance);
      }
    }
  }
  co_await answer(exchange, reply, grpc, as_json);
}

net::Task<Result<std::string>> OtlpDoor::read_body(proxy::ServerExchange& exchange, bool grpc, bool gzip) {
  std::string body;
  for (;;) {
    const auto part = co_await exchange.read_body(loop_.in(kPatience));
    if (!part) co_return fail(part.error());
    body.append(part->data);
    if (body.size() > kMostBody) co_return fail(Cause::exhausted, "a request has at most {} MiB", kMostBody >> 20U);
    if (part->end) break;
  }
  bool compressed = gzip;
  if (grpc) {
    // One message: a flag, its length, itself (gRPC over HTTP/2, "Length-Prefixed-Message").
    std::size_t size = 0;
    for (std::size_t i = 1; i < 5 && body.size() >= 5; ++i) size = size << 8U | static_cast<std::uint8_t>(body[i]);
    if (body.size() < 5 || size != body.size() - 5)
      co_return fail(Cause::invalid, "the body is not one whole gRPC message");
    compressed = body[0] == 1;
    body.erase(0, 5);
  }
  if (!compressed) co_return body;
  co_return gunzip(body, kMostInflated);
}

OtlpDoor::Bucket& OtlpDoor::bucket_of(const std::string& service) {
  Bucket& bucket = buckets_.try_emplace(service, Bucket{.tokens = kBurst, .filled = loop_.now()}).first->second;
  const double seconds = std::chrono::duration<double>(loop_.now() - bucket.filled).count();
  bucket.tokens = std::min(kBurst, bucket.tokens + seconds * kEverySecond);
  bucket.filled = loop_.now();
  return bucket;
}

void OtlpDoor::tick() {
  if (closed_) return;
  metrics_.forget(loop_.now());
  for (auto& [service, bucket] : buckets_) {
    if (bucket.left_out == 0 || loop_.now() - bucket.written < kWriteEvery) continue;
    const bool put = intake_.put([name = service, count = bucket.left_out](Window& window) {
      return window.add_loss(unix_millis(), name, count, "told by its program above its limit");
    });
    if (put) bucket.left_out = 0;
    bucket.written = loop_.now();
  }
}

OtlpDoor::Reply OtlpDoor::take(Signal signal, bool as_json, const std::string& body, const std::string& instance) {
  const std::string service = service_of(instance);
  Bucket& bucket = bucket_of(service);
  const auto most = static_cast<std::size_t>(bucket.tokens);
  auto told = as_json ? read_otlp_json(signal, body, most) : read_otlp_protobuf(signal, body, most);
  if (!told) return {400, 3, told.error().message};
  const std::size_t items = told->spans.size() + told->logs.size();
  Reply reply;
  if (signal == Signal::logs) reply.what = "LogRecords";
  reply.refused = told->refused + told->left_out;
  reply.refused_why =
      told->left_out > 0 ? "a service brings at most 5,000 a second" : "a span has no valid trace_id or span_id";
  bucket.tokens -= static_cast<double>(items);
  bucket.left_out += told->left_out;
  if (items == 0) return reply;
  const bool taken = intake_.put([told = std::move(*told), service, instance](Window& window) -> Result<> {
    for (const ToldSpan& span : told.spans) {
      SpanRow row;
      row.trace = span.trace;
      row.span = span.span;
      row.parent = span.parent;
      row.start_us = span.start_us;
      row.us = span.us;
      row.hop = "program";
      row.callee = service;
      row.instance = instance;
      if (span.error) row.cause = "error";
      row.extra = span.extra;
      if (auto added = window.add(row); !added) return added;
    }
    for (const ToldLog& log : told.logs) {
      LogRow row;
      row.at_us = log.at_us;
      row.service = service;
      row.instance = instance;
      row.stream = "otlp";
      row.text = log.text;
      row.severity = log.severity;
      row.trace = log.trace;
      row.span = log.span;
      if (auto added = window.add(row); !added) return added;
    }
    return {};
  });
  if (!taken) return {503, 14, "the collector's store is behind: send it again later"};
  return reply;
}

OtlpDoor::Reply OtlpDoor::take_metrics(bool as_json, const std::string& body, const std::string& instance) {
  const std::string service = service_of(instance);
  Bucket& bucket = bucket_of(service);
  const auto most = static_cast<std::size_t>(bucket.tokens);
  auto told = as_json ? read_otlp_metrics_json(body, most) : read_otlp_metrics_protobuf(body, most);
  if (!told) return {400, 3, told.error().message};
  bucket.tokens -= static_cast<double>(told->points.size());
  bucket.left_out += told->left_out;
  const std::size_t untaken = metrics_.take(service, instance, std::move(told->points), loop_.now());
  Reply reply;
  reply.what = "DataPoints";
  reply.refused = told->refused + told->left_out + untaken;
  reply.refused_why = told->left_out > 0 ? "a service brings at most 5,000 a second"
                      : untaken > 0      ? "a service has at most 2,000 series, and no name that begins with bulkhead"
                                    : "sums and histograms are taken as they are since the start (cumulative), with "
                                      "explicit buckets; no summaries";
  return reply;
}

net::Task<> OtlpDoor::answer(proxy::ServerExchange& exchange, const Reply& reply, bool grpc, bool as_json) {
  http::Response response;
  std::string body;
  if (grpc) {
    response.fields.add("content-type", "application/grpc");
    const std::string message = partial_success(reply.refused, reply.refused_why, false, reply.what);
    body = std::string("\0", 1);
    for (int shift = 24; shift >= 0; shift -= 8)
      body.push_back(static_cast<char>(message.size() >> static_cast<unsigned>(shift)));
    body += message;
  } else {
    response.status = reply.status;
    response.fields.add("content-type", reply.status != 200 ? "text/plain; charset=utf-8"
                                        : as_json           ? "application/json"
                                                            : "application/x-protobuf");
    body = reply.status != 200 ? reply.detail + "\n"
                               : partial_success(reply.refused, reply.refused_why, as_json, reply.what);
    response.content_length = body.size();
  }
  const net::Deadline deadline = net::Deadline::never();
  response.body = !body.empty();
  const bool whole = !grpc && body.empty();
  const bool failed = grpc && reply.grpc_status != 0;
  const auto head = co_await exchange.send_head(std::move(response), whole);
  if (!head || whole) co_return;
  if (!failed) {
    const auto sent = co_await exchange.send_body(body, !grpc, deadline);
    if (!sent) co_return;
  }
  if (!grpc) co_return;
  http::Fields trailers;
  trailers.add("grpc-status", fmt::format("{}", reply.grpc_status));
  if (!reply.detail.empty()) trailers.add("grpc-message", reply.detail);
  const auto ended = co_await exchange.send_trailers(std::move(trailers));
  static_cast<void>(ended);  // who told has gone
}

}  // namespace bulkhead::collect
