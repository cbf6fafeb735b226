#pragma once

// Texts that a process hands to another one, or to what it becomes, by a descriptor.

#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::compartments {

// Memory that has it, at its start.
Result<Fd> put_in_memory(std::string_view text);

// Of memory, a pipe or a file: at most 16 MiB, else Cause::exhausted.
Result<std::string> read_to_end(Fd fd);

}  // namespace bulkhead::compartments
