// Process 1 of a compartment after an upgrade: `bulkhead init FD` goes on with what is written there. Without it it
// ends at once, which shows that it runs here. See src/compartments/init_program.hpp.

#include <cstdlib>

#include "compartments/init.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 0;
  bulkhead::compartments::init_goes_on(std::atoi(argv[2]));  // NOLINT(cert-err34-c)
}
