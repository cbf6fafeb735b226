"""slowhttptest's four attacks with 600 connections each: service to others goes on, and the memory comes back."""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

import bystander
import harness
from harness import until

CONNECTIONS = 600
REACHED = 500
SECONDS = 15
BOUND = 64 << 10  # KiB of the gateway during an attack
IDLE = 16 << 10  # KiB after it
MANIFEST = """
app: slow
services:
  attacked:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
  others:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /others/*}, to: others}
    - {to: attacked}
"""
ATTACKS = {
    "headers": ("-H", "-i", "1", "-x", "24"),
    "body": ("-B", "-i", "1", "-s", "8192", "-x", "24"),
    "read": ("-X", "-w", "8", "-y", "16", "-n", "1", "-z", "4"),
    "range": ("-R", "-a", "1", "-b", "3000"),
}


def made(said):
    """Connections that the attack had by its last report: some are refused and closed at once where too many wait already."""
    plain = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", said)
    return sum(int(re.findall(rf"{state}: +(\d+)", plain)[-1]) for state in ("connected", "closed"))


class Slow(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.app = harness.Application(MANIFEST)
        cls.addClassCleanup(cls.app.close)
        cls.app.up()
        cls.app.wait_settled()
        cls.gateway = cls.app.instance("_gateway-1")["sidecar_pid"]

    def measures_memory(self):
        return os.geteuid() == 0 and not harness.is_sanitized()

    def requests(self):
        return self.app.service("attacked")["totals"]["requests"]

    def attack(self, words, report):
        command = ["slowhttptest", *words, "-c", str(CONNECTIONS), "-r", "400", "-l", str(SECONDS), "-p", "5", "-v", "1",
                   "-u", f"https://127.0.0.1:{self.app.port}/fill?n=2000000"]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=report, stderr=subprocess.STDOUT)

    def test_others_are_served_during_each_attack(self):
        for name, words in ATTACKS.items():
            with self.subTest(name):
                with bystander.Bystander(self.app, "/others/x") as before:
                    until(lambda: len(before.latencies) >= 500, 60, "500 requests")
                most, requests = 0, self.requests()
                with tempfile.TemporaryFile("w+") as report, bystander.Bystander(self.app, "/others/x") as during, self.attack(words, report) as attack:
                    while attack.poll() is None:
                        most = max(most, bystander.memory(self.gateway) if self.measures_memory() else 0)
                        during.ended.wait(0.1)
                    report.seek(0)
                    # Ranges are requests of one head each, which are answered: they do not stay.
                    reached = self.requests() - requests if name == "range" else made(report.read())
                print(f"{name}: {reached} connections; p99 {during.quantile(0.99):.1f} ms of {len(during.latencies)} requests, before {before.quantile(0.99):.1f} ms; "
                      f"gateway at most {most / 1024:.1f} MiB", flush=True)
                self.assertGreaterEqual(reached, REACHED, "so few show nothing")
                self.assertEqual((before.failures, during.failures), ([], []))
                self.assertGreater(len(during.latencies), 0)
                if self.measures_memory():
                    self.assertLess(most, BOUND)
                    until(lambda: bystander.memory(self.gateway) < IDLE, 60, f"less than {IDLE} KiB")
        self.assertEqual(self.app.instance("_gateway-1")["sidecar_pid"], self.gateway)


if __name__ == "__main__":
    if not shutil.which("slowhttptest"):
        print("skipped: slowhttptest is not installed (scripts/packages-test.txt)")
        sys.exit(harness.SKIPPED)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < CONNECTIONS + 200:
        print(f"skipped: this host allows {most} open files")
        sys.exit(harness.SKIPPED)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    harness.main()
