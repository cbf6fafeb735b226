"""A hostile HTTP/2 service behind its sidecar: each case is a clean refusal or the right answer, and the next call is answered."""

import pathlib
import shutil
import sys

import h2_origin
import harness
from h2_origin import ANSWERED, BROKEN, CASES, FIRST, REFUSED

MANIFEST = """
app: upstreams
services:
  caller:
    dir: %(here)s
    command: [/usr/bin/python3, h2_origin.py]
    port: 8080
    calls: [origin]
  origin:
    dir: %(here)s
    command: [/usr/bin/python3, h2_origin.py]
    environment: {CASES: "1"}
    ports: [8080, %(ports)s]
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{to: caller}]
""" % {"here": pathlib.Path(__file__).resolve().parent, "ports": ", ".join(f"{{number: {FIRST + number}, protocol: grpc}}" for number in range(len(CASES)))}


# curl's exit status where a stream ended in the middle, or its connection.
BROKEN_OFF = ("18", "56", "92")


def fate(said):
    """What the caller got: of what curl printed."""
    output, _, status = said.rpartition("\n")
    head, _, body_and_trailers = output.replace("\r", "").partition("\n\n")
    if status == "0" and "grpc-status: 14" in body_and_trailers:
        return BROKEN
    if status == "0" and h2_origin.MESSAGE.decode() in output:
        return ANSWERED
    if status == "0" and "grpc-status: 14" in head and "HTTP/2 200" in head:
        return REFUSED
    if status in BROKEN_OFF:
        return BROKEN
    return said


class Upstreams(harness.Case):
    def test_a_hostile_server_is_refused_and_the_next_call_is_answered(self):
        app = self.application(MANIFEST)
        app.up()
        app.wait_settled()
        pids = {name: app.instance(name)["sidecar_pid"] for name in ("caller-1", "origin-1")}
        for number, (name, fates, _) in enumerate(CASES):
            with self.subTest(name):
                said = app.get(f"/ask?port={FIRST + number}").text
                self.assertIn(fate(said), fates, said)
                again = app.get(f"/ask?port={FIRST + number}").text
                self.assertEqual(fate(again), ANSWERED, again)
        self.assertEqual({name: app.instance(name)["sidecar_pid"] for name in pids}, pids)


if __name__ == "__main__":
    if not shutil.which("curl"):
        print("skipped: curl is not installed (scripts/packages.txt)")
        sys.exit(harness.SKIPPED)
    harness.main()
