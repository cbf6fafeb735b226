"""gRPC's interoperability cases with grpc++ as client and server: through the mesh, and through gateway and mesh over TLS."""

import os
import pathlib
import subprocess
import sys

import harness
from harness import until

DIRECTORY = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve() / "tests/apps/grpcpp"
CASES = 18
MANIFEST = """
app: interop
services:
  server:
    dir: @DIRECTORY@
    command: [./interop]
    port: 10000
    protocol: grpc
  client:
    type: job
    dir: @DIRECTORY@
    command: [./interop, "server:10000"]
    calls: [server]
    depends_on: {server: ready}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{to: server}]
""".replace("@DIRECTORY@", str(DIRECTORY))


class GrpcPp(harness.Case):
    def assert_passed(self, said):
        self.assertNotIn("failed ", said)
        self.assertEqual(said.count("ok "), CASES, said)

    def test_every_case_passes_between_two_compartments_and_through_the_gateway(self):
        app = self.application(MANIFEST)
        app.up()
        with self.subTest("mesh"):
            said = until(lambda: (lambda text: "passed" in text and text)(app.run("logs", "client", check=False).stdout), 120, "the last case")
            self.assert_passed(said)
        with self.subTest("gateway"):
            roots = app.directory / "b/state/interop/gateway/certificate.pem"
            done = subprocess.run([DIRECTORY / "interop", f"127.0.0.1:{app.port}", roots], capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr[-2000:])
            self.assert_passed(done.stdout)
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)


if __name__ == "__main__":
    if not (DIRECTORY / "interop").exists():
        print("skipped: libgrpc++-dev or protobuf-compiler-grpc is not installed (scripts/packages.txt)")
        sys.exit(harness.SKIPPED)
    harness.main()
