#pragma once

// Causes that no single span tells: one instance of many, tries that multiply, calls one after the other. Pure.

#include <optional>

#include "collect/why_tree.hpp"

namespace bulkhead::collect {

// The instance that answered, if others of its service fare much better.
std::optional<Why::Cause> bad_instance(const Evidence& evidence, const SpanRecord& span);

// Many tries for what should be one call: of one caller to one callee, or multiplied where several hops try again.
std::optional<Why::Cause> retry_storm(const SpanTree& tree);

// One call after the other to the same callee, for most of the span's time.
std::optional<Why::Cause> many_calls(const SpanTree::Node& node);

}  // namespace bulkhead::collect
