#pragma once

// What the store has, and what is measured, as messages of the OpenTelemetry Protocol (opentelemetry-proto 1.x:
// trace/v1, logs/v1, metrics/v1), for a backend. Names of attributes are those of OpenTelemetry's semantic conventions
// where they have one, else begin with "bulkhead.". One thread each.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collect/metrics.hpp"
#include "collect/protobuf.hpp"
#include "collect/reader.hpp"
#include "collect/told_metrics.hpp"

namespace bulkhead::collect {

// Items of one request, by whose they are.
class OtlpRequest {
 public:
  // `app`: service.namespace of all of them.
  explicit OtlpRequest(std::string app) : app_(std::move(app)) {}

  // `item`: a Span or LogRecord.
  void add(std::string_view service, std::string_view instance, const ProtobufWriter& item);
  std::size_t items() const { return items_; }
  std::size_t size() const { return size_; }  // octets, about
  // Export…ServiceRequest.
  std::string finish() const;

 private:
  const std::string app_;
  std::map<std::pair<std::string, std::string>, ProtobufWriter, std::less<>> scopes_;  // by service and instance
  std::size_t items_ = 0, size_ = 0;
};

// What is read of a window for each: columns in this order, after the number of the row.
inline constexpr const char* kExportedSpan =
    "rowid, trace, span, parent, start, us, hop, caller, callee, instance, port, protocol, method, path, status, grpc, "
    "cause, fell_back, attempts, sent, received, user, request, extra";
inline constexpr const char* kExportedLog = "rowid, at, service, instance, stream, text, severity, trace, span";

// Adds the row that `row` stands at. `gateway`: what the gateway is called.
void add_span(OtlpRequest& request, WindowReader& window, const Statement& row, std::string_view gateway);
void add_log(OtlpRequest& request, WindowReader& window, const Statement& row, std::string_view gateway);

// ExportMetricsServiceRequest: sums since `since_ms`, as they were at `now_ms`.
std::string metrics_request(const std::vector<Family>& families, std::string_view app, std::int64_t since_ms,
                            std::int64_t now_ms);

// The same of what one program told, as it told it.
std::string told_metrics_request(std::span<const ToldPoint* const> points, std::string_view app,
                                 std::string_view service, std::string_view instance);

// What a backend says of a request that it took: ExportTracePartialSuccess and its likes, which have the same fields.
struct PartialSuccess {
  std::uint64_t refused = 0;
  std::string why;
};
PartialSuccess read_partial_success(std::string_view message);

}  // namespace bulkhead::collect
