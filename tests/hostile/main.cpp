#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "compartments/keeper.hpp"
#include "fake_sidecar.hpp"
#include "launchers.hpp"

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "keeper" && argc > 3) return bulkhead::compartments::keeper_goes_on(std::atoi(argv[3]));
  if (role == "keeper" && argc > 2) return bulkhead::compartments::keeper_main(std::atoi(argv[2]));
  if (role == "sidecar") return bulkhead::hostile::fake_sidecar_main();
  if (role == "remove-user") return bulkhead::hostile::remove_test_user();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
