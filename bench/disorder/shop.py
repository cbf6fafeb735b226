"""The shop in a directory of its own, on a disk of its own, and its driver."""

import json
import os
import pathlib
import signal
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/processes"))

import harness  # noqa: E402

from .clock import OVERLAY  # noqa: E402

BUILD = TOP / "build/release"
DISK = "1g"
MOST_ORDERS = 200_000  # checkout and payments keep all of them in the memory that the manifest gives


class Shop(harness.Application):
    def __init__(self, is_root):
        here = str(TOP / "examples/shop")
        manifest = (TOP / "examples/shop/bulkhead.yaml").read_text()
        manifest = manifest.replace("127.0.0.1:8443", "127.0.0.1:@PORT@").replace("dir: ./", f"dir: {here}/").replace("from: ./", f"from: {here}/")
        super().__init__(manifest, environment={"SHOP_BIN": str(BUILD / "examples/shop")}, disk=DISK if is_root else None)
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


class Driver:
    """Orders without end, at a bounded rate, by way of a port."""

    def __init__(self, port, directory, seed, rate, concurrency):
        self.failures = directory / "failures.jsonl"
        self.process = subprocess.Popen(
            [TOP / "examples/shop/drive", "--url", f"https://127.0.0.1:{port}", "--insecure", "--until-stopped", "--json", "--patience", "300",
             "--seed", str(seed), "--rate", str(rate), "--concurrency", str(concurrency), "--failures", self.failures], stdout=subprocess.PIPE, text=True)

    def finish(self):
        """Its report, once every order has an answer and the books are read."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=600)
        return json.loads(said) if said.strip() else {"ok": False, "checks": [], "orders": 0, "repeated": {}}

    def failed(self):
        return [json.loads(line) for line in self.failures.read_text().splitlines()] if self.failures.exists() else []
