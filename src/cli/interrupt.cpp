#include "cli/interrupt.hpp"

#include <atomic>

#include <signal.h>

namespace bulkhead::cli {

namespace {

std::atomic<bool> was_interrupted = false;

void on_interrupt(int) { was_interrupted = true; }

}  // namespace

void catch_interrupts() {
  for (const int signal : {SIGINT, SIGTERM}) ::signal(signal, on_interrupt);  // NOLINT(cert-err33-c)
}

bool interrupted() { return was_interrupted; }

}  // namespace bulkhead::cli
