"""What the process tests share: an application in a directory of its own, and ways to call it.

    class Hello(harness.Case):
        def test_it(self):
            app = self.application(MANIFEST)
            app.up()
            self.assertEqual(app.get("/hello").status, 200)

Whatever happens, the application is taken down after the test and nothing of it may be left.
"""

import collections
import errno
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BULKHEAD = os.environ.get("BULKHEAD", "build/release/apps/bulkhead/bulkhead")
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
SKIPPED = 77

def one_service(app):
    """The manifest of one echo service behind a gateway that serves every path."""
    return f"""
app: {app}
services:
  echo:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{{match: {{path: /*}}, to: echo}}]
"""


def fetched(*command):
    """Where `command` put what others have published; ends the test, as skipped, where it could not be fetched."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        print("skipped:", " ".join(done.stderr.split())[:300])
        sys.exit(SKIPPED)
    return pathlib.Path(done.stdout.strip())


def is_sanitized():
    """Whether this is a build with a sanitizer: slower, and several times larger."""
    cache = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")) / "CMakeCache.txt"
    return cache.exists() and any(line.startswith("BULKHEAD_SANITIZE:") and not line.rstrip().endswith("=") for line in cache.read_text().splitlines())


needs_root = unittest.skipUnless(os.geteuid() == 0, "only root may mount")


def build_of(program):
    """Which build a program says that it is of."""
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split("(")[1].split(")")[0]


def other_build(program, path):
    """A copy of the program, at that path, that is another build by its own word."""
    build = bytes.fromhex(build_of(program))
    content = pathlib.Path(program).read_bytes()
    if content.count(build) != 1:
        raise AssertionError(f"the build {build.hex()} is {content.count(build)} times in {program}")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.replace(build, bytes(byte ^ 0xFF for byte in build)))
    path.chmod(0o755)
    return path


def free_ports(count):
    """Ports that nobody listens on now. They are of a range that the kernel does not hand out by itself."""
    found, held = [], []
    low = 20000 + (os.getpid() * 37) % 9000
    for port in range(low, low + 3000):
        with_port = socket.socket()
        try:
            with_port.bind(("127.0.0.1", port))
            held.append(with_port)
            found.append(port)
        except OSError:
            with_port.close()
        if len(found) == count:
            break
    for each in held:
        each.close()
    return found


def until(condition, seconds=20, what="the condition"):
    """Waits for something that is to come about; the bound is for the case that it never does."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about within {seconds} s")
        time.sleep(0.02)


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Application:
    def __init__(self, manifest, files=None, environment=None, user=None, disk=None, before_start=None):
        # Short: a Unix socket's path has 108 bytes.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bh-", dir="/tmp"))
        os.chmod(self.directory, 0o755)
        self.port = free_ports(1)[0]
        self.manifest = self.directory / "bulkhead.yaml"
        self.rewrite(manifest)
        self.name = next(l.split(":")[1].strip() for l in manifest.splitlines() if l.startswith("app:"))
        for name, content in (files or {}).items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod(0o755)
        self.certificate = self.directory / "b/state" / self.name / "gateway/certificate.pem"  # what its clients trust
        self.disk = self.directory / "b" if disk else None
        if disk:  # the platform's files on a disk of this size
            self.disk.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk},mode=755", "bulkhead-test", str(self.disk)], check=True)
        self.user = user
        self.before_start = before_start  # called in the child, before the program
        self.groups = set()
        self.environment = {**os.environ, "BULKHEAD_DIR": str(self.directory / "b"), "NO_COLOR": "1", **(environment or {})}
        self.program = os.path.abspath(BULKHEAD)
        if user:
            # The build may lie where only its owner can go.
            self.program = shutil.copy(BULKHEAD, self.directory / "bulkhead")
            subprocess.run(["chown", "-R", user, str(self.directory)], check=True)

    def rewrite(self, manifest):
        self.manifest.write_text(manifest.replace("@PORT@", str(self.port)).replace("@PROGRAMS@", str(PROGRAMS)))

    def run(self, *words, check=True, timeout=180):
        verbs = 2 if words[0] in ("policy",) else 1
        command = [str(self.program), *words[:verbs], "--file" if words[0] == "logs" else "-f", str(self.manifest), *words[verbs:]]
        if self.user:
            command = ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups", "--inh-caps=-all", *command]
            self.environment["HOME"] = str(self.directory)
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, preexec_fn=self.before_start)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(words)} gave {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.platform_log()}\n{self.logs()}")
        return done

    def up(self):
        return self.run("up", "--detach")

    def down(self):
        return self.run("down")

    def status(self):
        return json.loads(self.run("status", "--json", check=False).stdout)

    def ask(self, verb, timeout=10, **more):
        """One request of the control API, as the command line makes them, and its answer."""
        content = json.dumps({"verb": verb, **more}).encode()
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(timeout)
            control.connect(str(self.directory / "b/run" / self.name / "control.sock"))
            control.sendall(len(content).to_bytes(4, "big") + content)
            with control.makefile("rb") as answers:
                return json.loads(answers.read(int.from_bytes(answers.read(4), "big")))

    def ask_collector(self, path, may_fail=False, method="GET", as_text=False):
        """Over the Unix socket, as the command line does."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        try:
            connection.connect(str(self.directory / "b/run" / self.name / "d/collector"))
            connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while block := connection.recv(65536):
                answer += block
        except OSError:
            if may_fail:
                return None
            raise
        finally:
            connection.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        if may_fail and b" 200 " not in head[:20]:
            return None
        return body.decode() if as_text else json.loads(body)

    def service(self, name):
        return next(s for s in self.status()["services"] if s["name"] == name)

    def instance(self, name):
        return next(i for s in self.status()["services"] for i in s["instances"] if i["id"] == name)

    def wait_settled(self, seconds=30):
        try:
            until(lambda: self.status().get("settled"), seconds, "everything ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{json.dumps(self.status(), indent=1)}\n{self.platform_log()}") from None

    def logs(self):
        return self.run("logs", check=False).stdout

    def platform_log(self):
        path = self.directory / "b/state" / self.name / "logs/platform.log"
        return path.read_text() if path.exists() else ""

    def records(self, instance):
        directory = self.directory / "b/state" / self.name / "records" / instance
        lines = []
        for path in sorted(directory.parent.glob(instance + "*")):
            for each in [path] if path.is_file() else sorted(path.iterdir()):
                whole = each.read_text().rpartition("\n")[0]  # a line may be half written
                lines += [json.loads(line) for line in whole.splitlines() if line]
        return lines

    def tls(self):
        return ssl.create_default_context(cafile=str(self.certificate))

    def connection(self, timeout=60):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls(), timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = self.connection(timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def fill_disk(self):
        with (self.disk / "filling").open("wb", buffering=0) as filling:
            try:
                while True:
                    filling.write(b"x" * 4096)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def empty_disk(self):
        (self.disk / "filling").unlink(missing_ok=True)

    def lock_holder(self, role):
        return int((self.directory / "b/run" / self.name / f"{role}.lock").read_text())

    def pids(self):
        """Of all that runs; remembers the control groups, too, for leftovers()."""
        instances = json.loads((self.directory / "b/run" / self.name / "instances.json").read_text())["instances"]
        self.groups |= {group["path"] for instance in instances for group in instance["cgroups"]}
        found = []
        for service in self.status()["services"]:
            for instance in service["instances"]:
                found += [instance.get(k, -1) for k in ("keeper_pid", "sidecar_pid", "service_pid")]
        return [pid for pid in found if pid > 0]

    def leftovers(self):
        """Processes, mounts, control groups and sockets that name this application's directory or still run for it."""
        left = []
        token = str(self.directory)
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environ = (entry / "environ").read_bytes()
                if f"BULKHEAD_DIR={token}".encode() in environ and int(entry.name) != os.getpid():
                    left.append(f"process {entry.name}: {(entry / 'cmdline').read_bytes()!r}")
            except OSError:
                continue
        mounts = pathlib.Path("/proc/self/mounts").read_text().splitlines()
        left += [line for line in mounts if token in line and not line.startswith("bulkhead-test ")]
        run = self.directory / "b/run" / self.name
        if run.exists():
            left.append(f"{run}: {[p.name for p in run.iterdir()]}")
        left += [f"control group {group}" for group in self.groups if os.path.exists(group)]
        return left

    def sanitizer_findings(self):
        """What a build with a sanitizer wrote into the logs, if this is one."""
        found = []
        for path in (self.directory / "b/state" / self.name / "logs").glob("*"):
            text = path.read_text(errors="replace") if path.is_file() else ""
            for sign in ("ERROR: AddressSanitizer", "runtime error: ", "WARNING: ThreadSanitizer"):
                if sign in text:
                    found.append(f"{path.name}: {text[max(0, text.index(sign) - 200):][:6000]}")
        return found

    def close(self):
        found = self.sanitizer_findings()
        self.take_away()
        if found:
            raise AssertionError("\n".join(found))

    def take_away(self):
        try:
            if self.disk:
                self.empty_disk()
            if (self.directory / "b/run" / self.name).exists():
                self.run("down", check=False)
            if self.user:
                self.run("down", "--volumes", check=False)  # they belong to ids that only this takes away
        finally:
            if self.disk:
                subprocess.run(["umount", "--lazy", str(self.disk)], check=True)
            shutil.rmtree(self.directory, ignore_errors=True)


class Load:
    """A few clients that call one path without a pause and remember what came back."""

    def __init__(self, app, path, clients=4):
        self.app, self.path, self.clients = app, path, clients
        self.connections = 0
        self.outcomes = collections.Counter()
        self.problems = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.work) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        until(lambda: self.outcomes[200] > 20, what="load")
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def work(self):
        connection = self.app.connection()
        while not self.stopping.is_set():
            self.connections += connection.sock is None
            try:
                connection.request("GET", self.path)
                response = connection.getresponse()
                body = response.read()
                self.outcomes[response.status] += 1
                if response.status != 200:
                    self.problems.append((response.status, dict(response.headers), body[:500]))
            except OSError as error:
                self.outcomes["broken"] += 1
                self.problems.append(repr(error))
                connection.close()
            except Exception as error:  # http.client's own
                self.outcomes["broken"] += 1
                self.problems.append(repr(error))
                connection.close()
        connection.close()

    def goes_on(self):
        before = self.outcomes[200]
        until(lambda: self.outcomes[200] > before + 50, 30, "answers to go on")

    @property
    def failed(self):
        return sum(n for outcome, n in self.outcomes.items() if outcome != 200)


class Case(unittest.TestCase):
    def application(self, manifest, **more):
        app = Application(manifest, **more)
        self.addCleanup(app.close)
        return app

    def assert_nothing_left(self, app, pids):
        until(lambda: not [pid for pid in pids if alive(pid)], 10, f"the end of {pids}")
        self.assertEqual(app.leftovers(), [])


def main():
    if not os.path.exists(BULKHEAD):
        print(f"{BULKHEAD} is not built")
        sys.exit(1)
    unittest.main(verbosity=2)


def kill(pid):
    os.kill(pid, signal.SIGKILL)
