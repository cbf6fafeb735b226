#pragma once

// The program that process 1 of a compartment becomes at an upgrade (apps/init): linked statically, as nothing of the
// host's is inside a compartment, an image has another loader or none, and what a service may have put there must not
// be loaded by its init. It is a part of this program.

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::compartments {

// It in sealed memory, for execveat; it was seen to run here. Cause::unsupported where this build has none (one with a
// sanitizer, a test). Forks and waits for some milliseconds.
Result<Fd> make_init_program();

}  // namespace bulkhead::compartments
