"""h2spec's strict cases, at a gateway in clear and over TLS, and at a sidecar's inner door as one of its callers.

h2spec is a Go module, built once into the build directory. Without Go or its registry this is skipped.
"""

import asyncio
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "wire"))

import harness
from requests_test import MANIFEST

BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve() / "suites"
TIMEOUT = 5  # seconds that h2spec waits for what must come
# Where a port also speaks HTTP/1, bytes that are no preface are an HTTP/1 request that is answered 400, and then the end
# (RFC 9112 §2.2). h2spec wants the end alone.
OF_A_SHARED_PORT = {"Sends invalid connection preface"}


def build(name="h2spec"):
    """Gives the program of that name, or why there is none."""
    program = BUILD / name
    if program.exists():
        return program, ""
    if not shutil.which("go"):
        return None, "go is not installed"
    shutil.copytree(HERE / "h2spec", BUILD / "source", dirs_exist_ok=True)
    command = ["go", "build", "-trimpath", "-o", str(program), f"github.com/summerwind/h2spec/cmd/{name}"]
    try:
        done = subprocess.run(command, cwd=BUILD / "source", env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        return None, "its modules did not come in time"
    return (program, "") if done.returncode == 0 else (None, " ".join(done.stderr.split())[:300])


class Forwarder:
    """A port in clear that leads to a Unix socket over TLS, with the certificate of a caller."""

    def __init__(self, path, context):
        self.path, self.context = path, context
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, about: None)  # connections break off here, that is the point
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_unix_connection(self.path, ssl=self.context, server_hostname="h2")

        async def pump(source, sink, end):
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            finally:
                end()

        # What h2spec still sends when the door has ended must not make a reset of that end.
        await asyncio.gather(pump(reader, far_writer, far_writer.close), pump(far_reader, writer, writer.write_eof), return_exceptions=True)
        writer.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def caller_context(app, directory):
    """What the sidecar of `caller` would present, signed by the application's own authority."""
    authority = app.directory / "b/state/wire/ca"
    (directory / "extensions").write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
        "subjectAltName=critical,URI:spiffe://wire.bulkhead/wire/caller\n")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", directory / "key", "-subj", "/", "-out", directory / "csr")
    openssl("x509", "-req", "-in", directory / "csr", "-CA", authority / "intermediate.pem", "-CAkey", authority / "intermediate.key",
            "-CAcreateserial", "-CAserial", directory / "serial", "-days", "1", "-extfile", directory / "extensions", "-out", directory / "leaf")
    (directory / "chain").write_text((directory / "leaf").read_text() + (authority / "intermediate.pem").read_text())
    context = ssl.create_default_context(cafile=str(authority / "root.pem"))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the name is looked at below
    context.load_cert_chain(directory / "chain", directory / "key")
    context.set_alpn_protocols(["h2"])
    return context


def inner_door(app, context, service):
    for path in sorted((app.directory / "b/run/wire/d").iterdir()):
        if path.name in ("collector", "otlp"):  # beside the sidecars' doors
            continue
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(str(path))
            with context.wrap_socket(plain, server_hostname="h2") as secure:
                if f"spiffe://wire.bulkhead/wire/{service}".encode() in secure.getpeercert(binary_form=True):
                    return str(path)
    raise AssertionError(f"{service} has no inner door")


class H2Spec(harness.Case):
    def run_h2spec(self, port, *more):
        done = subprocess.run([PROGRAM, "--strict", "-p", str(port), "-o", str(TIMEOUT), *more], capture_output=True, text=True, timeout=280)
        summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
        self.assertTrue(summary, done.stdout[-2000:] + done.stderr)
        print(summary[0], flush=True)
        self.assertGreaterEqual(int(summary[1]), 146)
        self.assertEqual(int(summary[3]), 0)
        self.assertEqual(int(summary[2]) + int(summary[4]), int(summary[1]))
        return set(re.findall(r"× \d+: (.*)", done.stdout)), done.stdout[-3000:]

    def test_a_gateway_over_tls_breaks_no_rule(self):
        app = self.application(MANIFEST.replace("  tls: off\n", ""))
        app.up()
        failed, output = self.run_h2spec(app.port, "--tls", "--insecure")
        self.assertEqual(failed, set(), output)

    def test_a_gateway_in_clear_breaks_no_rule(self):
        app = self.application(MANIFEST)
        app.up()
        failed, output = self.run_h2spec(app.port)
        self.assertLessEqual(failed, OF_A_SHARED_PORT, output)

    def test_an_inner_door_breaks_no_rule(self):
        if os.geteuid() != 0:
            self.skipTest("only root may read the authority's key")
        app = self.application(MANIFEST)
        app.up()
        directory = app.directory / "caller"
        directory.mkdir()
        context = caller_context(app, directory)
        forwarder = Forwarder(inner_door(app, context, "origin"), context)
        self.addCleanup(forwarder.close)
        failed, output = self.run_h2spec(forwarder.port)
        self.assertEqual(failed, set(), output)


if __name__ == "__main__":
    BUILD.mkdir(parents=True, exist_ok=True)
    PROGRAM, missing = build()
    if not PROGRAM:
        print(f"skipped: h2spec can't be built: {missing}")
        sys.exit(harness.SKIPPED)
    harness.main()
