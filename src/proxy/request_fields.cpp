#include "proxy/request_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace bulkhead::proxy {

namespace {

constexpr std::string_view kTraceparent = "traceparent";
constexpr std::string_view kTracestate = "tracestate";
constexpr std::string_view kRequestId = "x-request-id";

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

std::optional<telemetry::TraceParent> incoming_parent(const http::Fields& fields) {
  const auto text = fields.only(kTraceparent);
  return text ? telemetry::parse_traceparent(*text) : std::nullopt;
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
  const auto parent = incoming_parent(fields);
  if (parent) trace.parent = parent->span_id;
  trace.context = telemetry::start_span(parent, random);
  fields.set(kTraceparent, telemetry::format_traceparent(trace.context));
  if (fields.has(kTracestate) && (!parent || !telemetry::is_tracestate(fields.joined(kTracestate, ",")))) {
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
  if (!begins) tell_request_id(fields, trace);
  return trace;
}

void tell_request_id(http::Fields& fields, const RequestTrace& trace) {
  if (!fields.has(kRequestId)) fields.add(kRequestId, trace.request_id);
}

}  // namespace bulkhead::proxy
