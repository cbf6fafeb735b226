#pragma once

// What a request failed of, or what it waited for: rules, the most telling first. Pure.

#include <optional>

#include "collect/why.hpp"
#include "collect/why_tree.hpp"

namespace bulkhead::collect {

std::optional<Why::Cause> find_cause(const Evidence& evidence, const SpanTree& tree);
std::optional<Why::Cause> cause_without_spans(const Evidence& evidence);

}  // namespace bulkhead::collect
