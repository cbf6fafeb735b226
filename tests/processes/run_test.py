"""run: a command as a service, in its place or beside it."""

import json
import pathlib
import signal
import subprocess
import time

import harness

MANIFEST = """
app: stage
services:
  front:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    calls: {back: [GET /*]}
  back:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    owner: team back
    environment: {COLOUR: blue}
    calls: {other: [GET /*]}
    scale: 2
  other:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
  once:
    type: job
    command: [/usr/bin/true]
  shut:
    command: [/usr/bin/sleep, "1000"]
    debug: {run: false}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /*}, to: front}]
"""

# Answers everything with its own word.
STAND_IN = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "8")
        self.end_headers()
        self.wfile.write(b"stand-in")
    def log_message(self, *words): pass
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""

CALL = "import urllib.request,sys; print(urllib.request.urlopen(sys.argv[1], timeout=10).status)"


class Run(harness.Case):
    def up(self):
        app = self.application(MANIFEST)
        app.up()
        app.log = app.directory / "b/state" / app.name / "audit.jsonl"
        return app

    def words(self, app, service, *command, beside=False):
        return [str(app.program), "run", "-f", str(app.manifest), *(["--beside"] if beside else []), service, "--", *command]

    def run_it(self, app, service, *command, beside=False):
        return subprocess.run(self.words(app, service, *command, beside=beside), env=app.environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    def start(self, app, service, *command, beside=False):
        child = subprocess.Popen(self.words(app, service, *command, beside=beside), env=app.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.stderr.close)
        return child

    def entries(self, app):
        return [e for e in (json.loads(line) for line in app.log.read_text().splitlines()) if e["verb"] == "run"]

    def asked(self, app):
        """What front hears when it calls back."""
        return app.get("/call?url=http://back:8080/x", timeout=60).text

    def test_it_takes_the_service_s_place_and_gives_it_back(self):
        app = self.up()
        self.assertNotIn("stand-in", self.asked(app))
        before = {each["id"]: each["service_pid"] for each in app.service("front")["instances"] + app.service("other")["instances"]}
        child = self.start(app, "back", "/usr/bin/python3", "-c", STAND_IN)
        self.assertEqual(child.stdout.readline(), "listening\n")
        harness.until(lambda: "stand-in" in self.asked(app), 20, "its requests")
        status = app.status()
        self.assertEqual([s["instances"] for s in status["services"] if s["name"] == "back"], [[]])
        self.assertEqual(status["runs"], [{"instance": "back-run1", "service": "back", "by": status["runs"][0]["by"], "beside": False}])
        self.assertIn("runs a command in the place of back", app.run("status", check=False).stdout)
        second = self.run_it(app, "back", "true")
        self.assertEqual(second.returncode, 1)
        self.assertIn("runs a command in the place of 'back' already; --beside runs one beside it", second.stderr)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(20), 128 + signal.SIGTERM)
        app.wait_settled()
        harness.until(lambda: "stand-in" not in self.asked(app), 20, "the service again")
        self.assertEqual(len(app.service("back")["instances"]), 2)
        self.assertEqual({each["id"]: each["service_pid"] for each in app.service("front")["instances"] + app.service("other")["instances"]}, before)
        self.assertNotIn("runs", app.status())

    def test_requests_wait_and_none_is_lost_across_the_change(self):
        app = self.up()
        with harness.Load(app, "/call?url=http://back:8080/x") as load:
            done = self.run_it(app, "back", "/usr/bin/python3", "-c", "import subprocess,time,sys;p=subprocess.Popen([sys.executable,'-c'," + repr(STAND_IN) + "]);time.sleep(3)")
            self.assertEqual(done.returncode, 0, done.stderr)
            app.wait_settled()
            load.goes_on()
        self.assertEqual((load.failed, load.problems), (0, []))

    def test_its_compartment_is_the_service_s(self):
        app = self.up()
        done = self.run_it(app, "back", "sh", "-c", "echo $COLOUR $PORT $PWD $(id -u) $(hostname); exit 9")
        self.assertEqual((done.returncode, done.stdout), (9, "blue 8080 /app 1000 back\n"), done.stderr)
        # Its doors, and no others: other may be called, front may not.
        self.assertEqual(self.run_it(app, "back", "/usr/bin/python3", "-c", CALL, "http://other:8080/", beside=True).stdout, "200\n")
        refused = self.run_it(app, "back", "/usr/bin/python3", "-c", CALL, "http://front:8080/", beside=True)
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        walls = self.run_it(app, "back", "sh", "-c", "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; ls /root /home /run/bulkhead 2>&1 | head -3; touch /app/x /usr/x 2>&1", beside=True).stdout
        self.assertIn("CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n", walls)
        self.assertEqual(walls.count("No such file or directory"), 3)
        self.assertEqual(walls.count("Read-only file system"), 2)
        # What it keeps in its volume is the service's.
        self.run_it(app, "other", "sh", "-c", "echo kept > /data/note")
        app.wait_settled()
        self.assertEqual(app.run("status").returncode, 0)
        done = subprocess.run([str(app.program), "exec", "-f", str(app.manifest), "other", "--", "cat", "/data/note"], env=app.environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.stdout, "kept\n")

    def test_beside_gets_no_request_and_stops_nothing(self):
        app = self.up()
        pids = {each["id"]: each["service_pid"] for each in app.service("back")["instances"]}
        child = self.start(app, "back", "/usr/bin/python3", "-c", STAND_IN, beside=True)
        self.assertEqual(child.stdout.readline(), "listening\n")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertNotIn("stand-in", self.asked(app))
        self.assertEqual({each["id"]: each["service_pid"] for each in app.service("back")["instances"]}, pids)
        # A command beside it, and one inside of it.
        inside = subprocess.run([str(app.program), "exec", "-f", str(app.manifest), "back-run1", "--", "hostname"], env=app.environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(inside.stdout, "back\n", inside.stderr)
        self.assertEqual(self.run_it(app, "back", "echo", "two", beside=True).stdout, "two\n")
        child.kill()
        child.wait()
        harness.until(lambda: "runs" not in app.status(), 20, "its end")

    def test_what_can_not_be_is_said(self):
        app = self.up()
        for service, text in (("shut", "'debug' in the manifest switches run off for 'shut'"), ("nobody", "no service is called 'nobody'"), ("gateway", "the gateway has no compartment"), ("once", "'once' is a job, whose place no request leads to: --beside runs a command as it")):
            done = self.run_it(app, service, "true")
            self.assertEqual((done.returncode, done.stderr), (1, f"bulkhead: {text}\n"))
        self.assertEqual(self.run_it(app, "once", "hostname", beside=True).stdout, "once\n")
        missing = self.run_it(app, "back", "/no/such")
        self.assertEqual((missing.returncode, missing.stderr), (126, "bulkhead: run /no/such: No such file or directory\n"))
        app.wait_settled()

    def test_down_ends_it_and_leaves_nothing(self):
        app = self.up()
        child = self.start(app, "back", "sleep", "307")
        harness.until(lambda: app.status().get("runs") and not app.service("back")["instances"], 20, "its place")
        harness.until(lambda: running("sleep", "307"), 20, "the command")
        app.down()
        self.assertEqual(child.wait(20), 1)
        self.assertEqual(app.leftovers(), [])

    def test_a_controller_that_dies_ends_it_and_brings_the_service_back(self):
        app = self.up()
        child = self.start(app, "back", "sleep", "308")
        harness.until(lambda: app.status().get("runs") and not app.service("back")["instances"], 20, "its place")
        harness.until(lambda: running("sleep", "308"), 20, "the command")
        harness.kill(app.lock_holder("controller"))
        self.assertEqual(child.wait(20), 1)
        app.wait_settled()
        self.assertEqual(len(app.service("back")["instances"]), 2)
        harness.until(lambda: not running("sleep", "308"), 20, "its end")

    def test_the_log_tells_of_it(self):
        app = self.up()
        self.run_it(app, "back", "sh", "-c", "exit 4", beside=True)
        begun, ended = self.entries(app)
        self.assertEqual((begun["outcome"], ended["outcome"]), ("begun", "exited with 4"))
        self.assertEqual({k: begun["details"][k] for k in ("argv", "beside", "instance")}, {"argv": ["sh", "-c", "exit 4"], "beside": True, "instance": "back-run1"})
        self.assertEqual((begun["service"], begun["owner"]), ("back", "team back"))


def running(*command):
    """Processes of the host that run exactly this."""
    wanted = "".join(word + "\0" for word in command).encode()
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path.parent.name] if path.read_bytes() == wanted else []
        except OSError:
            pass
    return found


if __name__ == "__main__":
    harness.main()
