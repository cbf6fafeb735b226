#pragma once

// What every hop does to a request's fields before it looks at anything else. Pure but for the randomness passed in.

#include <cstdint>
#include <optional>
#include <string>

#include "http/fields.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::proxy {

// The callee's port, said by the caller's sidecar to the callee's, which authorizes it.
inline constexpr std::string_view kPortField = "x-bulkhead-port";
// The end user's transaction token (draft-ietf-oauth-transaction-tokens, "Txn-Token").
inline constexpr std::string_view kUserField = "txn-token";
inline constexpr std::string_view kGrpcTimeout = "grpc-timeout";

// Fields by which a peer might claim to be somebody: x-forwarded-client-cert, client-cert and client-cert-chain
// (RFC 9440), and whatever begins with x-bulkhead-, also spelled with '_', which many servers read as '-'.
bool claims_identity(std::string_view name);
void strip_identity(http::Fields& fields);
// The user's token, also spelled with '_': nothing that a stranger may bring, or a host outside may see.
void strip_user(http::Fields& fields);

// The port that kPortField names; nothing if it is absent, repeated or not a port in plain decimal.
std::optional<std::uint16_t> named_port(const http::Fields& fields);

struct RequestTrace {
  telemetry::TraceParent context;           // of the span of this hop
  std::optional<telemetry::SpanId> parent;  // of the one before
  std::string request_id;
  bool id_is_traces = false;  // the request's id says what the trace's does
};

// Carries on or makes traceparent and x-request-id, and writes traceparent into `fields`. Without a traceparent B3's
// fields are read, and where they came they are written too. A repeated traceparent is none; a tracestate that is
// malformed, or has no parent, goes. The id of a request that begins a trace is that of the trace, and is told to
// nobody between two sidecars: the last one finds it again.
enum class TraceHop : std::uint8_t { first, last };
RequestTrace carry_trace(http::Fields& fields, const telemetry::Random& random, TraceHop hop);
// Writes x-request-id for a program or host that takes the request next.
void tell_request_id(http::Fields& fields, const RequestTrace& trace);

}  // namespace bulkhead::proxy
