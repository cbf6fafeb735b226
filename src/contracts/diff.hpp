#pragma once

// What changed from one version of a contract to the next, and what of it breaks callers: a request where less is
// allowed, a response where more may come. Pure.

#include <string>
#include <vector>

#include "contracts/contract.hpp"

namespace bulkhead::contracts {

struct Change {
  bool breaking = false;
  std::string method;   // of the operation concerned
  std::string path;     // its template, with the old names
  std::string where;    // "", "request body", "response 200", "query parameter 'limit'"
  std::string pointer;  // into the value, `*` for every item; "" for all of it
  std::string what;     // "is required now"

  bool operator==(const Change&) const = default;
};

// In the order of the old contract, then what is new. Operations are the same by method and path, whatever the
// templates are called. Compared are types, members, required ones, bounds, enumerations, items and formats, through
// references and `allOf`; of `anyOf` and `oneOf` the number of forms and each with its namesake. Patterns are not
// compared for what they match: another pattern counts as breaking.
std::vector<Change> diff(const Contract& before, const Contract& after);

// "breaking: GET /items, response 200, /price: is gone"
std::string to_string(const Change& change);

}  // namespace bulkhead::contracts
