#include "compartments/confine.hpp"

#include <array>
#include <memory>

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::compartments {
namespace {

constexpr std::array kRefused = {"execve",
                                 "execveat",
                                 "ptrace",
                                 "process_vm_readv",
                                 "process_vm_writev",
                                 "process_madvise",
                                 "pidfd_getfd",
                                 "kcmp",
                                 "pidfd_send_signal",
                                 "pidfd_open",
                                 "io_uring_setup",
                                 "io_uring_enter",
                                 "io_uring_register",
                                 "bpf",
                                 "userfaultfd",
                                 "perf_event_open",
                                 "keyctl",
                                 "add_key",
                                 "request_key",
                                 "mount",
                                 "umount2",
                                 "pivot_root",
                                 "chroot",
                                 "open_tree",
                                 "move_mount",
                                 "fsopen",
                                 "fsconfig",
                                 "fsmount",
                                 "fspick",
                                 "mount_setattr",
                                 "open_by_handle_at",
                                 "setns",
                                 "unshare",
                                 "sethostname",
                                 "setdomainname",
                                 "kexec_load",
                                 "kexec_file_load",
                                 "init_module",
                                 "finit_module",
                                 "delete_module",
                                 "reboot",
                                 "swapon",
                                 "swapoff",
                                 "quotactl",
                                 "acct",
                                 "syslog",
                                 "iopl",
                                 "ioperm",
                                 "personality",
                                 "fanotify_init",
                                 "lookup_dcookie",
                                 "uselib",
                                 "setuid",
                                 "setgid",
                                 "setreuid",
                                 "setregid",
                                 "setresuid",
                                 "setresgid",
                                 "setgroups",
                                 "setfsuid",
                                 "setfsgid",
                                 "capset"};

constexpr std::array<std::uint64_t, 7> kNamespaceFlags = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                                          CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

Result<> load_platform_filter() {
  const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  if (filter == nullptr) return fail(Cause::exhausted, "no memory for a seccomp filter");
  int failure = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  const auto add = [&](int call, int error, const auto&... comparisons) {
    const std::array<scmp_arg_cmp, sizeof...(comparisons)> list{comparisons...};
    const int result = seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call,
                                              static_cast<unsigned>(list.size()), list.data());
    if (result < 0 && failure == 0) failure = result;
  };
  for (const char* name : kRefused) add(seccomp_syscall_resolve_name(name), EPERM);
  for (const auto flag : kNamespaceFlags) add(SCMP_SYS(clone), EPERM, scmp_arg_cmp{0, SCMP_CMP_MASKED_EQ, flag, flag});
  add(SCMP_SYS(clone3), ENOSYS);
  // Signals to itself (abort) only.
  const auto self = static_cast<std::uint64_t>(getpid());
  for (const int call :
       {SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo)}) {
    if (call == SCMP_SYS(tkill)) {
      add(call, EPERM);
    } else {
      add(call, EPERM, scmp_arg_cmp{0, SCMP_CMP_NE, self, 0});
    }
  }
  if (failure == 0) failure = seccomp_load(filter.get());
  if (failure != 0) return os_fail("load the platform's seccomp filter", -failure);
  return {};
}

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kFirstAbi = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1U) - 1;  // the 13 rights of version 1
constexpr std::uint64_t kRefer = 1U << 13U;                                   // version 2
constexpr std::uint64_t kTruncate = 1U << 14U;                                // version 3

std::uint64_t handled(long version) {
  std::uint64_t rights = kFirstAbi;
  if (version >= 2) rights |= kRefer;
  if (version >= 3) rights |= kTruncate;
  return rights;
}

Result<> allow_below(int ruleset, const std::string& path, std::uint64_t rights) {
  const Fd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  // What isn't there needs no right.
  if (!place) return errno == ENOENT ? Result<>{} : os_fail("confine: open " + path);
  struct stat status{};
  if (fstat(place.get(), &status) != 0) return os_fail("confine: look at " + path);
  constexpr std::uint64_t kOfFiles =
      LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | kTruncate;
  if (!S_ISDIR(status.st_mode)) rights &= kOfFiles;
  const landlock_path_beneath_attr attribute{rights, place.get()};
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attribute, 0) != 0) {
    return os_fail("confine: allow " + path);
  }
  return {};
}

Result<> restrict_files(const Confinement& confinement, long version) {
  const std::uint64_t all = handled(version);
  const std::uint64_t write =
      all & ~std::uint64_t{LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK};
  const landlock_ruleset_attr attribute{.handled_access_fs = all};
  const Fd ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attribute, sizeof attribute.handled_access_fs, 0)));
  if (!ruleset) return os_fail("confine: make a Landlock ruleset");
  for (const auto& path : confinement.read_write) {
    if (const auto done = allow_below(ruleset.get(), path, write); !done) return done;
  }
  for (const auto& path : confinement.read_only) {
    if (const auto done = allow_below(ruleset.get(), path, kRead); !done) return done;
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return os_fail("confine: restrict files");
  return {};
}

}  // namespace

int landlock_version() {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 1 ? 0 : static_cast<int>(version);
}

Result<std::vector<NotEnforced>> confine_platform_process(const Confinement& confinement) {
  std::vector<NotEnforced> missing;
  const rlimit none{0, 0};
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) return os_fail("confine: no core");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return os_fail("confine: no_new_privs");
  const int version = landlock_version();
  if (version == 0) {
    missing.push_back({"file access of platform processes", "this kernel has no Landlock",
                       "boot with lsm=landlock in front of the list of security modules"});
  } else if (const auto done = restrict_files(confinement, version); !done) {
    return fail(done.error());
  }
  if (const auto done = load_platform_filter(); !done) return fail(done.error());
  return missing;
}

}  // namespace bulkhead::compartments
