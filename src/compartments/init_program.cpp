#include "compartments/init_program.hpp"

#include <cstddef>
#include <span>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U  // Linux 6.3
#endif

// apps/bulkhead/init_program.cpp, where there is one.
extern "C" {
[[gnu::weak]] extern const char bulkhead_init_begin;
[[gnu::weak]] extern const char bulkhead_init_end;
}

namespace bulkhead::compartments {
namespace {

// What an older kernel does not know it refuses.
Fd make_memory() {
  Fd memory(memfd_create("bulkhead-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  if (!memory) memory = Fd(memfd_create("bulkhead-init", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  return memory;
}

Result<> try_out(const Fd& program) {
  const pid_t child = fork();
  if (child < 0) return os_fail("fork");
  if (child == 0) {
    const char* argv[] = {"bulkhead", "init", nullptr};
    char* environment[] = {nullptr};
    execveat(program.get(), "", const_cast<char* const*>(argv), environment, AT_EMPTY_PATH);
    _exit(errno);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0)
    return fail(Cause::io, "process 1 of a compartment can't become another one on this host: {}",
                WIFEXITED(status) ? os_fault("run it from memory", WEXITSTATUS(status)).message : "it crashes");
  return {};
}

}  // namespace

Result<Fd> make_init_program() {
  if (&bulkhead_init_begin == nullptr) return fail(Cause::unsupported, "this build has no program for process 1");
  const std::span<const char> program(&bulkhead_init_begin, &bulkhead_init_end);
  Fd memory = make_memory();
  if (!memory) return os_fail("make memory for process 1");
  for (std::size_t done = 0; done < program.size();) {
    const ssize_t written = write(memory.get(), program.data() + done, program.size() - done);
    if (written <= 0) return os_fail("write process 1 into memory");
    done += static_cast<std::size_t>(written);
  }
  // Who can't read a program can't be looked at while it runs it, from the first moment on (PR_SET_DUMPABLE, prctl(2)).
  if (fchmod(memory.get(), 0111) != 0) return os_fail("close process 1's memory");
  if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return os_fail("seal process 1's memory");
  if (const auto runs = try_out(memory); !runs) return fail(runs.error());
  return memory;
}

}  // namespace bulkhead::compartments
