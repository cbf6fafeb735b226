#pragma once

#include <string>

namespace interop {

// Serves the Test service at `address` until SIGTERM. Gives the process's exit status.
int serve(const std::string& address);

}  // namespace interop
