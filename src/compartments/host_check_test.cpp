#include "compartments/host_check.hpp"

#include <set>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::compartments {
namespace {

TEST(HostCheckTest, AHostThatCannotSealSaysWhatIsMissingAndHowToGetIt) {
  const HostReport report = check_host();
  for (const auto& problem : report.fatal) {
    EXPECT_FALSE(problem.reason.empty());
    EXPECT_FALSE(problem.fix.empty());
    std::printf("this host: %s: %s (%s)\n", problem.what.c_str(), problem.reason.c_str(), problem.fix.c_str());
  }
}

// What the check makes goes with it: its mounts are in a namespace that ends.
TEST(HostCheckTest, NothingOfTheCheckStays) {
  const auto before = read_file("/proc/self/mounts");
  check_host();
  EXPECT_EQ(*read_file("/proc/self/mounts"), *before);
}

TEST(HostCheckTest, AHostWithoutUserNamespacesIsNamedWithItsRemedy) {
  const pid_t child = fork();
  if (child == 0) {
    // A user in a namespace where no further one may be made.
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(99);
    if (unshare(CLONE_NEWUSER) != 0) _exit(98);
    const Fd limit(open("/proc/sys/user/max_user_namespaces", O_WRONLY));
    if (write(limit.get(), "0", 1) != 1) _exit(98);
    const HostReport report = check_host();
    _exit(report.fatal.size() == 1 && report.fatal[0].reason == "this host allows no user namespaces at all" ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 98) GTEST_SKIP() << "this host has no user namespaces to begin with";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace bulkhead::compartments
