"""Versions of checkout, deployed one after the other under load."""

import re
import time

from . import shop, verdict

import orders  # of the tests' folder, which releases.shop names


class Rollouts:
    def __init__(self, app, rate, watchers, seed):
        self.app = app
        self.deployments = []
        app.deploy("0")
        self.driver = orders.Driver(app.port, app.directory, "--ca", app.certificate, "--concurrency", 32, "--rate", rate, "--watchers", watchers, "--seed", seed)
        self.wait_for_load()

    def wait_for_load(self):
        end = time.monotonic() + 60
        while self.requests() < 50:
            if time.monotonic() > end or self.driver.process.poll() is not None:
                raise RuntimeError("the driver places no orders")
            time.sleep(0.2)

    def requests(self):
        return self.app.checkout()["totals"]["requests"]

    def limits_memory(self):
        missing = [each["what"] for instance in self.app.checkout()["instances"] for each in instance.get("not_enforced", [])]
        return "memory limit" not in missing

    def deploy(self, version, spoil=""):
        this = verdict.Deployment(version, spoil)
        self.deployments.append(this)
        if spoil == "leaks" and not self.limits_memory():
            this.skipped = "memory can't be limited here, see `bulkhead status`"
        else:
            self.carry_out(this)
        print(this.row(), flush=True)

    def carry_out(self, this):
        before, this.began = self.requests(), time.time()
        done = self.app.deploy(this.version, this.spoil, check=False)
        this.seconds, this.requests = time.time() - this.began, self.requests() - before
        this.code = done.returncode
        this.why = re.sub(r"^bulkhead: checkout went back to \d+: ", "", done.stderr.strip())
        this.pinned = self.app.checkout().get("pinned", "")
        verdict.attribute(self.deployments, self.driver.failed())

    def finish(self):
        """What is wrong. The driver ends first: an attempt may fail long after it began."""
        self.said = self.driver.finish()
        strays = verdict.attribute(self.deployments, self.driver.failed())
        history = self.app.run("history", "checkout").stdout
        share = float(self.app.rules["canary"].rstrip("%")) / 100
        wrong = [f"before the first version there failed {each}" for each in strays]
        for each in self.deployments:
            wrong += each.wrong(share, history)
        return wrong + list(verdict.wrong_books(self.said))
