"""An application that was suspended comes back as it was, and one that was taken down does not."""

import json
import os
import subprocess

import harness
from harness import until


class Resume(harness.Case):
    def start(self, name="sleeper"):
        app = self.application(harness.one_service(name))
        app.up()
        return app

    def by_name(self, app, word, name=None, check=True):
        done = subprocess.run([app.program, word, name or app.name], env=app.environment, capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise AssertionError(f"{word} gave {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def desired(self, app):
        return app.directory / "b/state" / app.name / "desired.json"

    def test_a_suspended_application_leaves_nothing_running_and_comes_back_without_its_manifest(self):
        app = self.start()
        app.run("scale", "echo", "2")
        app.wait_settled()
        pids = app.pids()
        self.by_name(app, "suspend")
        self.assert_nothing_left(app, pids)
        self.assertTrue(self.desired(app).exists())
        elsewhere = app.manifest.rename(app.directory / "elsewhere.yaml")
        self.assertIn("comes back", self.by_name(app, "resume").stdout)
        elsewhere.rename(app.manifest)
        app.wait_settled()
        self.assertEqual(app.get("/").status, 200)
        self.assertEqual(len(app.service("echo")["instances"]), 2, "as many as were asked for last")
        self.assertIn("already up", self.by_name(app, "resume").stdout)

    def test_what_every_process_was_told_to_end_comes_back_too(self):
        app = self.start()
        pids = app.pids() + [app.lock_holder("controller"), app.lock_holder("warden")]
        subprocess.run(["kill", "-TERM", *map(str, pids)], check=False)  # as systemd does when the host stops
        until(lambda: not [pid for pid in pids if harness.alive(pid)], 30, "the end of all of it")
        self.by_name(app, "resume")
        app.wait_settled()
        self.assertEqual(app.get("/").status, 200)

    def test_a_question_is_answered_while_the_controller_returns(self):
        app = self.start()
        for _ in range(3):
            harness.kill(app.lock_holder("controller"))
            for _ in range(10):
                done = app.run("status", "--json", check=False)
                self.assertTrue(done.stdout, done.stderr)
                self.assertIn("controller", json.loads(done.stdout))
            app.wait_settled()

    def test_down_is_for_good_also_after_a_suspension(self):
        app = self.start()
        self.by_name(app, "suspend")
        self.assertIn("does not come back", app.down().stdout)
        self.assertFalse(self.desired(app).exists())
        done = self.by_name(app, "resume", check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("nothing is kept of 'sleeper'", done.stderr)
        app.up()
        app.down()
        self.assertEqual(self.by_name(app, "resume", check=False).returncode, 3)
        self.assertEqual(self.by_name(app, "suspend").stdout, "nothing is running\n")

    def test_a_name_that_leads_elsewhere_is_refused(self):
        app = self.application(harness.one_service("sleeper"))
        for name in ("../sleeper", "/etc", "", "Sleeper"):
            for word in ("suspend", "resume"):
                done = subprocess.run([app.program, word, name], env=app.environment, capture_output=True, text=True)
                self.assertEqual(done.returncode, 2, (word, name))

    def test_doctor_counts_what_nobody_controls_and_what_is_kept(self):
        app = self.start()
        self.assertEqual(self.leftovers(app), ("good", "none"))
        pids = app.pids()
        roles = [app.lock_holder("controller"), app.lock_holder("warden")]
        for pid in roles:
            os.kill(pid, harness.signal.SIGSTOP)  # so that neither starts the other again
        for pid in roles:
            harness.kill(pid)
        until(lambda: not [pid for pid in roles if harness.alive(pid)], 10, "the end of both")
        self.assertEqual(self.leftovers(app), ("limited", "nobody controls sleeper: controller and warden were killed"))
        self.by_name(app, "suspend")
        self.assert_nothing_left(app, pids)
        self.assertEqual(self.leftovers(app), ("good", "kept, and not up: sleeper; bulkhead resume brings back"))

    def leftovers(self, app):
        done = subprocess.run([app.program, "doctor", "--json"], env=app.environment, capture_output=True, text=True, check=True)
        last = json.loads(done.stdout)["checks"][-1]
        return last["state"], last["found"]

    def test_doctor_tells_a_host_that_can_not_from_one_that_can(self):
        app = self.application(harness.one_service("sleeper"))
        shown = subprocess.run([app.program, "doctor"], env=app.environment, capture_output=True, text=True)
        self.assertEqual(shown.returncode, 0, shown.stdout)
        self.assertIn("Services can be sealed here", shown.stdout)
        if os.geteuid() != 0:
            self.skipTest("only root may forbid user namespaces")
        forbid = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"'
        done = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", app.program, "doctor", "--json"],
                              env=app.environment, capture_output=True, text=True)
        if done.stderr:
            self.skipTest(done.stderr.strip())
        checks = {each["what"]: each for each in json.loads(done.stdout)["checks"]}
        self.assertEqual(done.returncode, 1)
        self.assertEqual(checks["user namespaces"]["state"], "missing")
        self.assertEqual(checks["user namespaces"]["fix"], "sudo sysctl -w user.max_user_namespaces=15000")
        self.assertEqual(checks["compartments"]["state"], "missing")


if __name__ == "__main__":
    harness.main()
