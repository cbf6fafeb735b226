#pragma once

#include <string>
#include <string_view>

namespace bulkhead::scaffold {

// The program that `make` alone builds, as a name in the Makefile's directory: its first target, or what an `all` in
// that place asks for first. Empty where that is no file's name as it stands there. Variables are not expanded.
std::string made_program(std::string_view makefile);

}  // namespace bulkhead::scaffold
