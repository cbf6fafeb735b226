#pragma once

#include <string>

#include "plan.hpp"

namespace bench {

// Does what the plan says until its end, and gives the report as JSON. Connections are opened some at a time, so that
// thousands do not fill a backlog. Ends early where connections fail: the report says so.
std::string run(const Plan& plan);

}  // namespace bench
