#include "proxy/request_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "telemetry/b3.hpp"

namespace bulkhead::proxy {

namespace {

constexpr std::string_view kTraceparent = "traceparent";
constexpr std::string_view kTracestate = "tracestate";
constexpr std::string_view kRequestId = "x-request-id";
constexpr std::string_view kB3 = "b3";
constexpr std::string_view kB3Trace = "x-b3-traceid";
constexpr std::string_view kB3Span = "x-b3-spanid";
constexpr std::string_view kB3Parent = "x-b3-parentspanid";
constexpr std::string_view kB3Sampled = "x-b3-sampled";
constexpr std::string_view kB3Flags = "x-b3-flags";

// Whether `name` begins with `prefix` (lower case, with '-'), taking '_' for '-'.
constexpr std::array<std::string_view, 3> kOfCertificates{"x-forwarded-client-cert", "client-cert",
                                                          "client-cert-chain"};

bool reads_as(std::string_view name, std::string_view prefix) {
  if (name.size() < prefix.size() || (name.front() | 0x20) != prefix.front()) return false;
  return std::ranges::equal(name.substr(0, prefix.size()), prefix, [](char left, char right) {
    if (left == '_') left = '-';
    if (left >= 'A' && left <= 'Z') left = static_cast<char>(left - 'A' + 'a');
    return left == right;
  });
}

std::string_view value_of(const http::Fields& fields, std::string_view name) {
  const auto text = fields.only(name);
  return text ? *text : std::string_view();
}

std::optional<telemetry::TraceParent> incoming_parent(const http::Fields& fields) {
  const auto text = fields.only(kTraceparent);
  return text ? telemetry::parse_traceparent(*text) : std::nullopt;
}

std::optional<telemetry::TraceParent> incoming_b3(const http::Fields& fields) {
  if (const auto text = fields.only(kB3))
    if (const auto parent = telemetry::parse_b3(*text)) return parent;
  const auto trace = fields.only(kB3Trace);
  if (!trace) return std::nullopt;
  return telemetry::parse_b3(*trace, value_of(fields, kB3Span), value_of(fields, kB3Sampled),
                             value_of(fields, kB3Flags));
}

// A program that hands on B3 alone is told this hop's span in it, in the form that came.
void carry_b3(http::Fields& fields, const RequestTrace& trace) {
  if (fields.has(kB3)) fields.set(kB3, telemetry::format_b3(trace.context, trace.parent));
  if (!fields.has(kB3Trace)) return;
  fields.set(kB3Trace, telemetry::b3_trace_id(trace.context.trace_id));
  fields.set(kB3Span, telemetry::hex(trace.context.span_id));
  fields.set(kB3Sampled, trace.context.sampled ? "1" : "0");
  fields.remove(kB3Parent);
  if (trace.parent) fields.set(kB3Parent, telemetry::hex(*trace.parent));
}

}  // namespace

bool claims_identity(std::string_view name) {
  if (reads_as(name, "x-bulkhead-")) return true;
  // The latter two are RFC 9440's.
  return std::ranges::any_of(kOfCertificates,
                             [&](std::string_view each) { return name.size() == each.size() && reads_as(name, each); });
}

void strip_identity(http::Fields& fields) {
  fields.remove_if([](const http::Field& field) { return claims_identity(field.name); });
}

void strip_user(http::Fields& fields) {
  fields.remove_if([](const http::Field& field) {
    return field.name.size() == kUserField.size() && reads_as(field.name, kUserField);
  });
}

std::optional<std::uint16_t> named_port(const http::Fields& fields) {
  const auto text = fields.only(kPortField);
  if (!text) return std::nullopt;
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), port);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text->data() + text->size();
  if (!whole || port == 0 || text->front() == '0') return std::nullopt;
  return port;
}

RequestTrace carry_trace(http::Fields& fields, const telemetry::Random& random, TraceHop hop) {
  RequestTrace trace;
  auto parent = incoming_parent(fields);
  const bool has_state = parent.has_value();
  if (!parent) parent = incoming_b3(fields);
  if (parent) trace.parent = parent->span_id;
  trace.context = telemetry::start_span(parent, random);
  const auto text = telemetry::format_traceparent(trace.context);
  fields.set(kTraceparent, {text.data(), text.size()});
  carry_b3(fields, trace);
  if (fields.has(kTracestate) && (!has_state || !telemetry::is_tracestate(fields.joined(kTracestate, ",")))) {
    fields.remove(kTracestate);
  }
  const auto given = fields.only(kRequestId);
  if (given && telemetry::is_request_id(*given)) {
    trace.request_id = *given;
    return trace;
  }
  fields.remove(kRequestId);
  const bool begins = hop == TraceHop::last || !parent;
  telemetry::TraceId id = trace.context.trace_id;
  if (!begins) random(id);
  trace.request_id = telemetry::request_id_of(id);
  trace.id_is_traces = begins;
  if (!begins) tell_request_id(fields, trace);
  return trace;
}

void tell_request_id(http::Fields& fields, const RequestTrace& trace) {
  if (!fields.has(kRequestId)) fields.add(kRequestId, trace.request_id);
}

}  // namespace bulkhead::proxy
