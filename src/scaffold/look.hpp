#pragma once

#include "base/result.hpp"
#include "scaffold/folder.hpp"
#include "scaffold/plan.hpp"

namespace bulkhead::scaffold {

// The programs of a folder as a plan: what starts them, where they listen, whom they call. Pure. Cause::not_found, with
// what was looked for, where there is no program.
Result<Plan> look_at(const Folder& folder, const Host& host);

}  // namespace bulkhead::scaffold
