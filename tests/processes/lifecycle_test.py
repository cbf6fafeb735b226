"""Kill anything: only what was in flight on the killed instance may fail, and it is replaced. The controller may be away."""

import http.client
import os
import shutil
import signal
import subprocess
import time

import harness
from harness import Load, alive, kill, until

MANIFEST = """
app: life
services:
  front:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    scale: 2
    calls: {back: [GET /*]}
  back:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /front/*}, to: front, rewrite: /}
    - {match: {path: /back/*}, to: back, rewrite: /}
"""

# Asked to end, it needs a moment; killed, it says nothing.
SLOW_TO_END = """
app: slow
services:
  slow:
    dir: ./code
    command: [/usr/bin/python3, slow.py]
    port: 8080
"""
SLOW = """
import http.server, os, signal, threading

def end(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Event().wait(0.5)
    print("ended in order", flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, end)
http.server.ThreadingHTTPServer(("", 8080), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def controller_pid(app):
    return app.lock_holder("controller")


def stopped(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


def warden_pid(app):
    return app.lock_holder("warden")


class Lifecycle(harness.Case):
    def test_without_its_controller_everything_goes_on_and_it_returns_by_itself_and_adopts(self):
        app = self.application(MANIFEST)
        app.up()
        pids = app.pids()
        with Load(app, "/front/x") as load:
            killed = controller_pid(app)
            kill(killed)
            load.goes_on()
            until(lambda: controller_pid(app) != killed and app.status().get("settled"), 20, "the controller's return")
            load.goes_on()
        self.assertEqual(load.failed, 0, load.problems[:5])
        self.assertEqual(sorted(app.pids()), sorted(pids), "nothing was started again")
        app.down()
        self.assert_nothing_left(app, pids)

    @harness.needs_root
    def test_on_a_full_disk_everything_goes_on_and_the_controller_still_returns(self):
        app = self.application(MANIFEST, disk="6m")
        app.up()
        pids = app.pids()
        app.fill_disk()
        with Load(app, "/front/x") as load:
            killed = controller_pid(app)
            kill(killed)
            until(lambda: controller_pid(app) != killed and app.status().get("settled"), 20, "the controller's return")
            service = app.instance("front-1")["service_pid"]
            kill(service)
            until(lambda: app.instance("front-1").get("service_pid", service) not in (service, -1), 20, "its replacement")
            load.goes_on()
        self.assertLessEqual(load.failed, 4, load.problems[:5])  # in flight on the killed service
        app.wait_settled()
        self.assertIn("No space left on device", app.run("status").stdout)
        app.empty_disk()
        until(lambda: "No space left" not in app.run("status").stdout, 20, "what runs to be written down")
        pids += app.pids()
        app.down()
        self.assert_nothing_left(app, pids)

    def test_the_warden_is_replaced_too(self):
        app = self.application(MANIFEST)
        app.up()
        killed = warden_pid(app)
        kill(killed)
        until(lambda: warden_pid(app) != killed and alive(warden_pid(app)), 10, "another warden")
        controller = controller_pid(app)
        kill(controller)
        until(lambda: controller_pid(app) != controller and app.status().get("settled"), 20, "the controller's return")

    def test_with_controller_and_warden_both_killed_down_still_leaves_nothing(self):
        app = self.application(MANIFEST)
        app.up()
        pids = app.pids()
        warden, controller = warden_pid(app), controller_pid(app)
        os.kill(warden, signal.SIGSTOP)
        until(lambda: stopped(warden), 10, "the warden to be stopped, so that it starts no controller")
        kill(controller)
        kill(warden)
        self.assertEqual(app.get("/front/x").status, 200)
        said = app.run("status", check=False)
        self.assertEqual(said.returncode, 3, said)
        self.assertIn("front-2", said.stdout)
        self.assertRegex(said.stdout, r"running +(59|60) min")
        app.down()
        self.assert_nothing_left(app, pids)

    def test_a_warden_whose_application_was_deleted_from_the_disk_ends(self):
        app = self.application(MANIFEST)
        run = app.directory / "b/run" / app.name
        run.mkdir(parents=True)
        (app.directory / "b/state" / app.name / "logs").mkdir(parents=True)
        warden = subprocess.Popen([app.program, "warden", "--app", app.name], env=app.environment)
        self.addCleanup(warden.kill)
        until(lambda: (run / "control.sock").exists(), 10, "its controller")
        warden.send_signal(signal.SIGSTOP)
        kill(controller_pid(app))
        shutil.rmtree(run)
        warden.send_signal(signal.SIGCONT)
        self.assertEqual(warden.wait(timeout=10), 0)

    def test_when_the_host_stops_and_tells_every_process_at_once_services_still_end_in_order(self):
        app = self.application(SLOW_TO_END, files={"code/slow.py": SLOW})
        app.up()
        pids = [warden_pid(app), controller_pid(app), *app.pids()]
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        until(lambda: not [pid for pid in pids if alive(pid)], 20, "the end of everything")
        self.assertIn("ended in order", app.logs())
        time.sleep(0.5)  # what would be started again would be there by now
        self.assertEqual([line for line in app.leftovers() if line.startswith("process ")], [])
        app.down()  # of the list of what ran
        self.assertEqual(app.leftovers(), [])

    def test_each_process_of_an_instance_is_killed_in_turn_and_the_instance_is_replaced(self):
        app = self.application(MANIFEST)
        app.up()
        before = app.pids()
        for victim in ("service_pid", "sidecar_pid", "keeper_pid"):
            with self.subTest(victim), Load(app, "/front/x") as load:
                pid = app.instance("front-1")[victim]
                self.assertGreater(pid, 0)
                kill(pid)
                until(lambda: app.instance("front-1").get(victim, pid) not in (pid, -1) and app.instance("front-1")["state"] == "ready", 30, "its replacement")
                load.goes_on()
            self.assertLessEqual(load.failed, 4, load.problems[:5])  # what was in flight: at most one a client
            app.wait_settled()
        with self.subTest("an only instance: the rest is held, not refused"), Load(app, "/back/x") as load:
            pid = app.instance("back-1")["service_pid"]
            kill(pid)
            until(lambda: app.instance("back-1").get("service_pid", pid) not in (pid, -1) and app.instance("back-1")["state"] == "ready", 30, "its replacement")
            load.goes_on()
        self.assertLessEqual(load.failed, 4, load.problems[:5])
        after = app.pids()
        app.down()
        self.assert_nothing_left(app, before + after)

    def test_a_killed_gateway_is_replaced_and_callers_wait_in_the_backlog(self):
        app = self.application(MANIFEST)
        app.up()
        pid = app.instance("_gateway-1")["sidecar_pid"]
        kill(pid)
        until(lambda: not alive(pid), 5, "its end")
        self.assertEqual(app.get("/front/x").status, 200)
        until(lambda: app.instance("_gateway-1").get("sidecar_pid", pid) != pid, 20, "another gateway")
        app.wait_settled()

        with self.subTest("also by a controller that has returned and was handed the sockets"):
            killed = controller_pid(app)
            kill(killed)
            until(lambda: controller_pid(app) != killed and app.status().get("settled"), 20, "the controller's return")
            for victim in ("sidecar_pid", "keeper_pid"):
                pid = app.instance("_gateway-1")[victim]
                kill(pid)
                try:
                    answer = app.get("/front/x")
                except ConnectionRefusedError:
                    raise  # the sockets were gone for a moment
                except (OSError, http.client.HTTPException):  # the dying gateway had taken it already: in flight
                    answer = app.get("/front/x")
                self.assertEqual(answer.status, 200)
                until(lambda: app.instance("_gateway-1").get(victim, pid) != pid, 20, "another gateway")
                app.wait_settled()

    def test_a_service_that_crashes_is_started_again_with_growing_waits_and_status_says_why(self):
        app = self.application("""
app: crash
services:
  broken:
    command: [/usr/bin/python3, -c, "import sys; print('no luck today', flush=True); sys.exit(3)"]
    port: 8080
""")
        done = app.run("up", "--detach", check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("exited with status 3", done.stderr + done.stdout)
        instance = app.instance("broken-1")
        self.assertGreaterEqual(instance["restarts"], 3)
        self.assertIn("exited with status 3", instance["reason"])
        self.assertIn("no luck today", app.run("logs", "broken").stdout)

    def test_scale_up_and_down_under_load_loses_nothing(self):
        app = self.application(MANIFEST)
        app.up()
        with Load(app, "/back/x") as load:
            app.run("scale", "back", "3")
            until(lambda: sum(i["state"] == "ready" for i in app.service("back")["instances"]) == 3, 30, "three instances")
            load.goes_on()
            app.run("scale", "back", "1")
            until(lambda: len(app.service("back")["instances"]) == 1, 30, "one instance")
            load.goes_on()
        self.assertEqual(load.failed, 0, load.problems[:5])

    def test_restart_replaces_the_instances_and_loses_nothing(self):
        app = self.application(MANIFEST)
        app.up()
        before = [i["service_pid"] for i in app.service("front")["instances"]]
        with Load(app, "/front/x") as load:
            app.run("restart", "front")
            until(lambda: app.status()["settled"] and not {i.get("service_pid") for i in app.service("front")["instances"]} & set(before), 40, "new instances")
            load.goes_on()
        self.assertEqual(load.failed, 0, load.problems[:5])

    def test_up_again_with_a_changed_manifest_touches_only_what_changed(self):
        app = self.application(MANIFEST)
        app.up()
        before = {i["id"]: i["service_pid"] for s in app.status()["services"] for i in s["instances"]}
        app.manifest.write_text(app.manifest.read_text().replace("calls: {back: [GET /*]}", "calls: {back: [GET /only]}"))
        app.up()
        after = {i["id"]: i["service_pid"] for s in app.status()["services"] for i in s["instances"]}
        self.assertEqual(before, after, "a change of policy restarts nothing")
        until(lambda: app.get("/front/call?url=http://back/other").json["status"] == 403, what="the new policy")


if __name__ == "__main__":
    harness.main()
