#include "compartments/confine.hpp"

#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

class ConfineTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(directory.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(directory); }

  // The errno of `attempt` in a child that confined itself to `directory`.
  int confined(const std::function<long()>& attempt) {
    const pid_t child = fork();
    if (child == 0) {
      const auto done = confine_platform_process({{directory}, {"/usr/lib"}});
      if (!done) _exit(254);
      _exit(attempt() < 0 ? errno : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
  }
  std::string directory = testing::TempDir() + "bulkhead-confine-XXXXXX";
};

TEST_F(ConfineTest, ItsOwnFilesAndSocketsStayWithinReach) {
  const std::string file = directory + "/x";
  EXPECT_EQ(confined([&] { return open(file.c_str(), O_RDWR | O_CREAT, 0600); }), 0);
  EXPECT_EQ(confined([&] {
              sockaddr_un address{};
              address.sun_family = AF_UNIX;
              std::strcpy(address.sun_path, (directory + "/s").c_str());
              const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
              if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
              listen(fd, 1);
              return connect(socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<sockaddr*>(&address), sizeof address);
            }),
            0);
  EXPECT_EQ(confined([] { return socket(AF_INET, SOCK_STREAM, 0); }), 0);
  EXPECT_EQ(confined([] { return open("/usr/lib", O_RDONLY); }), 0);
}

TEST_F(ConfineTest, ThreadsAndAbortStayPossible) {
  EXPECT_EQ(confined([] {
              std::thread([] {}).join();
              return kill(getpid(), 0);
            }),
            0);
}

TEST_F(ConfineTest, EverythingElseIsRefused) {
  EXPECT_EQ(confined([] { return execl("/bin/true", "true", nullptr); }), EPERM);
  EXPECT_EQ(confined([] { return kill(getppid(), 0); }), EPERM);
  EXPECT_EQ(confined([] { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -1; }), 0);
  EXPECT_EQ(confined([] { return unshare(CLONE_NEWUSER); }), EPERM);
  EXPECT_EQ(confined([] { return syscall(SYS_setuid, getuid()); }), EPERM);
}

TEST_F(ConfineTest, FilesOutsideAreRefusedOrTheLackOfLandlockIsSaid) {
  const pid_t child = fork();
  if (child == 0) {
    const auto missing = confine_platform_process({{directory}, {}});
    if (!missing) _exit(254);
    const bool refused = open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES;
    _exit(refused == missing->empty() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace bulkhead::compartments
