"""The shop in a directory of its own, on a disk of its own."""

import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/processes"))

import harness  # noqa: E402
import orders  # noqa: E402

from .clock import OVERLAY  # noqa: E402

BUILD = TOP / "build/release"
DISK = "1g"
MOST_ORDERS = 200_000  # checkout and payments keep all of them in the memory that the manifest gives


class Shop(harness.Application):
    def __init__(self, is_root):
        super().__init__(orders.manifest(), environment=orders.environment(BUILD), disk=DISK if is_root else None)
        self.program = str(BUILD / "apps/bulkhead/bulkhead")
        self.programs = [self.program, harness.other_build(self.program, self.directory / "other/bulkhead")]

    def door(self, instance):
        """Where the sidecar of this instance takes its callers' connections."""
        listed = json.loads((self.directory / "b/run/shop/instances.json").read_text())["instances"]
        return next(each["address"].removeprefix("unix:") for each in listed if each["id"] == instance)

    def leftovers(self):
        return [each for each in super().leftovers() if not each.startswith(f"{OVERLAY} ")]

    def fill_disk(self):
        """A tmpfs that may not be larger than it is now is full, and needs no memory for it."""
        for _ in range(20):
            state = os.statvfs(self.disk)
            used = (state.f_blocks - state.f_bfree) * state.f_frsize
            if subprocess.run(["mount", "-o", f"remount,size={used}", self.disk], stderr=subprocess.DEVNULL).returncode == 0:
                return

    def empty_disk(self):
        subprocess.run(["mount", "-o", f"remount,size={DISK}", self.disk], check=True)
