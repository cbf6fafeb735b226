#pragma once

// From policy's decision to a refusal that explains itself. The decision is policy::decide, here and in `reach`; an
// unknown verdict is a denial. Pure.

#include <optional>
#include <span>
#include <string_view>

#include "http/fields.hpp"
#include "jose/token_fault.hpp"
#include "policy/decide.hpp"
#include "proxy/journal.hpp"
#include "proxy/refusal.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

struct Judgement {
  bool allowed = false;
  bool by_condition = false;       // not allowed for a condition alone, or by a deny rule: something is there
  bool left_to_callee = false;     // allowed as far as it can be told before the callee's contract is asked
  std::string_view rule;           // that allowed, or the nearest; lives as long as the edges
  std::string_view verdict;        // "allowed", "denied", "unknown"; kAudited, kLearned: allowed, and would be denied
  std::optional<Refusal> refusal;  // where not allowed, or allowed only as nothing is enforced there
};

// A request's fields as conditions read them: names in any case, and a name that came twice has no value. Borrowed.
conditions::Value headers_of(const http::Fields& fields);

// A path that no rule could be sure about is ambiguous_path (400) where rules look at paths; anything else is denied.
Judgement judge(const Snapshot& snapshot, std::span<const policy::Edge> edges, const policy::Attempt& attempt);

// Of a request whose user's token is not to be believed: denied, whatever the rules say.
Refusal user_refusal(const Snapshot& snapshot, const Visit& visit, const jose::TokenFault& fault);

}  // namespace bulkhead::proxy
