#pragma once

#include "scaffold/folder.hpp"
#include "scaffold/plan.hpp"

namespace bulkhead::scaffold {

// What both readers do at the end: names the packages that the host lacks, and takes out what the manifest's own check
// refuses, each with an edit or a remark that says so.
void finish(Plan& plan, const Host& host);

}  // namespace bulkhead::scaffold
