#pragma once

// Causes that are refusals of policy, and names and addresses that nobody declared. Pure.

#include <optional>

#include "collect/why.hpp"

namespace bulkhead::collect {

// Not only recorded, as by `mode: audit` and `learn`.
bool was_refused(const DenialRecord& denial);

// The refusal that ended this call; nullptr: none.
const DenialRecord* denial_of(const Evidence& evidence, const SpanRecord& span);

// What the callee of `span` tried to reach meanwhile though nobody declared it, of several the surest.
const DenialRecord* attempt_of(const Evidence& evidence, const SpanRecord& span);

// Likewise, but shortly before, so that it may have been tried again unwritten: a sentence; "": nothing.
std::string earlier_attempts(const Evidence& evidence, const SpanRecord& span);

// How its place in this trace is known, in parentheses; "": it says so itself.
std::string inference_text(const DenialRecord& denial);

Why::Cause of_denial(const Evidence& evidence, const DenialRecord& denial, const std::string& span);

}  // namespace bulkhead::collect
