"""Versions of the shop's checkout under orders, streams and WebSockets: the good ones lose nothing, the bad ones go back by themselves."""

import pathlib
import sys
import unittest

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from releases import rollouts, shop, verdict  # noqa: E402

# A larger canary and a shorter watch than of bench/versions, which deploys twenty.
RULES = {"canary": "25%", "errors": "2%", "p99": "2s", "over": "5s", "grace": "4s", "start": "5s", "memory": "160MiB"}


class Versions(harness.Case):
    @unittest.skipUnless((shop.BUILD / "examples/shop/inventory/inventory").exists(), "examples/shop is not built here")
    def test_good_versions_lose_nothing_and_bad_ones_go_back(self):
        app = shop.Shop(**RULES)
        self.addCleanup(app.close)
        deployed = rollouts.Rollouts(app, rate=40, watchers=8, seed=1)
        self.addCleanup(deployed.driver.close)
        print(f"\n{verdict.HEAD}")
        for version, spoil in enumerate(("", "", "unready", "fails", "leaks", "slow"), 1):
            deployed.deploy(str(version), spoil)
        problems = deployed.finish()
        print("\n".join(verdict.summary(deployed.deployments, deployed.said)))
        self.assertEqual(problems, [])
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)


if __name__ == "__main__":
    harness.main()
