"""h2spec's client half: h2specd's broken servers at a sidecar that calls its service over HTTP/2 in clear.

h2specd runs in a compartment and has one port for each case. For each it has another service call that port, so that the sidecar
is the client under test. Without Go or its registry this is skipped.
"""

import contextlib
import http.client
import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "wire"))

import harness
from h2spec_test import BUILD, build

CASES = 57
FIRST = 30000
MANIFEST = """
app: spec
services:
  spec:
    dir: %(here)s/h2specd
    command: [/usr/bin/python3, service.py]
    mounts: ["%(program)s:/opt/h2specd"]
    environment: {FIRST: "%(first)d"}
    ports: [8080, %(ports)s]
    calls: [caller]
  caller:
    dir: %(here)s/h2specd
    command: [/usr/bin/python3, service.py]
    port: 8080
    calls: [spec]
gateway:
  listen: 127.0.0.1:@PORT@
  tls: off
  routes: [{to: spec}]
"""
# A client has ended these streams. It drops the frames and goes on where h2spec wants the stream or the connection ended, and a
# PRIORITY of stream 0, deprecated as the frame is, is dropped like every other.
DROPPED = {
    "closed: Sends a DATA frame after sending RST_STREAM frame", "closed: Sends a HEADERS frame after sending RST_STREAM frame",
    "closed: Sends a DATA frame", "closed: Sends a HEADERS frame",
    'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state',
    "Sends a PRIORITY frame with 0x0 stream identifier",
}


class H2SpecD(harness.Case):
    def test_a_sidecar_as_client_ends_what_a_broken_server_does(self):
        ports = ", ".join(f"{{number: {FIRST + case}, protocol: grpc}}" for case in range(CASES))
        app = self.application(MANIFEST % {"here": HERE, "program": PROGRAM, "first": FIRST, "ports": ports})
        app.up()
        sidecar = app.instance("spec-1")["sidecar_pid"]
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", app.port, timeout=280)) as connection:
            connection.request("GET", "/run")
            output = connection.getresponse().read().decode()
        summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", output)
        self.assertTrue(summary, output[-3000:])
        print(summary[0], flush=True)
        self.assertEqual((int(summary[1]), int(summary[3])), (CASES, 0))
        failures = re.findall(r"× \d+: (.*)((?:\n(?!.*×).+)*)", output.partition("Failures:")[2])
        self.assertEqual(len(failures), int(summary[4]), output[-3000:])
        # A connection that ends with bytes unread ends with a reset, which may overtake the GOAWAY: it is ended all the same.
        went_on = {title for title, said in failures if "connection reset by peer" not in said}
        self.assertLessEqual(went_on, DROPPED, output[-3000:])
        self.assertEqual(app.instance("spec-1")["sidecar_pid"], sidecar, "the sidecar did not survive")


if __name__ == "__main__":
    BUILD.mkdir(parents=True, exist_ok=True)
    PROGRAM, missing = build("h2specd") if shutil.which("curl") else (None, "curl is not installed")
    if not PROGRAM:
        print(f"skipped: h2specd can't be run: {missing}")
        sys.exit(harness.SKIPPED)
    harness.main()
