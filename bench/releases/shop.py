"""The shop with checkout in a version that one deploys."""

import os
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/processes"))

import harness  # noqa: E402
import orders  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", TOP / "build/release")).resolve()

OVERRIDE = """
services:
  checkout:
    command: [/usr/bin/node, --require, /opt/releases/spoil.js, checkout.js]
    mounts: [{from: %(releases)s, to: /opt/releases}]
    environment: {VERSION: "%(version)s", SPOIL: "%(spoil)s"}
    limits: {memory: %(memory)s}
    stop_grace: %(grace)s
    healthcheck: {path: /healthz, interval: 200ms, start_period: %(start)s}
    update: {canary: %(canary)s, auto_rollback: {errors: %(errors)s, p99: %(p99)s, over: %(over)s}}
"""


class Shop(harness.Application):
    def __init__(self, **rules):
        self.rules = rules
        super().__init__(orders.manifest(), environment=orders.environment(BUILD))
        self.program = str(BUILD / "apps/bulkhead/bulkhead")

    def deploy(self, version, spoil="", check=True):
        override = self.directory / "version.yaml"
        override.write_text(OVERRIDE % {**self.rules, "version": version, "spoil": spoil, "releases": TOP / "bench/releases"})
        return self.run("up", "-f", str(override), "--detach", check=check)

    def checkout(self):
        return self.service("checkout")
