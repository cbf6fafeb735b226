#include <array>
#include <memory>

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "compartments/privileges.hpp"

// Programs run unmodified, so everything is allowed but what opens a way around the walls. Tracing stays allowed:
// inside its own pid namespace a service meets only its own processes, and debuggers work.
namespace bulkhead::compartments {
namespace {

constexpr std::array kRefused = {
    // opens sockets and files past this filter
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    // kernel surfaces with a history, of no use to a service
    "bpf", "userfaultfd", "perf_event_open", "keyctl", "add_key", "request_key", "kcmp", "fanotify_init",
    "lookup_dcookie", "quotactl", "quotactl_fd", "nfsservctl", "acct", "syslog", "iopl", "ioperm", "vhangup", "uselib",
    "_sysctl", "sysfs",
    // another view of the file system
    "mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount",
    "fspick", "mount_setattr", "open_by_handle_at",
    // other namespaces
    "setns", "sethostname", "setdomainname",
    // the machine
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "reboot",
    "swapon", "swapoff", "settimeofday", "clock_settime", "clock_adjtime"};

// Newer than libseccomp 2.5.4's tables: open_tree_attr, listmount, statmount (the same numbers on every architecture).
constexpr std::array kRefusedNumbers = {467, 458, 457};

constexpr std::array<std::uint64_t, 8> kNamespaceFlags = {
    CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
    CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, 0x80 /* time */};

scmp_arg_cmp when(unsigned argument, scmp_compare comparison, std::uint64_t a, std::uint64_t b = 0) {
  return {argument, comparison, a, b};
}

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release) {
    keep(context_ == nullptr ? -ENOMEM
                             : seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
  }

  template <class... Comparisons>
  void refuse(int call, int error, Comparisons... comparisons) {
    if (call == __NR_SCMP_ERROR || failure_ != 0) return keep(-EINVAL);
    const std::array<scmp_arg_cmp, sizeof...(comparisons)> list{comparisons...};
    keep(seccomp_rule_add_array(context_.get(), SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call,
                                static_cast<unsigned>(list.size()), list.data()));
  }
  Result<> load() {
    if (failure_ == 0) keep(seccomp_load(context_.get()));
    if (failure_ != 0) return os_fail("load the seccomp filter", -failure_);
    return {};
  }

 private:
  void keep(int result) {
    if (result < 0 && failure_ == 0) failure_ = result;
  }
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
  int failure_ = 0;
};

// The comparisons are of 64 bits while the kernel looks at 32: whatever has high bits set is above every limit, and
// refused.
void refuse_sockets(Filter& filter) {
  const int call = SCMP_SYS(socket);
  for (std::uint64_t family = 0; family < AF_MAX; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    filter.refuse(call, EAFNOSUPPORT, when(0, SCMP_CMP_EQ, family));
  }
  filter.refuse(call, EAFNOSUPPORT, when(0, SCMP_CMP_GE, AF_MAX));
  filter.refuse(call, EPROTONOSUPPORT, when(0, SCMP_CMP_EQ, AF_NETLINK), when(2, SCMP_CMP_NE, 0));
  for (const std::uint64_t family : {AF_INET, AF_INET6}) {
    for (std::uint64_t type = 0; type < 16; ++type) {
      if (type == SOCK_STREAM || type == SOCK_DGRAM) continue;
      filter.refuse(call, EPERM, when(0, SCMP_CMP_EQ, family), when(1, SCMP_CMP_MASKED_EQ, 0xF, type));
    }
    // 0, TCP and UDP: no ping sockets, SCTP, L2TP, MPTCP (runtimes fall back to TCP).
    for (std::uint64_t protocol = 1; protocol < 17; ++protocol) {
      if (protocol == 6) continue;
      filter.refuse(call, EPROTONOSUPPORT, when(0, SCMP_CMP_EQ, family), when(2, SCMP_CMP_EQ, protocol));
    }
    filter.refuse(call, EPROTONOSUPPORT, when(0, SCMP_CMP_EQ, family), when(2, SCMP_CMP_GE, 18));
  }
  filter.refuse(SCMP_SYS(socketpair), EAFNOSUPPORT, when(0, SCMP_CMP_NE, AF_UNIX));
}

void refuse_namespaces(Filter& filter) {
  for (const std::uint64_t flag : kNamespaceFlags) {
    // Bit 0x80 belongs to the exit signal in clone(2); only unshare(2) takes CLONE_NEWTIME.
    if (flag != 0x80) filter.refuse(SCMP_SYS(clone), EPERM, when(0, SCMP_CMP_MASKED_EQ, flag, flag));
    filter.refuse(SCMP_SYS(unshare), EPERM, when(0, SCMP_CMP_MASKED_EQ, flag, flag));
  }
  // Its flags are behind a pointer that a filter can't read; the C library falls back to clone.
  filter.refuse(SCMP_SYS(clone3), ENOSYS);
}

}  // namespace

Result<> load_service_filter() {
  Filter filter;
  for (const char* name : kRefused) filter.refuse(seccomp_syscall_resolve_name(name), EPERM);
  for (const int number : kRefusedNumbers) filter.refuse(number, ENOSYS);
  refuse_sockets(filter);
  refuse_namespaces(filter);
  for (const std::uint64_t request : {TIOCSTI, TIOCLINUX}) {
    filter.refuse(SCMP_SYS(ioctl), EPERM, when(1, SCMP_CMP_MASKED_EQ, 0xFFFFFFFF, request));
  }
  return filter.load();
}

}  // namespace bulkhead::compartments
