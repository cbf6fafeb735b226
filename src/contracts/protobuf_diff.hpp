#pragma once

// What changed from one version of a gRPC contract to the next, and a description of one. Pure.

#include <string>
#include <vector>

#include "contracts/diff.hpp"
#include "contracts/protobuf.hpp"

namespace bulkhead::contracts {

// As diff() of OpenAPI: by who depends on what. Methods are the same by their path, fields by their number. In a Change
// `method` is POST, `path` the method's, `where` request or response, `pointer` a field's path: "items.price". A field
// that is new in a response breaks nothing, as readers skip what they do not know, and neither does a value of an enum.
std::vector<Change> diff(const ProtobufContract& before, const ProtobufContract& after);

// A JSON object: methods with what they take and give, the messages that these lead to, enums.
std::string describe(const ProtobufContract& contract);

}  // namespace bulkhead::contracts
