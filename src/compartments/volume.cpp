#include "compartments/volume.hpp"

#include <array>
#include <filesystem>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "compartments/namespaces.hpp"

namespace bulkhead::compartments {
namespace {

Result<> remove_all(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return os_fail("remove " + path, error.value());
  return {};
}

// In the child: its answer is its exit code, an errno.
[[noreturn]] void remove_when_mapped(const std::string& path, const Fd& mapped) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  char byte = 0;
  if (read(mapped.get(), &byte, 1) != 1) _exit(ECANCELED);
  const auto removed = remove_all(path);
  _exit(removed ? 0 : removed.error().os_error);
}

}  // namespace

Result<> remove_volume(const std::string& path, const Ids& ids) {
  if (ids.mapping != IdMapping::helper) return remove_all(path);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return os_fail("make a pipe");
  Fd wait_end(ends[0]);
  Fd tell_end(ends[1]);
  const auto child = fork_into_namespaces();
  if (!child) return fail(child.error());
  if (*child == 0) {
    tell_end.reset();
    remove_when_mapped(path, wait_end);
  }
  const auto mapped = write_id_maps(*child, ids);
  if (mapped && write(tell_end.get(), "x", 1) != 1) kill(*child, SIGKILL);
  tell_end.reset();
  int status = 0;
  while (waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!mapped) return mapped;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return os_fail("remove " + path, WIFEXITED(status) ? WEXITSTATUS(status) : EINTR);
}

}  // namespace bulkhead::compartments
