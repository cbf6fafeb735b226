#pragma once

#include "scaffold/plan.hpp"

namespace bulkhead::scaffold {

// A secret that stands in a service's variables becomes a file that only its owner reads, and the manifest names that;
// the program finds it in the same variable.
void take_out_secrets(Plan& plan);

}  // namespace bulkhead::scaffold
