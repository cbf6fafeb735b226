#include "compartments/privileges.hpp"

#include <array>
#include <cstdint>

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compartments/spec.hpp"

namespace bulkhead::compartments {
namespace {

constexpr int kMostCapabilities = 64;

struct Capabilities {
  std::uint64_t effective = 0, permitted = 0, inheritable = 0;
};

bool set_capabilities(const Capabilities& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (unsigned word = 0; word < 2; ++word) {
    const auto part = [&](std::uint64_t bits) { return static_cast<std::uint32_t>(bits >> (32 * word)); };
    data[word] = {part(sets.effective), part(sets.permitted), part(sets.inheritable)};
  }
  return syscall(SYS_capset, &header, data.data()) == 0;
}

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << static_cast<unsigned>(capability); }

std::uint64_t permitted_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return (std::uint64_t{data[1].permitted} << 32U) | data[0].permitted;
}

Result<> empty_bounding_set() {
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL && capability > 0) return {};
    return os_fail("empty the bounding set");
  }
  return {};
}

// By the system calls: those of libc change every thread or end the process, and a sanitizer's thread has not got the
// capabilities that this one raised. What follows is exec, which leaves this thread alone.
Result<> change_ids() {
  // Without subordinate ids the only group mapped is ours and the kernel forbids setgroups.
  if (syscall(SYS_setgroups, 0, nullptr) != 0 && errno != EPERM) return os_fail("leave supplementary groups");
  if (syscall(SYS_setresgid, kServiceId, kServiceId, kServiceId) != 0) return os_fail("become the service's group");
  if (syscall(SYS_setresuid, kServiceId, kServiceId, kServiceId) != 0) return os_fail("become the service's user");
  return {};
}

}  // namespace

Result<> become_service() {
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                  SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                  SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (const auto done = empty_bounding_set(); !done) return done;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return os_fail("clear ambient capabilities");
  if (prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) != 0) return os_fail("lock the secure bits");
  if (const auto done = change_ids(); !done) return done;
  if (!set_capabilities({})) return os_fail("drop capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return os_fail("set no_new_privs");
  // After the change of ids, which forgets it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return os_fail("set the death signal");
  return {};
}

Result<> keep_init_capabilities() {
  constexpr std::uint64_t kUsed = bit(CAP_KILL) | bit(CAP_NET_ADMIN);
  constexpr std::uint64_t kOfChildren = bit(CAP_CHOWN) | bit(CAP_SETUID) | bit(CAP_SETGID) | bit(CAP_SETPCAP);
  if (!set_capabilities({kUsed, kUsed | kOfChildren, 0})) return os_fail("drop capabilities of init");
  return {};
}

Result<> raise_capabilities() {
  const std::uint64_t all = permitted_capabilities();
  if (!set_capabilities({all, all, 0})) return os_fail("raise capabilities");
  return {};
}

void keep_capabilities_across_exec() {
  const std::uint64_t all = permitted_capabilities();
  if (!set_capabilities({all, all, all})) return;
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    if ((all >> static_cast<unsigned>(capability) & 1U) != 0) {
      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
    }
  }
}

}  // namespace bulkhead::compartments
