#pragma once

// The one decision: may this caller do this? The sidecars of both ends, `reach` and every preview call it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "conditions/value.hpp"
#include "policy/model.hpp"

namespace bulkhead::policy {

// The end user that a request is made for, as the gateway found and signed it.
struct User {
  std::string_view subject;
  std::string_view provider;   // who vouches for it: a name of the manifest's `auth`
  conditions::Value claims{};  // a map; those that the manifest lets travel
};

// What a caller tries. Views are borrowed for the call.
struct Attempt {
  std::string_view caller;  // a service's name from its certificate, or kGateway
  std::string_view callee;  // a service, or the name of an egress
  Port port;                // of the callee
  Protocol protocol = Protocol::http;
  std::string_view method;  // http: as sent, byte-exact; grpc: unused; "" where not known
  std::string_view path;    // http, grpc: as sent, without query ("/package.Service/Method"); "" where not known
  // The request's header fields for conditions, a map of texts; null where they are not known.
  const conditions::Value* headers = nullptr;
  const User* user = nullptr;  // null: it is made for nobody
  // What the callee's contract points out in the request, a map; null before the callee's sidecar, which alone knows
  // it.
  const conditions::Value* resource = nullptr;
};

enum class Verdict : std::uint8_t { allowed, denied, unknown };
std::string_view to_string(Verdict verdict);

// The line of the manifest that would allow what is refused, that attempt and none that has another method or path.
struct Remedy {
  // "calls: {payments: [POST /charges]}", to add under the caller, with the port where it may have more of the callee's
  // ports than one; "when: '...'" of the condition or deny rule in the way, or "port: [80, 8080]", to stand in the rule
  // at `instead`. "" where no one line would do: two were needed, which the decision's reason has, the path is
  // ambiguous, the attempt is to an egress, or the gateway's own.
  std::string line;
  const Position* instead = nullptr;  // of a rule among the edges, or null
};

// Pointers are into the edges given to decide().
struct Decision {
  Verdict verdict = Verdict::denied;
  const Edge* edge = nullptr;              // the rule that allowed, or the nearest one that did not; may be null
  const Permission* permission = nullptr;  // the line of it that allowed; null where the whole edge is open
  bool audited = false;         // allowed, but only as nothing is enforced there: `reason` says why it would be denied
  bool by_condition = false;    // denied, or unknown, for a condition of `edge` alone
  bool left_to_callee = false;  // unknown, for what only the callee's sidecar knows: whoever is before it lets it pass
  std::string
      reason;  // one sentence for the log; empty where allowed. For a local caller and the log, never for a stranger
  const Deny* deny = nullptr;  // the deny rule that decided, or that it depends on; of `edge`
  bool learned = false;        // allowed, but only as `edge` is learned: `reason` says why it would be denied
  Remedy remedy{};             // of what is denied, or would be

  bool allowed() const { return verdict == Verdict::allowed; }
  bool enforced() const { return !audited && !learned; }
  std::string_view rule() const;     // id of the deny rule, permission or edge; "" where none
  const Position* position() const;  // of the same; null where none
};

// Allowed only where an edge from exactly that caller to exactly that callee and port, of that protocol, covers method
// and path, and its condition, if it has one, holds; one that has no value does not; and no deny rule of the edge means
// it. A deny rule with a condition decides where that holds or has no value; its paths are compared as
// manifest/wide_path.hpp says, and a path that is not plain may be any of them. Unknown only where an attempt leaves
// method, path or headers empty and an edge depends on it, which whoever enforces treats as denied, or where it is left
// to the callee. An audited edge allows what it does not cover, or denies, but for a path that is not plain; a learned
// one what it does not cover, likewise, and never what it denies. A path that is not plain (manifest::is_plain_path)
// matches no permission. Allocates nothing where allowed, but for a
// thread's longest path that a deny rule looked at. Safe from any thread.
Decision decide(std::span<const Edge> edges, const Attempt& attempt);

// Whether the line of a remedy is added, where others change a rule that is there.
bool is_added(std::string_view line);
// `text` as such a line has it between double quotes.
std::string between_quotes(std::string_view text);

}  // namespace bulkhead::policy
