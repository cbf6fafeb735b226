"""gRPC's interoperability cases with grpc++ as client and server: through the mesh, and through gateway and mesh over TLS."""

import os
import pathlib
import shutil
import subprocess
import sys

import harness
from harness import until

DIRECTORY = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve() / "tests/apps/grpcpp"
HERE = pathlib.Path(__file__).resolve().parent
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

    def test_under_its_contract_every_case_passes_but_those_that_compress(self):
        contract = "    protocol: grpc\n    contract: {file: interop.proto, max_body: 4MiB}\n"
        app = self.application(MANIFEST.replace("    protocol: grpc\n", contract))
        shutil.copy(HERE / "grpcpp/interop.proto", app.directory)
        app.up()
        said = until(lambda: (lambda text: "passed" in text and text)(app.run("logs", "client", check=False).stdout), 120, "the last case")
        failed = [line.split("failed ")[1].split(":")[0] for line in said.splitlines() if "failed " in line]
        self.assertEqual(failed, ["client_compressed_unary", "client_compressed_streaming", "server_compressed_unary", "server_compressed_streaming"], said)
        self.assertEqual(said.count("ok "), CASES - len(failed), said)


if __name__ == "__main__":
    if not (DIRECTORY / "interop").exists():
        print("skipped: libgrpc++-dev or protobuf-compiler-grpc is not installed (scripts/packages.txt)")
        sys.exit(harness.SKIPPED)
    harness.main()
