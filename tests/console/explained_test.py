"""The trace view in Chromium, of faults in the running shop: explained.test.mjs. The faults are those of tests/processes/faults_test.py."""

import json
import os
import pathlib
import subprocess
import unittest

import console_test
import faults_test
import harness

HERE = pathlib.Path(__file__).resolve().parent


class Explained(unittest.TestCase):
    def setUp(self):
        missing = console_test.lacking() or (None if (faults_test.LOGIN / "passwords").exists() else "examples/shop is not built here")
        if missing:
            self.skipTest(missing)

    def test_the_trace_view_explains_faults(self):
        shop = faults_test.Shop()
        self.addCleanup(shop.app.close)
        shop.meet_all()

        said = {}

        def is_told(fault):
            said.clear()
            said.update(json.loads(shop.app.run("why", shop.id(fault), "--json", check=False).stdout or "{}"))
            cause = said.get("cause")
            # What other instances answered stands in records of their own, which may be read later.
            return cause and "not yet" not in said["summary"] and (fault != "instance" or cause["what"] == "bad_instance")

        for fault in shop.met:
            try:
                harness.until(lambda fault=fault: is_told(fault))
            except AssertionError:
                self.fail(f"why of {fault}, answered {shop.met[fault].status}: {json.dumps(said, indent=1)}")
        given = {
            "url": shop.app.run("console").stdout.split()[0].replace("localhost", "127.0.0.1"),
            "traces": {fault: json.loads(shop.app.run("trace", shop.id(fault), "--json").stdout)["trace"]["id"] for fault in shop.met},
        }
        done = subprocess.run(["node", "--test", "explained.test.mjs"], cwd=HERE, env={**os.environ, "BULKHEAD_BUILD": str(console_test.BUILD.resolve()), "CONSOLE_FAULTS": json.dumps(given)},
                              capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])


if __name__ == "__main__":
    harness.main()
