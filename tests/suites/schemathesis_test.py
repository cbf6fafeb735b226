"""Schemathesis, which makes requests of an OpenAPI document, valid ones and ones with something wrong, at a gateway with the shop's contracts behind
it: none that the contract does not describe may be answered with success, and each that it describes must be. The programs answer everything.

    schemathesis_test.py [--examples N]    how many requests for each operation, beside those that cover its document
"""

import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "processes"), str(HERE.parent / "hostile")]

import harness
import strangers_test
from strangers_test import CONTRACTS, MANIFEST, SHOP

EXAMPLES = 100
CHECKS = "negative_data_rejection,positive_data_acceptance,unsupported_method,not_a_server_error"


class Schemathesis(strangers_test.Strangers):
    test_nothing_passes_that_the_contract_does_not_describe = None  # of the class that it borrows from

    def fuzz(self, app, name):
        command = [sys.executable, "-m", "schemathesis.cli", "run", SHOP / name / "openapi.yaml", "--url", f"https://127.0.0.1:{app.port}/{name}",
                   "--tls-verify", "false", "--checks", CHECKS, "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color",
                   "--generation-database", "none", "--generation-allow-x00", "false"]  # a text with a zero octet is refused, whatever its schema
        done = subprocess.run(command, capture_output=True, text=True, timeout=270, cwd=app.directory, env={**os.environ, "PYTHONPATH": str(TOOL)})
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said[-4000:])
        generated, passed = map(int, re.search(r"(\d+) generated, (\d+) passed", said).groups())
        self.assertEqual(generated, passed, said[-4000:])
        return generated

    def test_what_it_makes_of_contracts_passes_as_they_say(self):
        app = self.application(MANIFEST)
        app.up()
        app.wait_settled()
        tried = sum(self.fuzz(app, name) for name in CONTRACTS)
        print(f"{tried} requests of {len(CONTRACTS)} contracts", flush=True)
        self.assertGreater(tried, 100 * len(CONTRACTS))
        app.down()


if __name__ == "__main__":
    TOOL = harness.fetched(HERE / "from_pypi", "schemathesis")
    if "--examples" in sys.argv:
        at = sys.argv.index("--examples")
        EXAMPLES = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    harness.main()
