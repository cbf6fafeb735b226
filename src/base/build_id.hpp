#pragma once

#include <string>

namespace bulkhead {

// Which build of this program runs, as the linker named it: 16 hexadecimal digits, the same for every process of one
// executable file and another for every other. Empty where the linker wrote none.
std::string build_id();

}  // namespace bulkhead
