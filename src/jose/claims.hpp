#pragma once

// What every token says, read of a flat list of values rather than of a tree of them: a transaction token comes with
// each request. Of this folder; token.hpp and txn_token.hpp are made of it.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_tape.hpp"
#include "jose/token.hpp"

namespace bulkhead::jose {

// The claims that are registered (RFC 7519 §4.1) and looked at.
struct Registered {
  std::string subject;
  Time expires;
  std::optional<Time> not_before;
  std::optional<Time> issued;
};

// The payload of a token whose signature and `typ` are right.
TokenResult<std::string> open_token(std::string_view text, const KeySet& keys, const Expectations& expected);

// Reads the claims, which refer to `payload`, and checks those that are registered.
TokenResult<Registered> read_claims(std::string_view payload, const Expectations& expected, Time now,
                                    tape::Json& claims);

}  // namespace bulkhead::jose
