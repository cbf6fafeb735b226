"""up --watch: an edit is live at once, a mistake in it is said, and what it does not concern goes on."""

import re
import signal
import socket
import subprocess
import threading
import time

import harness
from harness import until

SERVER = """
import http.server, os
VERSION = "one"
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = VERSION.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""
# A build that takes as long as BUILD_TAKES says, and leaves things that it writes beside its inputs.
MAKE = """#!/bin/sh
date +%N >stamp
sleep ${BUILD_TAKES:-0}
grep -q MISTAKE server.py && { echo "server.py: a mistake" >&2; exit 3; }
cp server.py server.new && mv server.new server
"""
MANIFEST = """
app: watch
services:
  plain:
    dir: plain
    command: [/usr/bin/python3, server.py]
    port: 8080
    environment: {LEVEL: "@LEVEL@"}
    calls: {built: [@ALLOW@]}
    env_file: plain.env
  built:
    dir: built
    command: [/usr/bin/python3, server]
    port: 8080
    build: ../make
    healthcheck: {path: /}
  other: {command: [/bin/sleep, "1000"]}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /plain}, to: plain}, {match: {path: /built}, to: built}]
"""


class Watcher:
    """A person's `up --watch`, and what it said."""

    def __init__(self, app, *words, cwd=None):
        files = [] if cwd else ["-f", str(app.manifest)]
        self.process = subprocess.Popen([app.program, "up", "--watch", *files, *words], env=app.environment, cwd=cwd, text=True, bufsize=1,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.lines = []
        self.thread = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.thread.start()

    @property
    def text(self):
        return "".join(self.lines)

    def said(self, text, since=0, seconds=60):
        try:
            until(lambda: text in "".join(self.lines[since:]), seconds, f"'{text}'")
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.text}") from None
        return len(self.lines)

    def end(self, sent=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(sent)
        self.process.wait(60)
        self.thread.join()
        self.process.stdout.close()
        return self.process.returncode


class Watch(harness.Case):
    def application_of(self, level="info", allow="GET /x", **options):
        app = self.application(self.manifest(level, allow), files={"plain/server.py": SERVER, "built/server.py": SERVER, "make": MAKE, "plain.env": "A=1\n"},
                               **options)
        return app

    def manifest(self, level="info", allow="GET /x", more=""):
        return MANIFEST.replace("@LEVEL@", level).replace("@ALLOW@", allow) + more

    def begin(self, *words, environment=None, **options):
        app = self.application_of(**options)
        app.environment.update(environment or {})
        watcher = Watcher(app, *words)
        self.addCleanup(watcher.end)
        watcher.said("files are watched")
        return app, watcher

    def pids(self, app):
        return {s["name"]: sorted(i["service_pid"] for i in s["instances"] if not i["outdated"]) for s in app.status()["services"]}

    def edit(self, app, name, before, after):
        path = app.directory / name
        new = path.with_name(f".{path.name}.new")
        new.write_text(path.read_text().replace(before, after))
        new.chmod(0o755)
        new.rename(path)  # as editors do

    def answers(self, app, service, text):
        until(lambda: app.get(f"/{service}").text == text, 60, f"'{text}' from {service}")

    def settle(self, app):
        until(lambda: app.status().get("settled"), 30, "the end of what was replaced")

    def test_an_edit_of_a_program_replaces_its_service_alone(self):
        app, watcher = self.begin()
        self.assertIn("not watched, as they run from no file of this directory: other\n", watcher.text)
        self.assertEqual(app.get("/plain").text, "one")
        before = self.pids(app)
        self.edit(app, "plain/server.py", '"one"', '"two"')
        self.answers(app, "plain", "two")
        at = watcher.said("plain                    live: ready in ")
        self.assertIn("~ plain: server.py has changed\n", watcher.text)
        self.settle(app)
        after = self.pids(app)
        self.assertNotEqual(after.pop("plain"), before.pop("plain"))
        self.assertEqual(after, before)

        # The same content again, files that are not its own and what editors leave for a moment are no edits.
        (app.directory / "plain/server.py").write_text((app.directory / "plain/server.py").read_text())
        (app.directory / "plain/.server.py.swp").write_text("x")
        (app.directory / "plain/__pycache__").mkdir()
        (app.directory / "plain/__pycache__/server.pyc").write_text("x")
        (app.directory / "elsewhere").write_text("x")
        # A directory that is new counts, and what comes into it later.
        (app.directory / "plain/more").mkdir()
        (app.directory / "plain/more/late.py").write_text("x")
        watcher.said("~ plain: more/late.py is new\n", at)
        watcher.said("plain                    live", at)
        self.assertEqual(self.pids(app)["built"], before["built"])
        at = len(watcher.lines)
        (app.directory / "plain/more/late.py").write_text("y")
        watcher.said("~ plain: more/late.py has changed\n", at)
        watcher.said("plain                    live", at)

    def test_an_edit_builds_and_replaces(self):
        app, watcher = self.begin()
        self.settle(app)
        before = self.pids(app)
        self.edit(app, "built/server.py", '"one"', '"two"')
        self.answers(app, "built", "two")
        at = watcher.said("built                    live: built in ")
        self.assertIn("~ built: is built, as server.py has changed\n", watcher.text)
        self.settle(app)
        self.assertEqual(self.pids(app)["plain"], before["plain"])
        running = self.pids(app)

        self.edit(app, "built/server.py", '"two"', '"MISTAKE"')
        at = watcher.said("the build of built failed: exited with 3", at)
        watcher.said("built            | server.py: a mistake\n")
        self.assertEqual(app.get("/built").text, "two")
        self.assertEqual(self.pids(app), running)
        # The others go on meanwhile.
        self.edit(app, "plain/server.py", '"one"', '"two"')
        watcher.said("built stays as it is; the next edit is tried again", at)
        at = watcher.said("plain                    live", at)
        self.edit(app, "built/server.py", '"MISTAKE"', '"three"')
        self.answers(app, "built", "three")
        at = watcher.said("built                    live: built in ", at)
        # What the build writes starts no other build: none would be begun before this edit's.
        self.edit(app, "plain/server.py", '"two"', '"last"')
        watcher.said("plain                    live", at)
        self.assertEqual(watcher.text.count("is built, as"), 4, watcher.text)  # the first, and one for each edit

    @harness.needs_root
    def test_on_a_full_disk_an_edit_is_live_or_said_and_is_taken_once_there_is_room(self):
        app, watcher = self.begin(disk="8m")
        self.settle(app)
        pids = self.pids(app)
        app.fill_disk()
        at = len(watcher.lines)
        for service in ("plain", "built"):
            self.edit(app, f"{service}/server.py", '"one"', '"two"')
        watcher.said("No space left on device; what runs stays as it is, and it is tried again every 2s", at)
        watcher.said("the next `up` builds it again", at)
        time.sleep(5)  # long enough for a second attempt, and for a build that took its own files for edits
        said = "".join(watcher.lines[at:])
        self.assertEqual(said.count("tried again every"), 1, said)
        self.assertLessEqual(said.count("built: is built, as"), 2, said)
        self.assertEqual((app.get("/plain").text, self.pids(app)), ("one", pids))
        app.empty_disk()
        self.answers(app, "plain", "two")
        self.answers(app, "built", "two")
        self.edit(app, "built/server.py", '"two"', '"three"')
        self.answers(app, "built", "three")

    def test_an_edit_of_the_manifest_is_applied_by_the_smallest_step(self):
        app, watcher = self.begin()
        self.settle(app)
        before = self.pids(app)
        app.rewrite(self.manifest(allow="GET /x, POST /y"))
        at = watcher.said("applied                  ")
        self.assertIn("~ plain: nothing is restarted\n    calls.built.allow  [GET /x] -> [GET /x, POST /y]\n", watcher.text)
        self.assertEqual(self.pids(app), before)

        app.rewrite(self.manifest(level="debug", allow="GET /x, POST /y"))
        at = watcher.said("plain                    live: ready in ", at)
        self.settle(app)
        after = self.pids(app)
        self.assertNotEqual(after["plain"], before["plain"])
        self.assertEqual(after["built"], before["built"])

        app.rewrite(self.manifest(level="debug").replace("port: 8080", "prot: 8080"))
        at = watcher.said("is not applied: what runs stays as it is", at)
        self.assertIn("unknown key 'prot' in service 'plain'", watcher.text)
        self.assertEqual(self.pids(app), after)
        app.rewrite(self.manifest(level="debug", allow="GET /z"))
        at = watcher.said("[GET /x, POST /y] -> [GET /z]", at)
        self.assertEqual(self.pids(app), after)

        (app.directory / "plain.env").unlink()
        at = watcher.said("plain.env is not applied", at)
        (app.directory / "plain.env").write_text("A=2\n")
        at = watcher.said("environment.A  changed", at)
        watcher.said("plain                    live: ready in ", at)
        self.assertEqual(self.pids(app)["built"], before["built"])

    def test_a_program_that_does_not_start_goes_back_and_the_next_edit_is_tried(self):
        app, watcher = self.begin()
        self.edit(app, "plain/server.py", "import http.server, os", "import http.server, os, nothing_of_this_name")
        at = watcher.said("bulkhead: plain went back to ")
        self.assertEqual(app.get("/plain").text, "one", "what ran goes on")
        self.edit(app, "plain/server.py", ", nothing_of_this_name", "")
        self.edit(app, "plain/server.py", '"one"', '"two"')
        self.answers(app, "plain", "two")
        watcher.said("plain                    live", at)

    def test_an_edit_can_be_taken_back_without_undoing_it(self):
        app, watcher = self.begin("--detach")
        copies = app.directory / "b/state" / app.name / "programs"
        until(lambda: len(list(copies.glob("*.list"))) == 2, what="a copy of each service's files")
        self.edit(app, "plain/server.py", '"one"', '"two"')
        self.answers(app, "plain", "two")
        watcher.said("plain                    live")
        self.settle(app)
        watcher.end()
        self.assertNotIn("lie there now", app.run("rollback", "plain").stdout)
        self.assertEqual(app.get("/plain").text, "one")
        self.assertIn('"two"', (app.directory / "plain/server.py").read_text())
        app.run("up", "--detach")
        self.answers(app, "plain", "two")

    def test_the_override_and_new_services_are_picked_up(self):
        app = self.application_of()
        watcher = Watcher(app, cwd=app.directory)
        self.addCleanup(watcher.end)
        at = watcher.said("files are watched")
        (app.directory / "bulkhead.override.yaml").write_text("services:\n  plain: {owner: me}\n")
        at = watcher.said("owner  is new: me", at)
        (app.directory / "late").mkdir()
        (app.directory / "late/server.py").write_text(SERVER)
        (app.directory / "bulkhead.override.yaml").write_text("services:\n  late: {dir: late, command: [/usr/bin/python3, server.py], port: 8080}\n")
        at = watcher.said("late                     live", at)
        self.edit(app, "late/server.py", '"one"', '"two"')
        watcher.said("~ late: server.py has changed", at)
        (app.directory / "bulkhead.override.yaml").unlink()
        watcher.said("- late: is stopped", at)
        self.assertEqual(watcher.end(), 0)
        told = subprocess.run([app.program, "up", "-d"], cwd=app.directory, env=app.environment, capture_output=True, text=True).stdout
        self.assertNotIn("lies beside it", told)
        (app.directory / "bulkhead.override.yaml").write_text("services:\n  plain: {owner: me}\n")
        told = subprocess.run([app.program, "up", "-d"], cwd=app.directory, env=app.environment, capture_output=True, text=True).stdout
        self.assertIn("with bulkhead.override.yaml, which lies beside it\n", told)

    def test_the_end_of_watching(self):
        app, watcher = self.begin()
        pids = app.pids()
        self.assertEqual(watcher.end(), 0)
        self.assert_nothing_left(app, pids)
        watcher = Watcher(app, "--detach")
        watcher.said("the application stays up")
        before = self.pids(app)
        self.assertEqual(watcher.end(), 0)
        self.assertEqual(self.pids(app), before)
        # Nobody was there to see it: the next one is told.
        self.edit(app, "plain/server.py", '"one"', '"two"')
        watcher = Watcher(app, "--detach")
        watcher.said("the application stays up")
        self.assertEqual(app.get("/plain").text, "two")
        self.assertEqual(self.pids(app)["built"], before["built"])
        watcher.end(signal.SIGTERM)
        self.settle(app)
        before = self.pids(app)
        self.assertIn("is already up", app.up().stdout)
        self.assertEqual(self.pids(app), before)
        refused = subprocess.run([app.program, "up", "--watch", "-f", "-"], env=app.environment, input="", capture_output=True, text=True)
        self.assertEqual((refused.returncode, refused.stderr), (2, "bulkhead: standard input can not be watched: name a file with -f FILE\n"))

    def test_how_long_an_edit_takes_beyond_its_build_and_start(self):
        app, watcher = self.begin(environment={"BUILD_TAKES": "0.3"})
        port = harness.free_ports(1)[0]
        started = time.monotonic()
        alone = subprocess.Popen(["/usr/bin/python3", "server.py"], cwd=app.directory / "plain", env={"PORT": str(port)})
        self.addCleanup(lambda: (alone.kill(), alone.wait()))

        def is_up():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        until(is_up, what="the program by itself")
        start = time.monotonic() - started
        at = len(watcher.lines)
        beyond = {"plain": [], "built": []}
        version = "one"
        for number in range(3):
            for service in beyond:
                self.settle(app)
                self.edit(app, f"{service}/server.py", f'"{version}"', f'"v{number}"')
                edited = time.monotonic()
                self.answers(app, service, f"v{number}")
                took = time.monotonic() - edited
                at = watcher.said(f"{service}                    live", at)
                line = [l for l in watcher.lines if l.startswith(f"  {service} ")][-1]
                built = re.search(r"built in ([0-9.]+) s", line)
                beyond[service].append(took - start - (float(built.group(1)) if built else 0))
            version = f"v{number}"
        for service, times in beyond.items():
            print(f"{service}: an edit is live {', '.join(f'{t * 1000:.0f}' for t in times)} ms beyond its build and start (the program alone: {start * 1000:.0f} ms)")


if __name__ == "__main__":
    harness.main()
