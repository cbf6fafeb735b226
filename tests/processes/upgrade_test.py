"""What runs moves to another build of the program, while services, streams and calls go on."""

import asyncio
import os
import pathlib
import re
import subprocess
import threading
import unittest

import harness
from harness import Load, build_of, until

MANIFEST = """
app: upgrade
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    scale: 2
    environment: {VERSION: one}
    healthcheck: {path: /health, interval: 200ms}
  caller:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, caller.py]
    port: 8080
    calls: {web: [POST /]}
    depends_on: {web: ready}
  talk:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, talk.py]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /web/*}, to: web, rewrite: /}
    - {match: {path: /caller}, to: caller, rewrite: /}
    - {match: {path: /talk}, to: talk}
"""
USER = "bulkhead-upgrade"


class Talk(threading.Thread):
    """A WebSocket on which something is said all the time, until `over` is set."""

    def __init__(self, app):
        super().__init__()
        self.app, self.over = app, threading.Event()
        self.said, self.problem = 0, None

    def run(self):
        try:
            asyncio.run(self.talk())
        except Exception as error:
            self.problem = repr(error)

    async def talk(self):
        import websockets

        async with websockets.connect(f"wss://localhost:{self.app.port}/talk", ssl=self.app.tls(), ping_interval=None) as socket:
            while not self.over.is_set():
                await socket.send(str(self.said))
                if await asyncio.wait_for(socket.recv(), 20) != str(self.said):
                    raise ValueError("something else came back")
                self.said += 1
                await asyncio.sleep(0.01)


class Upgrade(harness.Case):
    def begin(self, **more):
        app = self.application(MANIFEST, **more)
        app.up()
        return app

    def other_build(self, app):
        path = harness.other_build(app.program, app.directory / "next" / "bulkhead")
        if app.user:
            subprocess.run(["chown", "-R", app.user, str(path.parent)], check=True)
        self.assertNotEqual(build_of(path), build_of(app.program))
        return path

    def instances(self, app):
        return {i["id"]: i for s in app.status()["services"] for i in s["instances"]}

    def init_of(self, instance):
        """Process 1 of its compartment, which is the parent of the service."""
        return int(pathlib.Path(f"/proc/{instance['service_pid']}/stat").read_text().rpartition(")")[2].split()[1])

    def standing(self, instance):
        """What process 1 may do, and what it holds."""
        process = pathlib.Path(f"/proc/{self.init_of(instance)}")
        fields = [line for line in (process / "status").read_text().splitlines() if line.startswith(("Uid", "Cap", "NoNewPrivs", "Seccomp", "SigBlk", "Name"))]
        held = [re.sub(r"\d+", "N", os.readlink(each)) for each in (process / "fd").iterdir()]
        return fields, sorted(held)

    def upgrade(self, **more):
        app = self.begin(**more)
        before, controller, warden = self.instances(app), app.status()["controller"], app.lock_holder("warden")
        standing = {name: self.standing(instance) for name, instance in before.items() if not name.startswith("_")}
        next_program = self.other_build(app)
        talk = Talk(app)
        slow = []
        with Load(app, "/web/") as load:
            talk.start()
            until(lambda: talk.said > 10 or talk.problem, what="a conversation")
            asked = threading.Thread(target=lambda: slow.append(app.get("/web/slow")))
            asked.start()
            app.program = next_program
            moved = []
            moving = threading.Thread(target=lambda: moved.append(app.run("upgrade", check=False)))
            moving.start()
            load.goes_on()
            said = talk.said
            until(lambda: talk.said > said + 100 or talk.problem, what="the conversation to go on")
            talk.over.set()
            moving.join()
            load.goes_on()
            asked.join()
            calls = app.get("/caller").json
        talk.join()
        self.assertEqual(moved[0].returncode, 0, moved[0].stdout + moved[0].stderr + app.platform_log())
        self.assertEqual(load.problems, [])
        self.assertIsNone(talk.problem)
        self.assertEqual(slow[0].status, 200)
        self.assertEqual(calls["badly"], [])
        self.assertGreater(calls["well"], 100)

        build = build_of(next_program)
        after, now = self.instances(app), app.status()["controller"]
        self.assertEqual(now["build"], build)
        self.assertEqual(now["pid"], controller["pid"], "it became the other program")
        until(lambda: app.lock_holder("warden") not in (0, warden), what="another warden")
        self.assertEqual(set(after), set(before))
        for name, instance in after.items():
            self.assertEqual(instance["sidecar_build"], build, name)
            self.assertNotEqual(instance["sidecar_pid"], before[name]["sidecar_pid"], name)
            self.assertEqual(instance["keeper_build"], build, name)
            self.assertNotIn("of the former one", moved[0].stdout if not harness.is_sanitized() else "")
            if not name.startswith("_") and not harness.is_sanitized():
                self.assertEqual(instance["init_build"], build, name)
                self.assertIn("/memfd:bulkhead-init", os.readlink(f"/proc/{self.init_of(instance)}/exe"), name)
            self.assertEqual((instance["keeper_pid"], instance["service_pid"]), (before[name]["keeper_pid"], before[name]["service_pid"]), name)
            self.assertIn(f"{name.lstrip('_')} serves with this program", moved[0].stdout)
        for name, expected in standing.items():
            try:
                until(lambda: self.standing(before[name]) == expected)
            except AssertionError:
                self.assertEqual(self.standing(before[name]), expected, f"process 1 of {name}")
        for name, instance in before.items():
            self.assertFalse(harness.alive(instance["sidecar_pid"]), f"the former sidecar of {name}")
        self.assertEqual(len(app.run("history", "web").stdout.strip().splitlines()), 2, "no revision is new")
        return app

    def test_everything_that_serves_moves_and_nothing_is_lost(self):
        former = os.path.abspath(harness.BULKHEAD)
        app = self.upgrade()
        again = app.run("upgrade").stdout
        if not harness.is_sanitized():  # such a build has no program for process 1, and says so each time
            self.assertNotIn("serves with this program", again)
        # The keepers that became another program still do all that a keeper does.
        self.assertIn("VERSION=one", app.run("exec", "web", "--", "env").stdout)
        pids = {name: instance["service_pid"] for name, instance in self.instances(app).items()}
        app.manifest.write_text(app.manifest.read_text().replace("calls: {web: [POST /]}", "calls: {web: [POST /], talk: [GET /]}"))
        app.run("up", "--detach")
        self.assertEqual({name: instance["service_pid"] for name, instance in self.instances(app).items()}, pids)
        until(lambda: "198." in app.run("exec", "caller", "--", "getent", "hosts", "talk").stdout, what="the new door")
        self.assertNotIn("rejected", self.instances(app)["caller-1"])
        # Nobody inside sees it: who may not trace it does not find it (hidepid).
        self.assertNotEqual(app.run("exec", "caller", "--", "cat", "/proc/1/environ", check=False).returncode, 0)
        self.assertEqual(app.run("exec", "caller", "--", "cat", "/proc/self/comm").stdout, "cat\n")
        # And once more, to what they were.
        app.program = former
        self.assertIn("serves with this program", app.run("upgrade").stdout)
        self.assertEqual({name: instance["service_pid"] for name, instance in self.instances(app).items()}, pids)
        if not harness.is_sanitized():
            self.assertEqual(self.instances(app)["web-1"]["init_build"], build_of(former))
        self.assertIn("VERSION=one", app.run("exec", "web", "--", "env").stdout)
        before = self.instances(app)["web-1"]
        harness.kill(before["service_pid"])
        until(lambda: self.instances(app).get("web-1", {}).get("service_pid") not in (None, -1, before["service_pid"]), what="the service again")
        app.run("restart", "talk")
        app.wait_settled()
        self.assertIn("upgrade", app.run("audit").stdout)

    @unittest.skipUnless(os.geteuid() == 0, "becomes an ordinary user")
    def test_an_ordinary_user_does_it_too(self):
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", USER], check=True, capture_output=True)
        self.addCleanup(lambda: subprocess.run(["userdel", "--remove", USER], check=True, capture_output=True))
        self.upgrade(user=USER)

    def test_a_program_that_is_no_controller_changes_nothing(self):
        app = self.begin()
        before, build, controller = self.instances(app), app.status()["controller"]["build"], app.lock_holder("controller")
        self.assertEqual(app.ask("upgrade", executable="/bin/no-such-program", build="x")["error"], "/bin/no-such-program can not be run from here")
        self.assertTrue(app.ask("upgrade", executable="/bin/false", build="x")["becomes"])
        until(lambda: app.lock_holder("controller") not in (0, controller), what="the former program")
        app.wait_settled()
        self.assertEqual(app.status()["controller"]["build"], build)
        self.assertEqual({n: i["sidecar_pid"] for n, i in self.instances(app).items()}, {n: i["sidecar_pid"] for n, i in before.items()})


if __name__ == "__main__":
    harness.main()
