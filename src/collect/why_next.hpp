#pragma once

#include <string>

#include "collect/why.hpp"

namespace bulkhead::collect {

// What a person does about it: one sentence, or "" where that is not known. `trace`: of the request. Pure.
std::string next_step(const Why::Cause& cause, const std::string& trace);

}  // namespace bulkhead::collect
