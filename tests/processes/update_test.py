"""Changing what runs: only what a change concerns is touched, replacements lose nothing, and what fails goes back by itself."""

import json
import os
import subprocess
import threading
import unittest

import harness
from harness import Load, until

MANIFEST = """
app: update
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    scale: @SCALE@
    environment: {VERSION: "@VERSION@"@MORE@}
    healthcheck: {path: /health, interval: 200ms, start_period: 3s}
    stop_grace: @GRACE@
    update: {@UPDATE@}
  other:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    environment: {VERSION: other}
    calls: {web: [@ALLOW@]}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /web/*}, to: web, rewrite: /}
    - {match: {path: /other/*}, to: other, rewrite: /@TIMEOUT@}
"""
JOBS = """
app: jobs
services:
  migrate:
    type: job
    command: [/bin/sh, -c, 'n=$$(cat /data/runs 2>/dev/null || echo 0); n=$$((n + 1)); echo $$n >/data/runs; echo run $$n; [ $$n -ge 3 ]']
    job: {retries: 5}
  late:
    type: job
    command: [/bin/sleep, "60"]
    job: {timeout: 500ms}
  minutely:
    type: job
    command: [/bin/echo, a minute has begun]
    job: {schedule: "* * * * *"}
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    environment: {VERSION: one}
    depends_on: {migrate: done}
"""


def manifest(version="one", scale=1, more="", update="", allow="GET /x", timeout="", grace="10s"):
    text = MANIFEST
    for key, value in {"VERSION": version, "SCALE": scale, "MORE": more, "UPDATE": update, "ALLOW": allow, "TIMEOUT": timeout, "GRACE": grace}.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def without_update(text):
    return text.replace("    update: {}\n", "")


class Updates(harness.Case):
    def begin(self, **more):
        app = self.application(without_update(manifest(**more)))
        app.up()
        return app

    def change(self, app, check=True, **more):
        app.rewrite(without_update(manifest(**more)))
        return app.run("up", "--detach", check=check)

    def pids(self, app):
        return {i["id"]: (i["keeper_pid"], i["sidecar_pid"], i["service_pid"]) for s in app.status()["services"] for i in s["instances"]}

    def version(self, app):
        return app.get("/web/").text

    def test_only_what_a_change_concerns_is_touched(self):
        app = self.begin()
        before = self.pids(app)
        said = app.run("up", "--detach").stdout
        self.assertIn("is already up", said)

        app.rewrite(without_update(manifest(allow="GET /x, POST /y", timeout=", timeout: 3s")))
        dry = app.run("up", "--dry-run").stdout
        self.assertIn("~ other: nothing is restarted\n    calls.web.allow  [GET /x] -> [GET /x, POST /y]\n", dry)
        self.assertIn("~ gateway: nothing is restarted\n    routes[1].timeout  is new: 3s\n", dry)
        self.assertEqual(self.pids(app), before, "it was only told")
        said = self.change(app, allow="GET /x, POST /y", timeout=", timeout: 3s").stdout
        self.assertIn("nothing is restarted", said)
        self.assertEqual(self.pids(app), before)

        said = self.change(app, version="two", allow="GET /x, POST /y", timeout=", timeout: 3s").stdout
        self.assertIn("~ web: is replaced (1 instance)\n    environment.VERSION  changed\n", said)
        self.assertNotIn("two", said, "values of the environment are not shown")
        after = self.pids(app)
        self.assertEqual({id: pids for id, pids in before.items() if not id.startswith("web")},
                         {id: pids for id, pids in after.items() if not id.startswith("web")})
        self.assertEqual([id for id in after if id.startswith("web")], ["web-2"])
        self.assertEqual(self.version(app), "two")

    def test_a_replacement_loses_nothing(self):
        app = self.begin(scale=2)
        slow = []
        with Load(app, "/web/") as load:
            asked = threading.Thread(target=lambda: slow.append(app.get("/web/slow")))
            asked.start()
            self.change(app, version="two", scale=2)
            load.goes_on()
            app.run("restart", "web")
            app.wait_settled()
            self.change(app, version="three", scale=2, update="max_surge: 2, pause: 300ms")
            load.goes_on()
            asked.join()
        self.assertEqual(load.problems, [])
        self.assertEqual(slow[0].status, 200, "it was begun at an instance that was replaced")
        self.assertEqual(self.version(app), "three")
        self.assertEqual(len(app.service("web")["instances"]), 2)

    def test_what_was_begun_may_take_the_whole_grace_period(self):
        app = self.begin(grace="20s")
        slow = []
        asked = threading.Thread(target=lambda: slow.append(app.get("/web/slow/12")))
        asked.start()
        until(lambda: app.get("/web/begun").text == "1", what="the slow request")
        self.change(app, version="two", grace="20s")
        asked.join()
        self.assertEqual((slow[0].status, slow[0].text), (200, "one"))

    def test_a_gateway_is_replaced_without_a_closed_door(self):
        app = self.begin()
        port = harness.free_ports(1)[0]
        with Load(app, "/web/") as load:
            app.rewrite(app.manifest.read_text().replace("listen: 127.0.0.1", f"listen: [127.0.0.1:{port}, 127.0.0.1").replace(f"{app.port}\n", f"{app.port}]\n"))
            said = app.run("up", "--detach").stdout
            load.goes_on()
        self.assertIn("~ gateway: is replaced", said)
        # A connection that stays open is told to end after an answer; none is refused.
        self.assertEqual([p for p in load.problems if "Refused" in str(p)], [])
        self.assertEqual([p for p in load.problems if isinstance(p, tuple)], [])

    def test_what_does_not_get_ready_goes_back(self):
        app = self.begin()
        with Load(app, "/web/") as load:
            for broken, reason in (("exit", "ended 3 times"), ("unready", "is not ready after 3 s")):
                with self.subTest(broken):
                    done = self.change(app, check=False, version="two", more=f", BROKEN: {broken}")
                    self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
                    self.assertRegex(done.stderr, r"web went back to \d: web-2 " + reason)
                    self.assertIn("went back to", app.service("web")["pinned"])
                    load.goes_on()
            app.run("up", "--detach", check=False)  # the manifest is tried again
            self.assertIn("went back to", app.service("web")["pinned"])
        self.assertEqual(load.problems, [])
        self.assertEqual(self.version(app), "one")
        history = app.run("history", "web").stdout
        self.assertIn("went back to 1: web-2 ended 3 times", history)
        self.assertIn("given up: web-2 ended 3 times, the last time: exited with status 1", history)
        self.assertIn("environment.BROKEN  is new: (not shown)", history)
        self.change(app, version="two")
        self.assertEqual(self.version(app), "two")
        self.assertNotIn("pinned", app.service("web"))

    def test_what_can_not_go_back_is_tried_on_and_said(self):
        app = self.begin()
        text = without_update(manifest())
        first, rest = text.split("  web:\n")
        other, gateway = ("  other:\n" + rest.split("  other:\n")[1]).split("gateway:\n")
        other = other.replace("    calls: {web: [GET /x]}\n", "").replace("VERSION: other", "VERSION: other, BROKEN: exit")
        app.rewrite(first + other + "gateway:\n" + gateway.replace("    - {match: {path: /web/*}, to: web, rewrite: /}\n", ""))
        done = app.run("up", "--detach", check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("other-2 does not start: exited with status 1", done.stderr)
        self.assertIn("other can't go back: 'other' called 'web', which is not there any more", app.platform_log())
        self.assertEqual(app.get("/other/").text, "other", "the old one serves on")
        app.rewrite(text)
        app.run("up", "--detach")
        self.assertEqual(self.version(app), "one")

    def test_bounds_and_canary(self):
        app = self.begin()
        bounds = "canary: 10%, auto_rollback: {errors: 5%, p99: 500ms, over: 6s}"
        for more, reason in ((', FAIL: "0.25"', "answers failed, more than 5%"), (', DELAY: "0.7"', "its p99 is|have no answer after 500ms"),
                             (', DELAY: "60"', "have no answer after 500ms"), (", BROKEN: dies", "ended while it was watched: exited with status 3")):
            with Load(app, "/web/", clients=16) as load:
                done = self.change(app, check=False, version="two", more=more, update=bounds)
            self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
            self.assertRegex(done.stderr, reason)
            self.assertEqual(self.version(app), "one")
            total = sum(load.outcomes.values())
            lost = 16 if more in (', DELAY: "60"', ", BROKEN: dies") else 0.06 * total  # one of each client; a quarter of a tenth, and some
            self.assertLessEqual(load.failed, lost, f"{more} of {total}")
        seen = []
        stopping = threading.Event()

        def look():
            while not stopping.wait(0.005):
                seen.append(self.version(app))
        looking = threading.Thread(target=look)
        app.rewrite(without_update(manifest(version="two", update=bounds.replace("6s", "20s"))))
        starting = threading.Thread(target=lambda: app.run("up", "--detach"))
        starting.start()
        until(lambda: app.service("web").get("updating", {}).get("canary") and app.instance("web-2")["state"] == "ready", what="the canary")
        looking.start()
        self.addCleanup(stopping.set)
        until(lambda: len(seen) >= 150, what="answers")
        part = seen.count("two") / len(seen)
        still = app.service("web").get("updating", {}).get("canary")
        stopping.set()
        looking.join()
        starting.join()
        self.assertTrue(still, "the canary was over before it was measured")
        self.assertGreater(part, 0.02)
        self.assertLess(part, 0.25)
        self.assertEqual(self.version(app), "two")

    def test_rollback(self):
        app = self.begin()
        self.change(app, version="two")
        self.change(app, version="three")
        self.assertEqual(app.run("rollback", "web", check=False).returncode, 0)
        self.assertEqual(self.version(app), "two")
        self.assertIn("rollback to 2", app.service("web")["pinned"])
        app.run("rollback", "web", "--to", "1")
        self.assertEqual(self.version(app), "one")
        refused = app.run("rollback", "web", "--to", "9", check=False)
        self.assertEqual((refused.returncode, refused.stderr), (1, "bulkhead: 'web' has no revision 9: bulkhead history web shows those that are kept\n"))
        self.assertEqual(app.run("rollback", "other", check=False).stderr, "bulkhead: 'other' has no earlier revision that was ready\n")
        app.run("up", "--detach")
        self.assertEqual(self.version(app), "three")
        shown = app.run("history").stdout
        self.assertIn("rollback to 1", shown)
        # A controller that returns knows what was rolled back.
        app.run("rollback", "web", "--to", "1")
        harness.kill(app.lock_holder("controller"))
        until(lambda: app.status().get("controller") and app.status()["settled"], what="the controller")
        self.assertEqual(self.version(app), "one")
        self.assertIn("rollback to 1", app.service("web")["pinned"])


CALLS = """
app: calls
services:
  front:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    calls: {@CALLS@}
@MORE@  first:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: first}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /*}, to: front}]
"""
SECOND = """  second:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: second}
"""
USER = "bulkhead-calls"


class Calls(harness.Case):
    """Who may call whom is changed while everything runs, as root and as an ordinary user."""

    def called(self, app, url):
        return app.get(f"/call?url={url}").json

    def asked(self, app, url):
        answer = self.called(app, url)
        return json.loads(answer["body"])["service"] if answer.get("status") == 200 else answer

    def change(self, app, calls, more=""):
        app.rewrite(CALLS.replace("@CALLS@", calls).replace("@MORE@", more))
        if app.user:
            subprocess.run(["chown", app.user, str(app.manifest)], check=True)
        return app.run("up", "--detach").stdout

    def check(self, user=None):
        app = self.application(CALLS.replace("@CALLS@", "first: {}").replace("@MORE@", ""), user=user)
        app.up()
        before = app.instance("front-1")
        self.assertEqual(self.asked(app, "http://first/x"), "first")
        self.assertIn("error", self.called(app, "http://localhost:4001/"))

        # A service that comes, before the other one in the manifest; a program's own address of it; and the old one still.
        said = self.change(app, "first: {}, second: {at: 'localhost:4001'}", SECOND)
        self.assertIn("~ front: nothing is restarted", said)
        self.assertIn("+ second: is started", said)
        until(lambda: self.asked(app, "http://second/x") == "second", what="the new call")
        self.assertEqual(self.asked(app, "http://second:8080/x"), "second")
        self.assertEqual(self.asked(app, "http://localhost:4001/x"), "second")
        self.assertEqual(self.asked(app, "http://[::1]:4001/x"), "second")
        self.assertEqual(self.asked(app, "http://first/x"), "first")

        # And goes: its address is nobody else's, even if another service comes in its place.
        self.change(app, "second: {}", SECOND)
        until(lambda: "error" in self.called(app, "http://first/x"), what="the end of the call")
        self.assertIn("refused", self.called(app, "http://first/x")["error"])
        self.assertIn("refused", self.called(app, "http://localhost:4001/x")["error"])
        self.change(app, "third: {}", SECOND.replace("second", "third"))
        until(lambda: self.asked(app, "http://third/x") == "third", what="the third")
        self.assertIn("error", self.called(app, "http://second/x"))

        after = app.instance("front-1")
        for pid in ("keeper_pid", "sidecar_pid", "service_pid"):
            self.assertEqual(before[pid], after[pid])
        denied = [d for d in app.status()["denied"] if d["caller"] == "front"]
        self.assertTrue(denied, "what is gone is a dial that nobody declared")
        # A controller that returns says the same doors again, which changes nothing.
        harness.kill(app.lock_holder("controller"))
        until(lambda: app.status().get("controller") and app.status()["settled"], what="the controller")
        self.assertEqual(self.asked(app, "http://third/x"), "third")
        self.assertNotIn("rejected", app.instance("front-1"))

    def test_calls_change_while_their_service_runs(self):
        self.check()

    @unittest.skipUnless(os.geteuid() == 0, "becomes an ordinary user")
    def test_calls_change_for_an_ordinary_user(self):
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", USER], check=True, capture_output=True)
        self.addCleanup(lambda: subprocess.run(["userdel", "--remove", USER], check=True, capture_output=True))
        self.check(user=USER)


class Jobs(harness.Case):
    def test_retries_time_limits_and_schedules(self):
        app = self.application(JOBS)
        done = app.run("up", "--detach", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("late-1 does not start: did not end within 500ms", done.stderr)
        until(lambda: app.instance("migrate-1")["state"] == "done", what="the third run")
        self.assertEqual(app.instance("migrate-1")["restarts"], 2)
        until(lambda: app.instance("web-1")["state"] == "ready", what="who waits for it")
        self.assertEqual(app.instance("late-1")["state"], "failed")
        self.assertIn(app.instance("minutely-1")["state"], ("scheduled", "starting", "unready", "done"))
        until(lambda: "a minute has begun" in app.run("logs", "minutely", check=False).stdout, 75, "the next minute")
        self.assertGreater(app.service("minutely")["due"], 0)


if __name__ == "__main__":
    harness.main()
