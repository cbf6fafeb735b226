"""The shop: every process of it is killed in turn under load, and its books balance."""

import json
import os
import pathlib
import signal
import subprocess

import harness
import orders
from harness import until

BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve()


NONE = -1


class Shop(harness.Case):
    def setUp(self):
        if not (BUILD / "examples/shop/inventory/inventory").exists():
            self.skipTest("examples/shop is not built here")

    def start(self):
        app = self.application(orders.manifest(), environment=orders.environment(BUILD))
        app.up()
        return app

    def drive(self, app, *words):
        return subprocess.Popen([str(orders.SHOP / "drive"), "--url", f"https://127.0.0.1:{app.port}", "--insecure", "--concurrency", "64", "--json", *words],
                                stdout=subprocess.PIPE, text=True)

    def test_a_thousand_orders_none_wrong_none_lost(self):
        app = self.start()
        driver = self.drive(app, "--orders", "1000")
        report = json.loads(driver.communicate(timeout=240)[0])
        self.assertEqual(driver.returncode, 0, report)
        self.assertEqual(report["repeated"], {}, "no order had to be sent twice")
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)

    def test_every_process_is_killed_in_turn_under_load_and_the_books_balance(self):
        app = self.start()
        driver = self.drive(app, "--until-stopped")
        self.addCleanup(driver.kill)
        killed = []
        for service in app.status()["services"]:
            for instance in service["instances"]:
                for kind in ("service_pid", "sidecar_pid", "keeper_pid"):
                    pid = until(lambda: self.pid_when_ready(app, instance["id"], kind), 60, f"{instance['id']} to be ready")
                    if pid == NONE:  # a gateway has no service
                        continue
                    harness.kill(pid)
                    killed.append(f"{instance['id']} {kind}")
                    until(lambda: self.pid_when_ready(app, instance["id"], kind) not in (None, pid), 60, f"{instance['id']} to be replaced after its {kind} was killed")
        for role in ("controller", "warden"):
            lock = app.directory / "b/run/shop" / f"{role}.lock"
            pid = int(lock.read_text())
            harness.kill(pid)
            killed.append(role)
            until(lambda: int(lock.read_text()) != pid, 20, f"another {role}")
        app.wait_settled(20)
        driver.send_signal(signal.SIGTERM)
        report = json.loads(driver.communicate(timeout=240)[0])
        print(f"\nkilled {len(killed)}: {', '.join(killed)}\n{json.dumps(report)}")
        self.assertEqual(driver.returncode, 0, report)
        self.assertGreater(report["orders"], 100)
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)

    @staticmethod
    def pid_when_ready(app, instance, kind):
        found = app.instance(instance)
        if kind == "service_pid" and instance.startswith("_gateway"):
            return NONE
        return found.get(kind) if found["state"] == "ready" and found.get(kind, 0) > 0 else None


if __name__ == "__main__":
    harness.main()
