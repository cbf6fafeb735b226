#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include "sealed.hpp"

namespace bulkhead::hostile {
namespace {

namespace fs = std::filesystem;

class Root : public Sealed {
 protected:
  // The exit code that the service ended with.
  int code() {
    instance->start();
    const Json exited = instance->wait_for_exit();
    EXPECT_TRUE(exited.contains("code")) << exited;
    EXPECT_FALSE(exited.contains("reason")) << exited;
    return exited.value("code", -1);
  }
};

TEST_P(Root, ARootfsTakesTheHostsPlaceAndOursLiesOnTop) {
  const std::string rootfs = instance->directory() + "/rootfs";
  fs::create_directories(rootfs + "/opt/bin");
  fs::create_directories(rootfs + "/etc");
  fs::copy_file(PROBE, rootfs + "/opt/bin/probe");
  fs::create_symlink("opt/bin", rootfs + "/bin");
  ASSERT_TRUE(write_file_atomically(rootfs + "/etc/hosts", "6.6.6.6 evil\n", 0644));
  ASSERT_TRUE(write_file_atomically(rootfs + "/etc/release", "mine", 0644));
  instance->compartment().rootfs = rootfs;
  instance->compartment().command = {"probe", "has",         "/etc/release", "/etc/hosts",
                                     "!/usr", "!/opt/bin/x", "/proc/self",   "/app/probe"};
  EXPECT_EQ(code(), 0);
}

TEST_P(Root, MountsAreThereAndReadOnlyUnlessTheManifestSaysOtherwise) {
  const std::string extra = instance->directory() + "/extra";
  fs::create_directories(extra + "/inner");
  chmod(extra.c_str(), 0777);
  instance->compartment().mounts = {
      {extra, "/opt/extra/deep", false}, {extra, "/srv/extra", true}, {extra, "/run/extra", false}};
  instance->compartment().command = {"./probe",
                                     "has",
                                     "/opt/extra/deep/inner",
                                     "/srv/extra/inner",
                                     "/run/extra/inner",
                                     "w/srv/extra/new",
                                     "!w/opt/extra/deep/new"};
  EXPECT_EQ(code(), 0);
}

TEST_P(Root, AMountThatNeedsAPlaceInAReadOnlyTreeIsExplained) {
  instance->compartment().mounts = {{instance->directory(), "/usr/no/such/place", false}};
  instance->start();
  const auto reason = instance->wait_for_exit().value("reason", "");
  EXPECT_THAT(reason, testing::HasSubstr("/usr/no/such/place"));
}

TEST_P(Root, ALinkInAMountDoesNotLeadToTheHost) {
  const std::string extra = instance->directory() + "/extra";
  fs::create_directories(extra);
  fs::create_symlink("/etc", extra + "/escape");
  instance->compartment().mounts = {{extra, "/opt/extra", true},
                                    {instance->directory() + "/app", "/opt/extra/escape/trap", false}};
  instance->compartment().command = {"./probe", "has", "/etc/trap/probe"};
  EXPECT_EQ(code(), 0);
  EXPECT_FALSE(fs::exists("/etc/trap"));
}

// sudo in the directory of a user whose home is closed to everybody else.
TEST_P(Root, ARootLauncherReachesADirectoryBelowAClosedHome) {
  if (GetParam() != "Root") GTEST_SKIP() << "only root works in the directories of others";
  const std::string home = instance->directory() + "/home";
  fs::create_directories(home);
  fs::rename(instance->directory() + "/app", home + "/app");
  ASSERT_EQ(chown(home.c_str(), 1234, 1234), 0);
  chmod(home.c_str(), 0700);
  instance->compartment().directory = home + "/app";
  instance->compartment().command = {"./probe", "exit", "0"};
  EXPECT_EQ(code(), 0);
}

FOR_EVERY_LAUNCHER(Root);

}  // namespace
}  // namespace bulkhead::hostile
