"""The shop of examples/shop under orders, for tests and for bench: its manifest on a port of ours, and its driver."""

import json
import pathlib
import subprocess

SHOP = pathlib.Path(__file__).resolve().parents[2] / "examples/shop"


def manifest():
    """The shop's, as a harness.Application takes it: the manifest may lie anywhere, and the port is ours."""
    text = (SHOP / "bulkhead.yaml").read_text().replace("127.0.0.1:8443", "127.0.0.1:@PORT@")
    return text.replace("dir: ./", f"dir: {SHOP}/").replace("from: ./", f"from: {SHOP}/").replace("contract: ./", f"contract: {SHOP}/")


def environment(build):
    """Where the manifest finds what is compiled."""
    return {"SHOP_BIN": str(build / "examples/shop")}


class Driver:
    """Orders without end through a gateway's port. `words` are the driver's own, see `drive --help`."""

    def __init__(self, port, directory, *words):
        self.failures = directory / "failures.jsonl"
        command = [SHOP / "drive", "--url", f"https://127.0.0.1:{port}", "--until-stopped", "--json", "--failures", self.failures, *words]
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)

    def finish(self):
        """Its report, once every order has an answer and the books are read."""
        self.process.terminate()
        said, _ = self.process.communicate(timeout=600)
        return json.loads(said) if said.strip() else {"ok": False, "checks": [], "orders": 0, "repeated": {}}

    def close(self):
        """Of one that is still there, where something else went wrong."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def failed(self):
        return [json.loads(line) for line in self.failures.read_text().splitlines()] if self.failures.exists() else []
