#pragma once

// Why a request is refused, as RFC 9457 has it.

#include <cstdint>
#include <string>
#include <string_view>

namespace bulkhead::contracts {

enum class Where : std::uint8_t { path, query, header, cookie, method, body };
std::string_view to_string(Where where);

// Repeats no value of the request; names of members and parameters it does, cut off where they are long, but none
// within what is x-sensitive.
struct Problem {
  std::uint16_t status = 400;
  Where where = Where::path;
  std::string detail;     // one sentence
  std::string parameter;  // its name, where it is about one
  std::string pointer;    // into the body or the parameter's value; "" for all of it
  std::string rule;       // "#/paths/~1items/post/..." of the contract; "" where none is at fault
  std::string allow;      // for the Allow field, with 405
};

std::string_view title(std::uint16_t status);
// The document, for application/problem+json. Its type is about:blank: the status says the kind, `rule` the rule.
std::string to_json(const Problem& problem);
// `name` as far as it is shown.
std::string_view shown(std::string_view name);

}  // namespace bulkhead::contracts
