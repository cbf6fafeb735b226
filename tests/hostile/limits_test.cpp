#include <algorithm>
#include <filesystem>

#include "compartments/cgroup.hpp"
#include "sealed.hpp"

namespace bulkhead::hostile {
namespace {

using compartments::CgroupController;

class Limits : public Sealed {
 protected:
  // Skips where the host gives no such controller.
  void limit(CgroupController controller, const compartments::Limits& limits) {
    if (GetParam() != "Root") GTEST_SKIP() << "no cgroup is delegated to the test's user";
    static const auto host = compartments::detect_cgroups();
    const bool there = std::ranges::any_of(host.bases, [&](const auto& base) {
      return std::ranges::find(base.controllers, controller) != base.controllers.end();
    });
    if (!there) GTEST_SKIP() << "no cgroup controller for " << compartments::to_string(controller);
    instance->compartment().limits = limits;
    instance->compartment().cgroups = compartments::plan_cgroups(host, instance->spec().instance);
  }
  void expect_no_group_left() {
    EXPECT_TRUE(instance->wait_for_keeper().has_value());
    for (const auto& directory : instance->compartment().cgroups) EXPECT_FALSE(std::filesystem::exists(directory.path));
  }
};

TEST_P(Limits, MemoryAboveTheLimitIsAnOomThatIsNamed) {
  limit(CgroupController::memory, {.memory_bytes = 64U << 20U});
  if (IsSkipped()) return;
  instance->compartment().command = {"./probe", "eat"};
  instance->start();
  const Json exited = instance->wait_for_exit();
  EXPECT_EQ(exited["signal"], 9);
  EXPECT_EQ(exited["oom"], true);
  expect_no_group_left();
}

TEST_P(Limits, AForkBombEndsAtTheLimit) {
  limit(CgroupController::pids, {.pids = 32});
  if (IsSkipped()) return;
  instance->compartment().command = {"./probe", "fork"};
  instance->start();
  EXPECT_EQ(instance->wait_for_log("stdout", "forked"), "forked 31");
  expect_no_group_left();
}

TEST_P(Limits, WithoutAGroupProcessesAreLimitedAllTheSame) {
  instance->compartment().limits = {.pids = 32};
  instance->compartment().command = {"./probe", "fork"};
  instance->start();
  EXPECT_EQ(instance->wait_for_log("stdout", "forked"), "forked 31");
}

TEST_P(Limits, AKilledKeepersGroupsCanBeRemovedByWhoeverComesLater) {
  limit(CgroupController::pids, {.pids = 32});
  if (IsSkipped()) return;
  instance->compartment().command = {"./probe", "stay"};
  instance->start();
  ASSERT_FALSE(instance->wait_for_log("stdout", "staying").empty());
  kill(instance->keeper(), SIGKILL);
  EXPECT_TRUE(instance->wait_for_keeper().has_value());
  EXPECT_TRUE(compartments::remove_cgroups(instance->compartment().cgroups).has_value());
  expect_no_group_left();
}

FOR_EVERY_LAUNCHER(Limits);

}  // namespace
}  // namespace bulkhead::hostile
