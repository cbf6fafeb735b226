#pragma once

#include <set>
#include <string>

#include "control/desired.hpp"

// An `up` of some services: what it starts, and what it leaves as it is. Pure.
namespace bulkhead::control {

// The services and what they call and wait for, directly and through others. policy::kGateway calls what its routes
// lead to. Names that are none stay in it.
std::set<std::string> with_callees(const manifest::Application& application, const policy::Model& model,
                                   std::set<std::string> names);

// `next` selects some services: what else runs by `current` stays, as it was when `id` was desired.
void leave_others(Desired& next, const manifest::Application& wanted, const Desired& current,
                  const manifest::Application& running, const std::string& id);

}  // namespace bulkhead::control
