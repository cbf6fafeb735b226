#include "proxy/refusal.hpp"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "http/hop.hpp"

namespace bulkhead::proxy {

namespace {

using http::GrpcStatus;

// In the order of RefusalCause.
constexpr std::array<CauseFacts, 28> kFacts{{
    {403, "denied", "http_request_denied", GrpcStatus::permission_denied},
    {400, "ambiguous_path", "http_request_error", GrpcStatus::invalid_argument},
    {400, "bad_request", "http_request_error", GrpcStatus::internal},
    {404, "no_route", "destination_not_found", GrpcStatus::unimplemented},
    {421, "misdirected", "http_request_error", GrpcStatus::unimplemented},
    {503, "no_ready_instance", "destination_unavailable", GrpcStatus::unavailable},
    {503, "hold_full", "connection_limit_reached", GrpcStatus::unavailable},
    {503, "overloaded", "connection_limit_reached", GrpcStatus::unavailable},
    {503, "unreachable", "connection_refused", GrpcStatus::unavailable},
    {503, "draining", "destination_unavailable", GrpcStatus::unavailable},
    {503, "no_identity", "proxy_internal_error", GrpcStatus::unavailable},
    {502, "broken_off", "connection_terminated", GrpcStatus::unavailable},
    {502, "bad_answer", "http_protocol_error", GrpcStatus::internal},
    {504, "timed_out", "http_response_timeout", GrpcStatus::deadline_exceeded},
    {403, "prohibited_address", "destination_ip_prohibited", GrpcStatus::permission_denied},
    {502, "name_not_resolved", "dns_error", GrpcStatus::unavailable},
    {502, "outside_tls", "tls_certificate_error", GrpcStatus::unavailable},
    {502, "unsupported_upgrade", "http_upgrade_failed", GrpcStatus::unimplemented},
    {503, "circuit_open", "destination_unavailable", GrpcStatus::unavailable},
    {503, "fault_injected", "http_request_error", GrpcStatus::unavailable},
    {401, "unauthenticated", "http_request_denied", GrpcStatus::unauthenticated},
    {503, "keys_missing", "destination_unavailable", GrpcStatus::unavailable},
    {400, "contract", "http_request_error", GrpcStatus::invalid_argument},
    {429, "limited", "http_request_denied", GrpcStatus::resource_exhausted},
    {403, "forbidden_address", "http_request_denied", GrpcStatus::permission_denied},
    {413, "request_too_large", "http_request_error", GrpcStatus::resource_exhausted},
    {502, "answer_too_large", "http_response_body_size", GrpcStatus::resource_exhausted},
    {403, "user_refused", "http_request_denied", GrpcStatus::permission_denied},
}};

constexpr std::string_view kAfterUnavailable = "1";

std::string action(const Refusal& refusal) {
  if (refusal.path.empty()) return refusal.method;
  return fmt::format("{}{}{}", refusal.method, refusal.method.empty() ? "" : " ", refusal.path);
}

std::string explained(const Refusal& refusal) {
  nlohmann::ordered_json body;
  const auto add = [&](const char* key, std::string_view value) {
    if (!value.empty()) body[key] = value;
  };
  add("error", facts(refusal.cause).name);
  add("message", sentence(refusal));
  add("caller", refusal.caller);
  add("callee", refusal.callee);
  add("method", refusal.method);
  add("path", refusal.path);
  add("rule", refusal.rule);
  add("allow", refusal.allow);
  add("manifest", refusal.where);
  add("owner", refusal.owner);
  return body.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string for_a_stranger(const Refusal& refusal, std::uint16_t status) {
  const std::string_view plain = http::reason_phrase(status);
  return refusal.told.empty() ? std::string(plain) : fmt::format("{}: {}", plain, refusal.told);
}

}  // namespace

const CauseFacts& facts(RefusalCause cause) { return kFacts[static_cast<std::size_t>(cause)]; }

std::optional<RefusalCause> refusal_cause(std::string_view name) {
  for (std::size_t i = 0; i < kFacts.size(); ++i) {
    if (kFacts[i].name == name) return static_cast<RefusalCause>(i);
  }
  return std::nullopt;
}

std::string sentence(const Refusal& refusal) {
  // The policy's own sentence names everything already, and so does that of a token.
  const bool is_whole = refusal.cause == RefusalCause::denied || refusal.cause == RefusalCause::user_refused;
  if (is_whole && !refusal.reason.empty()) return refusal.reason;
  std::string text = fmt::format("{} to {}: {}", action(refusal), refusal.callee, facts(refusal.cause).name);
  if (!refusal.reason.empty()) text += ": " + refusal.reason;
  return text;
}

RefusalAnswer render(const Refusal& refusal, Audience audience, std::string_view hop, bool grpc) {
  const CauseFacts& known = facts(refusal.cause);
  const bool stranger = audience == Audience::stranger;
  const std::uint16_t status = refusal.status != 0 ? refusal.status : known.status;
  RefusalAnswer answer;
  if (grpc) {
    const GrpcStatus code = refusal.status != 0 ? http::grpc_status_of(status) : known.grpc;
    answer.head = http::grpc_error(code, stranger ? for_a_stranger(refusal, status) : sentence(refusal));
  } else {
    answer.head.status = status;
    answer.body = stranger ? for_a_stranger(refusal, status) + "\n" : explained(refusal);
    answer.head.content_length = answer.body.size();
    answer.head.body = true;
    answer.head.fields.add("content-type", stranger ? "text/plain" : "application/json");
    if (status == 503) answer.head.fields.add("retry-after", kAfterUnavailable);
  }
  // Where nothing is, nobody needs to know that a proxy said so.
  if (!stranger || status >= 500) {
    const std::string_view name = stranger ? "gateway" : hop;
    const std::string said = http::format_proxy_status({.proxy = name, .error = known.proxy_error});
    answer.head.fields.add("proxy-status", said);
  }
  if (audience == Audience::mesh) answer.head.fields.add(kRefusalField, known.name);
  return answer;
}

http::Fields render_trailers(const Refusal& refusal, Audience audience) {
  const CauseFacts& known = facts(refusal.cause);
  const bool stranger = audience == Audience::stranger;
  http::Fields trailers;
  http::add_grpc_status(trailers, known.grpc, stranger ? for_a_stranger(refusal, known.status) : sentence(refusal));
  if (audience == Audience::mesh) trailers.add(kRefusalField, known.name);
  return trailers;
}

}  // namespace bulkhead::proxy
