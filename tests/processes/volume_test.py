"""A lot of bytes up and down, over HTTP/1.1, HTTP/2 and raw TCP: whole, and within bounded memory of the gateway and the sidecars.

    volume_test.py [--mib N]    256 unless given, 32 of a sanitized build
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading

import harness
from bystander import memory

sys.path.insert(0, str(harness.PROGRAMS))
import volume

# Of one process, in KiB, however much is on its way: an eighth of what CTest sends, and several times what was measured.
BOUND = 32 << 10
MANIFEST = """
app: volume
services:
  near:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, volume.py]
    port: 8080
    calls: [far]
  far:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, volume.py]
    ports: [8080, {number: 9000, protocol: tcp}]
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /tcp}, to: near}
    - {to: far}
"""


class Memory:
    """The most that each process had while this was open, in KiB."""

    def __init__(self, pids):
        self.most = dict.fromkeys(pids, 0)
        self.pids = pids
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ended.wait(0.05):
            for name, pid in self.pids.items():
                self.most[name] = max(self.most[name], memory(pid))

    def __enter__(self):
        if os.geteuid() == 0:  # only root may read how much memory a sealed process has
            self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        if self.thread.ident:
            self.thread.join()


class Volume(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.app = harness.Application(MANIFEST)
        cls.addClassCleanup(cls.app.close)
        cls.app.up()
        cls.pids = {name: cls.app.instance(name)["sidecar_pid"] for name in ("_gateway-1", "near-1", "far-1")}
        cls.roots = cls.app.directory / "b/state/volume/gateway/certificate.pem"
        cls.file = cls.app.directory / "body"
        with cls.file.open("wb") as file:
            for piece in volume.pieces(MIB):
                file.write(piece)
        cls.digest = volume.digest(MIB)

    def measured(self):
        memory = Memory(self.pids)
        self.addCleanup(self.judge, memory)
        return memory

    def judge(self, memory):
        print(f"{self.id().rsplit('.', 1)[1]}: at most", ", ".join(f"{name} {most / 1024:.1f} MiB" for name, most in memory.most.items()), flush=True)
        if not harness.is_sanitized():
            self.assertEqual({name: most for name, most in memory.most.items() if most > BOUND}, {})

    def curl(self, *words, stdin=subprocess.DEVNULL):
        command = ["curl", "--silent", "--show-error", "--fail", "--cacert", str(self.roots), *map(str, words)]
        return subprocess.run(command, stdin=stdin, capture_output=True, timeout=280, check=True).stdout

    def url(self, path):
        return f"https://127.0.0.1:{self.app.port}{path}"

    def up_and_down(self, version):
        with self.measured():
            sized = self.curl(version, "--upload-file", self.file, self.url("/up"))
            with self.file.open("rb") as file:  # without a length: chunks in HTTP/1.1
                chunked = self.curl(version, "--upload-file", "-", self.url("/up"), stdin=file)
            output = self.app.directory / "down"
            self.curl(version, "--output", output, self.url(f"/down?mib={MIB}"))
        self.assertEqual((sized.decode(), chunked.decode()), (self.digest, self.digest))
        with output.open("rb") as file:
            self.assertEqual(volume.digest_of(file.read), self.digest)
        output.unlink()

    def test_http_1_up_and_down(self):
        self.up_and_down("--http1.1")

    def test_http_2_up_and_down(self):
        self.up_and_down("--http2")

    def test_raw_tcp_up_and_down(self):
        with self.measured():
            self.assertEqual(self.app.get(f"/tcp?to=far&mib={MIB}", timeout=280).text, "")

    def test_a_client_that_reads_in_bursts_gets_all_and_holds_nobody_up(self):
        size = min(MIB, 48)
        connection = self.app.connection()
        with self.measured():
            connection.request("GET", f"/down?mib={MIB}")
            response = connection.getresponse()
            bursts = volume.digest_of(volume.sized(response.read, size << 20), 0.1)
            self.assertEqual(self.app.get("/").text, "ready")
        self.assertEqual(bursts, volume.digest(size))
        connection.close()  # in the middle of the rest

    def test_a_service_that_reads_in_bursts_holds_its_client_back(self):
        size = min(MIB, 48)
        connection = self.app.connection()
        with self.measured():
            connection.request("POST", "/up?pace=0.1", body=volume.pieces(size), headers={"Content-Length": str(size << 20)})
            self.assertEqual(connection.getresponse().read().decode(), volume.digest(size))
        connection.close()


if __name__ == "__main__":
    if not shutil.which("curl"):
        print("skipped: curl is not installed (scripts/packages.txt)")
        sys.exit(harness.SKIPPED)
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=32 if harness.is_sanitized() else 256)
    options, sys.argv[1:] = parser.parse_known_args()
    MIB = options.mib
    harness.main()
