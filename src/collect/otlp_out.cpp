#include "collect/otlp_out.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/utf8.hpp"
#include "collect/infer_paths.hpp"
#include "collect/otlp_values.hpp"
#include "policy/model.hpp"

namespace bulkhead::collect {

using nlohmann::json;

namespace {

constexpr std::string_view kScope = "bulkhead";

ProtobufWriter value_message(const json& value, int depth);

ProtobufWriter key_value(std::string_view key, const ProtobufWriter& value) {
  ProtobufWriter pair;
  pair.text(1, key);
  pair.message(2, value);
  return pair;
}

ProtobufWriter value_message(const json& value, int depth) {
  ProtobufWriter any;
  if (value.is_string()) {
    any.text(1, value.get_ref<const std::string&>());
  } else if (value.is_boolean()) {
    any.varint(2, value.get<bool>() ? 1 : 0);
  } else if (value.is_number_integer()) {
    any.varint(3, static_cast<std::uint64_t>(value.get<std::int64_t>()));
  } else if (value.is_number()) {
    any.real(4, value.get<double>());
  } else if (value.is_structured() && depth > 0) {
    ProtobufWriter list;
    for (const auto& [key, each] : value.items()) {
      const ProtobufWriter inner = value_message(each, depth - 1);
      list.message(1, value.is_array() ? inner : key_value(key, inner));
    }
    any.message(value.is_array() ? 5 : 6, list);
  }
  return any;
}

// Writes attributes into a message, each at `field`; what is empty is left out.
class Attributes {
 public:
  Attributes(ProtobufWriter& into, std::uint32_t field) : into_(into), field_(field) {}

  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    ProtobufWriter any;
    any.text(1, value);
    into_.message(field_, key_value(key, any));
  }
  void number(std::string_view key, std::int64_t value) {
    ProtobufWriter any;
    any.varint(3, static_cast<std::uint64_t>(value));
    into_.message(field_, key_value(key, any));
  }
  void all(const json& values) {
    if (!values.is_object()) return;
    for (const auto& [key, value] : values.items())
      into_.message(field_, key_value(key, value_message(value, kMostNesting)));
  }

 private:
  ProtobufWriter& into_;
  std::uint32_t field_;
};

std::string id_octets(std::uint64_t id) {
  std::string text(8, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[7 - i] = static_cast<char>(id >> (8 * i));
  return text;
}

std::string_view blob_octets(std::span<const std::uint8_t> blob) {
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

constexpr std::uint64_t nanoseconds(std::int64_t us) { return static_cast<std::uint64_t>(us) * 1000; }

// Columns of kExportedSpan.
enum Column : std::uint8_t {
  kRow,
  kTrace,
  kSpan,
  kParent,
  kStart,
  kMicros,
  kHop,
  kCaller,
  kCallee,
  kInstance,
  kPort,
  kProtocol,
  kMethod,
  kPath,
  kStatus,
  kGrpc,
  kCause,
  kFellBack,
  kAttempts,
  kSent,
  kReceived,
  kUser,
  kRequest,
  kExtra,
};

// Span.SpanKind
constexpr std::uint64_t kServer = 2, kClient = 3;
// Status.StatusCode
constexpr std::uint64_t kError = 2;

void put_status(ProtobufWriter& span, bool failed, std::string_view message) {
  if (!failed) return;
  ProtobufWriter status;
  if (!message.empty()) status.text(2, message);
  status.varint(3, kError);
  span.message(15, status);
}

void put_ids(ProtobufWriter& span, const Statement& row) {
  span.bytes(1, blob_octets(row.blob(kTrace)));
  span.bytes(2, id_octets(static_cast<std::uint64_t>(row.integer(kSpan))));
  if (row.integer(kParent) != 0) span.bytes(4, id_octets(static_cast<std::uint64_t>(row.integer(kParent))));
}

void put_times(ProtobufWriter& span, const Statement& row) {
  span.fixed64(7, nanoseconds(row.integer(kStart)));
  span.fixed64(8, nanoseconds(row.integer(kStart) + row.integer(kMicros)));
}

// What a program told, as it told it.
ProtobufWriter program_span(const Statement& row) {
  json extra = json::parse(row.text(kExtra), nullptr, false);
  if (!extra.is_object()) extra = json::object();
  constexpr std::array<std::string_view, 6> kKinds = {"", "internal", "server", "client", "producer", "consumer"};
  ProtobufWriter span;
  put_ids(span, row);
  span.text(5, extra.value("name", ""));
  const auto* const kind = std::ranges::find(kKinds, extra.value("span_kind", ""));
  if (kind != kKinds.begin() && kind != kKinds.end()) span.varint(6, static_cast<std::uint64_t>(kind - kKinds.begin()));
  put_times(span, row);
  Attributes attributes(span, 9);
  attributes.all(extra.value("attributes", json::object()));
  attributes.text("otel.scope.name", extra.value("scope", ""));
  for (const json& each : extra.value("events", json::array())) {
    if (!each.is_object()) continue;
    ProtobufWriter event;
    event.fixed64(1, nanoseconds(each.value("at_us", std::int64_t{0})));
    event.text(2, each.value("name", ""));
    Attributes(event, 3).all(each.value("attributes", json::object()));
    span.message(11, event);
  }
  put_status(span, extra.value("error", false), extra.value("message", ""));
  return span;
}

// The sidecar of the callee and the gateway serve, the others call.
ProtobufWriter hop_span(WindowReader& window, const Statement& row, std::string_view gateway) {
  const std::string_view hop = window.name(row.integer(kHop));
  const std::string_view method = window.name(row.integer(kMethod));
  const std::string_view cause = window.name(row.integer(kCause));
  const auto spoken = [&](std::string_view service) { return service == policy::kGateway ? gateway : service; };
  const bool serves = hop == "inner" || hop == "gateway";
  json more = json::parse(row.text(kExtra), nullptr, false);
  if (!more.is_object()) more = json::object();
  const std::int64_t status = row.integer(kStatus), grpc = row.integer(kGrpc);
  ProtobufWriter span;
  put_ids(span, row);
  std::string name = method.empty() ? std::string(spoken(window.name(row.integer(kCallee)))) : std::string(method);
  if (!row.text(kPath).empty()) name += " " + without_ids(row.text(kPath));
  span.text(5, name);
  span.varint(6, serves ? kServer : kClient);
  put_times(span, row);
  Attributes attributes(span, 9);
  attributes.text("http.request.method", method);
  attributes.text("url.path", row.text(kPath).substr(0, row.text(kPath).find('?')));
  if (status != 0) attributes.number("http.response.status_code", status);
  if (grpc >= 0) attributes.number("rpc.grpc.status_code", grpc);
  attributes.text("network.protocol.name", window.name(row.integer(kProtocol)));
  attributes.text(serves ? "bulkhead.callee" : "peer.service", spoken(window.name(row.integer(kCallee))));
  attributes.text("bulkhead.caller", spoken(window.name(row.integer(kCaller))));
  if (row.integer(kPort) != 0) attributes.number("server.port", row.integer(kPort));
  attributes.text("bulkhead.hop", hop);
  attributes.text("enduser.id", row.text(kUser));
  attributes.text("bulkhead.cause", cause);
  attributes.text("error.type", cause);
  attributes.text("bulkhead.fell_back", window.name(row.integer(kFellBack)));
  if (row.integer(kAttempts) > 1) attributes.number("bulkhead.attempts", row.integer(kAttempts));
  if (row.integer(kSent) > 0) attributes.number("http.request.body.size", row.integer(kSent));
  if (row.integer(kReceived) > 0) attributes.number("http.response.body.size", row.integer(kReceived));
  for (const auto& [key, value] : more.items())
    if (key != "detail") attributes.all({{"bulkhead." + key, value}});
  put_status(span, status >= 500 || grpc > 0 || !cause.empty(), more.value("detail", ""));
  return span;
}

}  // namespace

void OtlpRequest::add(std::string_view service, std::string_view instance, const ProtobufWriter& item) {
  auto [scope, is_new] = scopes_.try_emplace({std::string(service), std::string(instance)});
  if (is_new) {
    ProtobufWriter named;
    named.text(1, kScope);
    scope->second.message(1, named);
  }
  scope->second.message(2, item);
  ++items_;
  size_ += item.encoded().size() + 8;
}

namespace {

ProtobufWriter resource_of(std::string_view app, std::string_view service, std::string_view instance) {
  ProtobufWriter resource;
  Attributes attributes(resource, 1);
  attributes.text("service.name", service);
  attributes.text("service.namespace", app);
  attributes.text("service.instance.id", instance);
  return resource;
}

}  // namespace

std::string OtlpRequest::finish() const {
  ProtobufWriter request;
  for (const auto& [whose, scope] : scopes_) {
    ProtobufWriter of_resource;
    of_resource.message(1, resource_of(app_, whose.first, whose.second));
    of_resource.message(2, scope);
    request.message(1, of_resource);
  }
  return request.take();
}

void add_span(OtlpRequest& request, WindowReader& window, const Statement& row, std::string_view gateway) {
  const std::string_view hop = window.name(row.integer(kHop));
  const bool program = hop == "program";
  std::string_view service = window.name(row.integer(hop == "inner" || program ? kCallee : kCaller));
  if (hop == "gateway") service = policy::kGateway;
  // Whose sidecar saw it: of a callee's span its instance is known, a caller's names the instance that it called.
  const std::string_view instance = hop == "inner" || program ? window.name(row.integer(kInstance)) : "";
  request.add(service == policy::kGateway ? gateway : service, instance,
              program ? program_span(row) : hop_span(window, row, gateway));
}

void add_log(OtlpRequest& request, WindowReader& window, const Statement& row, std::string_view gateway) {
  // SeverityNumber, by the words that lines have.
  constexpr std::pair<std::string_view, std::uint64_t> kNumbers[] = {{"trace", 1}, {"debug", 5},  {"info", 9},
                                                                     {"warn", 13}, {"error", 17}, {"fatal", 21}};
  const std::string_view severity = window.name(row.integer(6));
  ProtobufWriter record;
  record.fixed64(1, nanoseconds(row.integer(1)));
  for (const auto& [word, number] : kNumbers)
    if (severity == word) record.varint(2, number);
  if (!severity.empty()) record.text(3, severity);
  ProtobufWriter body;
  body.text(1, row.text(5));
  record.message(5, body);
  Attributes(record, 6).text("log.iostream", window.name(row.integer(4)));
  if (!row.is_null(7)) record.bytes(9, blob_octets(row.blob(7)));
  if (row.integer(8) != 0) record.bytes(10, id_octets(static_cast<std::uint64_t>(row.integer(8))));
  record.fixed64(11, nanoseconds(row.integer(1)));
  const std::string_view service = window.name(row.integer(2));
  request.add(service == policy::kGateway ? gateway : service, window.name(row.integer(3)), record);
}

namespace {

constexpr std::uint64_t kCumulative = 2;

struct Times {
  std::uint64_t since = 0, now = 0;  // nanoseconds
};

void put_labels(ProtobufWriter& point, std::uint32_t field, const Labels& labels) {
  Attributes attributes(point, field);
  for (const auto& [name, value] : labels) attributes.text(name, value);
}

ProtobufWriter number_points(const Family& family, const Times& times) {
  ProtobufWriter data;
  for (const Sample& sample : family.samples) {
    ProtobufWriter point;
    if (family.kind == Family::Kind::counter) point.fixed64(2, times.since);
    point.fixed64(3, times.now);
    if (family.micros || family.reals) {
      point.real(4, family.reals ? sample.real : static_cast<double>(sample.value) / 1e6);
    } else {
      point.fixed64(6, static_cast<std::uint64_t>(sample.value));
    }
    put_labels(point, 7, sample.labels);
    data.message(1, point);
  }
  if (family.kind == Family::Kind::counter) {
    data.varint(2, kCumulative);
    data.varint(3, 1);  // is_monotonic
  }
  return data;
}

ProtobufWriter histogram_points(const Family& family, const Times& times) {
  ProtobufWriter data;
  for (const HistogramSample& sample : family.histograms) {
    std::vector<std::uint64_t> counts(sample.up_to.size());
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = sample.up_to[i] - (i == 0 ? 0 : sample.up_to[i - 1]);
    ProtobufWriter point;
    point.fixed64(2, times.since);
    point.fixed64(3, times.now);
    point.fixed64(4, sample.up_to.back());
    point.real(5, sample.sum);
    point.packed_fixed64(6, counts);
    point.packed_real(7, sample.bounds);
    for (const Exemplar& exemplar : sample.exemplars) {
      if (exemplar.us < 0) continue;
      ProtobufWriter shown;
      shown.fixed64(2, nanoseconds(exemplar.at_us));
      shown.real(3, static_cast<double>(exemplar.us) / 1e6);
      shown.bytes(5, blob_octets(exemplar.trace));
      point.message(8, shown);
    }
    put_labels(point, 9, sample.labels);
    data.message(1, point);
  }
  data.varint(2, kCumulative);
  return data;
}

}  // namespace

std::string metrics_request(const std::vector<Family>& families, std::string_view app, std::int64_t since_ms,
                            std::int64_t now_ms) {
  const Times times{nanoseconds(since_ms * 1000), nanoseconds(now_ms * 1000)};
  ProtobufWriter named, scope, of_resource, request;
  named.text(1, kScope);
  scope.message(1, named);
  for (const Family& family : families) {
    if (family.samples.empty() && family.histograms.empty()) continue;
    ProtobufWriter metric;
    metric.text(1, family.name);
    metric.text(2, family.help);
    if (family.micros || family.kind == Family::Kind::histogram) metric.text(3, "s");
    if (family.name.find("_bytes") != std::string_view::npos) metric.text(3, "By");
    switch (family.kind) {
      case Family::Kind::gauge: metric.message(5, number_points(family, times)); break;
      case Family::Kind::counter: metric.message(7, number_points(family, times)); break;
      case Family::Kind::histogram: metric.message(9, histogram_points(family, times)); break;
    }
    scope.message(2, metric);
  }
  of_resource.message(1, resource_of(app, kScope, ""));
  of_resource.message(2, scope);
  request.message(1, of_resource);
  return request.take();
}

namespace {

ProtobufWriter told_point(const ToldPoint& point) {
  ProtobufWriter written;
  if (point.kind != Family::Kind::gauge) written.fixed64(2, nanoseconds(point.since_us));
  written.fixed64(3, nanoseconds(point.at_us));
  const bool histogram = point.kind == Family::Kind::histogram;
  if (histogram) {
    std::uint64_t count = 0;
    for (const std::uint64_t each : point.counts) count += each;
    written.fixed64(4, count);
    written.real(5, point.sum);
    written.packed_fixed64(6, point.counts);
    written.packed_real(7, point.bounds);
  } else {
    written.real(4, point.value);
  }
  put_labels(written, histogram ? 9 : 7, point.attributes);
  return written;
}

}  // namespace

std::string told_metrics_request(std::span<const ToldPoint* const> points, std::string_view app,
                                 std::string_view service, std::string_view instance) {
  ProtobufWriter named, scope, of_resource, request;
  named.text(1, kScope);
  scope.message(1, named);
  for (const ToldPoint* point : points) {
    ProtobufWriter metric, data;
    metric.text(1, point->name);
    if (!point->help.empty()) metric.text(2, point->help);
    if (!point->unit.empty()) metric.text(3, point->unit);
    data.message(1, told_point(*point));
    if (point->kind != Family::Kind::gauge) data.varint(2, kCumulative);
    if (point->kind == Family::Kind::counter) data.varint(3, 1);  // is_monotonic
    metric.message(point->kind == Family::Kind::gauge ? 5 : point->kind == Family::Kind::counter ? 7 : 9, data);
    scope.message(2, metric);
  }
  of_resource.message(1, resource_of(app, service, instance));
  of_resource.message(2, scope);
  request.message(1, of_resource);
  return request.take();
}

namespace {

// What a backend says, as it may be shown on a terminal.
std::string one_line(std::string_view text) {
  constexpr std::size_t kMostShown = 300;
  std::string line = valid_utf8(text.substr(0, kMostShown));
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return line;
}

}  // namespace

PartialSuccess read_partial_success(std::string_view message) {
  PartialSuccess said;
  ProtobufReader outer(message);
  while (outer.next()) {
    if (outer.field() != 1) continue;
    ProtobufReader inner(outer.bytes());
    while (inner.next()) {
      if (inner.field() == 1) said.refused = inner.number();
      if (inner.field() == 2) said.why = one_line(inner.bytes());
    }
  }
  return said;
}

}  // namespace bulkhead::collect
