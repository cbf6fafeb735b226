#pragma once

// `when` of a call or route: a condition on each request, in the Common Expression Language (docs/conditions.md).

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conditions/condition.hpp"
#include "manifest/position.hpp"

namespace bulkhead::manifest {

struct When {
  std::string source;
  Position position;
  conditions::Condition condition;  // compiled of `source`
  bool operator==(const When& other) const { return source == other.source && position == other.position; }
};

// What a condition may ask about a request.
enum class Asked : conditions::Slot {
  method,   // request.method, as sent; gRPC's is "POST"
  path,     // request.path, as the callee sees it, without its query
  headers,  // request.headers, a map of texts; a name that came twice has no value
  caller,   // caller.service; the gateway is "_gateway"
  callee,   // callee.service
  now,      // the time of whoever decides
  // Of the end user that the request is made for; they have no value where there is none.
  user_sub,       // user.sub, as its provider names it
  user_provider,  // user.provider, the manifest's name of it
  user_claims,    // user.claims, those that the manifest lets travel
  // resource, a map: what the callee's contract points out in the request. Only the callee's sidecar knows it: whoever
  // stands before it lets pass what depends on it.
  resource,
};
const conditions::Environment& request_environment();

conditions::Checked<conditions::Condition> compile_when(std::string_view source);

}  // namespace bulkhead::manifest
