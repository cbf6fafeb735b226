"""Floods of HTTP/2 at a gateway: every such connection is ended, whoever floods gets a new one a second and no more, others are
served, and memory is bounded and comes back.

bench/floods prints what others feel of them.
"""

import os
import subprocess
import sys

import bystander
import flood
import harness
from harness import until
from slow_test import BOUND, IDLE, MANIFEST

SECONDS = 3
CONNECTIONS = 8
LONGEST_WAIT = 8  # seconds, and turns


def start(name, port, seconds, connections):
    return subprocess.Popen([sys.executable, flood.__file__, name, str(port), str(seconds), str(connections)], stdout=subprocess.PIPE, text=True)


class Floods(harness.Case):
    def test_others_are_served_during_each_flood(self):
        app = self.application(MANIFEST)
        app.up()
        app.wait_settled()
        gateway = app.instance("_gateway-1")["sidecar_pid"]
        measured = os.geteuid() == 0 and not harness.is_sanitized()
        for name in flood.FLOODS:
            with self.subTest(name):
                most = 0
                with bystander.Bystander(app, "/others/x") as one, start(name, app.port, SECONDS, CONNECTIONS) as attack:
                    while attack.poll() is None:
                        most = max(most, bystander.memory(gateway) if measured else 0)
                        one.ended.wait(0.05)
                    connections, ended, refused = map(int, attack.stdout.read().split())
                print(f"{name}: {ended} of {connections} connections ended, {refused} not let in, p99 {one.quantile(0.99):.1f} ms of {len(one.latencies)} requests, "
                      f"gateway at most {most / 1024:.1f} MiB", flush=True)
                self.assertEqual(one.failures, [])
                self.assertGreater(len(one.latencies), 20)
                self.assertGreater(ended, 0, "none was ended")
                # All that are there when the first is ended, one a second since, and those that wait for their turn.
                self.assertLess(connections, 2 * CONNECTIONS + SECONDS + LONGEST_WAIT)
                self.assertLess(most, BOUND)
                if measured:
                    until(lambda: bystander.memory(gateway) < IDLE, 60, f"less than {IDLE} KiB")
        self.assertEqual(app.instance("_gateway-1")["sidecar_pid"], gateway)


if __name__ == "__main__":
    harness.main()
