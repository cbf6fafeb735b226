"""What this host does not give is shown, not passed over: here a kernel without Landlock, played by a filter on system calls."""

import ctypes
import os
import unittest

import harness
from harness import kill, until

SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, ENOSYS = 0x7FFF0000, 0x00050000, 38


def without_landlock():
    """For the calling process and all that it starts, as with a kernel that was built without it."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(SCMP_ACT_ALLOW))
    call = seccomp.seccomp_syscall_resolve_name(b"landlock_create_ruleset")
    assert seccomp.seccomp_rule_add(rules, SCMP_ACT_ERRNO | ENOSYS, call, 0) == 0
    assert seccomp.seccomp_load(rules) == 0


class Walls(harness.Case):
    @unittest.skipUnless(os.geteuid() == 0, "an ordinary user's filter takes newuidmap's rights")
    def test_a_platform_process_without_landlock_says_so_in_status_also_after_the_controllers_return(self):
        app = self.application(harness.one_service("walls"), before_start=without_landlock)
        app.up()
        self.assertEqual(app.get("/x").status, 200)
        for _ in range(2):
            said = app.run("status").stdout
            self.assertRegex(said, r"not enforced: file access of platform processes: this kernel has no Landlock\. .*\((echo, gateway|gateway, echo)\)")
            controller = app.lock_holder("controller")
            kill(controller)
            until(lambda: app.lock_holder("controller") != controller and app.status().get("settled"), 20, "the controller's return")
            until(lambda: all(i["not_enforced"] for s in app.status()["services"] for i in s["instances"]), 20, "every sidecar's word")


if __name__ == "__main__":
    harness.main()
