#pragma once

// Every answer that this proxy makes itself: one table of causes, one place that words it. Who may read what: a local
// caller and a peer of the mesh learn caller, callee, method, path, the missing rule and the manifest's line that would
// allow it; a stranger learns a status and nothing of the inside. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/grpc.hpp"
#include "http/message.hpp"

namespace bulkhead::proxy {

enum class RefusalCause : std::uint8_t {
  denied,               // no rule allows it
  ambiguous_path,       // two programs could read the path differently
  bad_request,          // breaks a rule of HTTP
  no_route,             // gateway: nothing is there
  misdirected,          // this listener is not for that authority
  no_ready_instance,    // held in vain
  hold_full,            // too many are waiting already
  overloaded,           // too many are being served
  unreachable,          // nothing could be sent
  draining,             // this instance is about to stop
  no_identity,          // the own certificate has ended, or was never there
  broken_off,           // the upstream ended in the middle
  bad_answer,           // the upstream broke the protocol
  timed_out,            // the upstream gave no answer in time
  prohibited_address,   // egress: the name leads to an address inside
  name_not_resolved,    // egress
  outside_tls,          // egress: the peer did not prove its name
  unsupported_upgrade,  // the upstream can't take this protocol
  circuit_open,         // too many of the last requests failed: none is sent for a while
  fault_injected,       // the manifest asks for this failure
  unauthenticated,      // gateway: nobody who may come, as far as the credential says
  keys_missing,         // gateway: those who vouch for users could not be asked for their keys
  contract,             // the callee's contract does not describe it
  limited,              // gateway: more than `limit` lets through
  forbidden_address,    // gateway: nothing is served to that address
  request_too_large,    // gateway: more than `max_request`
  answer_too_large,     // gateway: more than `max_answer`
  user_refused,         // what says for whom the request is was not believed
};

struct CauseFacts {
  std::uint16_t status;
  std::string_view name;         // "no_ready_instance": in records, stats and bodies
  std::string_view proxy_error;  // RFC 9209 §2.3
  http::GrpcStatus grpc;
};
const CauseFacts& facts(RefusalCause cause);
std::optional<RefusalCause> refusal_cause(std::string_view name);

struct Refusal {
  RefusalCause cause = RefusalCause::denied;
  std::string caller;
  std::string callee;
  std::string method;
  std::string path;          // without query
  std::string told;          // what a stranger may read, as it knows it already
  std::string reason;        // one sentence, from whoever refused
  std::string rule;          // that denied it, or the nearest one that did not allow it
  std::string rule_at;       // where that is written: "bulkhead.yaml:12:5"
  std::string allow;         // the manifest's line that would
  std::string where;         // "bulkhead.yaml:12", where the caller or the deny rule is
  std::string owner;         // of the callee
  std::uint16_t status = 0;  // instead of the cause's own
};

enum class Audience : std::uint8_t {
  local,     // the service of this compartment
  mesh,      // a peer sidecar: as local, and marked, so that it can hand it on
  stranger,  // a client of the gateway
};

// The mark by which one sidecar knows another's own answer. Stripped from whatever a service says.
inline constexpr std::string_view kRefusalField = "x-bulkhead-refusal";

struct RefusalAnswer {
  http::Response head;
  std::string body;  // empty: send the head with `end`
};

// `hop` is this proxy's name in proxy-status; to a stranger it is "gateway".
RefusalAnswer render(const Refusal& refusal, Audience audience, std::string_view hop, bool grpc);

// What ends a gRPC answer whose head is with the client already.
http::Fields render_trailers(const Refusal& refusal, Audience audience);

// "POST /charges to payments: no_ready_instance: ...", or the policy's sentence where it denied.
std::string sentence(const Refusal& refusal);

}  // namespace bulkhead::proxy
