#pragma once

namespace bulkhead::cli {

// Ctrl-C and SIGTERM, for commands that stay: asked for where it is convenient. `interrupted` once is so for good.
void catch_interrupts();
bool interrupted();

}  // namespace bulkhead::cli
