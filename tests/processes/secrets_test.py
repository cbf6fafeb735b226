"""Secrets: where they come from, who sees them, what becomes of them, and where nobody finds them."""

import json
import os
import pathlib
import shutil
import subprocess
import unittest

import harness
from harness import until

USER = "games"

MANIFEST = """
app: vault
secrets:
  db_password: {file: ./db_password.txt}
  token: {environment: THE_TOKEN}
  certs: {directory: ./certs}
services:
  holder:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, keeper_of_secrets.py]
    port: 8080
    secrets:
      - {source: db_password, signal: HUP}
      - {source: token, target: api_token, env: GIVEN_TOKEN}
      - {source: certs, signal: USR1, mode: 0440}
  other:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /other/*}, to: other}, {match: {path: /*}, to: holder}]
"""

PASSWORD = "correct-horse-battery"
TOKEN = "tok-0123456789-abcdef"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----\n"
VALUES = (PASSWORD, TOKEN, "MIIEvQIBADANBgkqhkiG9w0B", "AQEFAASCBKcwggSjAgEAAoIB")


def replace(path, content):
    """As a careful program would: another file in its place."""
    beside = path.with_name("..new")
    beside.write_text(content)
    shutil.copystat(path, beside)
    info = path.stat()
    os.chown(beside, info.st_uid, info.st_gid)
    beside.rename(path)


class Secrets(harness.Case):
    def begin(self, manifest=MANIFEST, **more):
        files = {"db_password.txt": PASSWORD + "\n", "certs/key.pem": KEY, "certs/cert.pem": "public\n"}
        app = self.application(manifest, files=files, environment={"THE_TOKEN": TOKEN}, **more)
        for name in files:
            (app.directory / name).chmod(0o600)
        return app

    def up(self, **more):
        app = self.begin(**more)
        app.up()
        return app

    def saw(self, app):
        return app.get("/").json

    def everything_written(self, app):
        """All that the platform keeps on disk, but for its volumes."""
        text = b""
        for path in (app.directory / "b").rglob("*"):
            if path.is_file() and not path.is_symlink():
                text += path.read_bytes()
        return text

    def check_seen(self, user=None):
        app = self.up(user=user)
        seen = self.saw(app)
        self.assertEqual(seen["files"], {"db_password": PASSWORD + "\n", "api_token": TOKEN, "certs/key.pem": KEY, "certs/cert.pem": "public\n"})
        self.assertEqual(seen["modes"], {"db_password": "0o400", "api_token": "0o400", "certs/key.pem": "0o440", "certs/cert.pem": "0o440"})
        self.assertEqual(seen["owners"], [1000])
        self.assertEqual(seen["environment"], {"GIVEN_TOKEN": TOKEN})
        attacked = app.get("/attack").json
        for deed in ("write", "chmod", "make", "remove", "rename", "unmount"):
            self.assertNotEqual(attacked[deed], "done", deed)
        self.assertIn(attacked["init"], ("Permission denied", "No such file or directory"))
        self.assertTrue(attacked["mounts"])
        self.assertTrue(all("tmpfs" in line and "nosuid,nodev,noexec" in line for line in attacked["mounts"]), attacked["mounts"])
        self.assertIn(" ro,", attacked["mounts"][-1])
        self.assertEqual(self.saw(app)["files"]["db_password"], PASSWORD + "\n")
        with self.subTest("no other service has them"):
            found = app.run("exec", "other", "--", "sh", "-c", "ls -a /run; env")
            self.assertNotIn("secrets", found.stdout)
            self.assertNotIn(TOKEN, found.stdout)
        with self.subTest("who goes inside sees what the service sees"):
            self.assertEqual(app.run("exec", "holder", "--", "cat", "/run/secrets/db_password").stdout, PASSWORD + "\n")
            self.assertEqual(app.run("exec", "holder", "--", "printenv", "GIVEN_TOKEN").stdout, TOKEN + "\n")
            self.assertEqual(app.run("run", "--beside", "holder", "--", "cat", "/run/secrets/api_token").stdout, TOKEN)
        with self.subTest("nothing of the platform shows them"):
            self.assert_hidden(app)
        pids = app.pids()
        app.down()
        self.assertNotIn(PASSWORD.encode(), self.everything_written(app))
        self.assert_nothing_left(app, pids)

    def pid(self, app):
        """Of the holder's program, as the host sees it: inside it is the same after each start."""
        return app.service("holder")["instances"][0]["service_pid"]

    def platform_pids(self, app):
        holder = app.service("holder")["instances"][0]
        return [app.lock_holder("controller"), app.lock_holder("warden"), holder["keeper_pid"], holder["sidecar_pid"]]

    def assert_hidden(self, app):
        for pid in self.platform_pids(app):
            for what in ("cmdline", "environ"):
                content = pathlib.Path(f"/proc/{pid}/{what}").read_bytes()
                for value in VALUES:
                    self.assertNotIn(value.encode(), content, f"{what} of {pid}")
            # Memory and descriptors of a process that is not dumpable belong to root.
            self.assertEqual(pathlib.Path(f"/proc/{pid}/mem").stat().st_uid, 0)
        written = self.everything_written(app)
        shown = "".join(app.run(*words).stdout for words in (("status", "--json"), ("history", "--json"), ("config",), ("config", "--json"), ("audit", "--json"), ("logs",)))
        for value in VALUES:
            self.assertFalse(value.encode() in written, value)
            self.assertFalse(value in shown, value)

    def test_a_service_sees_its_secrets_and_nobody_else_does(self):
        self.check_seen()

    @harness.needs_root
    def test_and_so_it_is_for_an_ordinary_user(self):
        self.check_seen(user=USER)

    def test_what_a_program_prints_of_them_is_not_written_down(self):
        app = self.up()
        text = f"password={PASSWORD} token={TOKEN}\n{KEY}that is all"
        app.request("POST", "/", body=text)
        until(lambda: app.logs().count("that is all") == 2, what="the logs")
        logs = app.logs()
        self.assertIn("password=[secret db_password] token=[secret token]", logs)
        self.assertEqual(logs.count("[secret certs]"), 4)
        for value in VALUES:
            self.assertNotIn(value, logs)
        with self.subTest("nor is what an operator types"):
            app.run("exec", "holder", "--", "printenv", f"--{PASSWORD}", check=False)
            entry = [json.loads(line) for line in app.run("audit", "--json").stdout.splitlines() if "exec" in line]
            self.assertIn("--[secret db_password]", json.dumps(entry))
        self.assert_hidden(app)

    def test_what_a_program_puts_into_paths_and_telemetry_is_not_written_down(self):
        # Whom it calls prints nothing: what a program prints of another one's secrets is not known.
        app = self.up(manifest=MANIFEST.replace("    secrets:", "    calls: {other: [GET /hooks/*]}\n    secrets:", 1).replace("echo.py", "teller.py"))
        until(lambda: app.ask_collector("/api/v1/graph", may_fail=True), what="the collector")
        self.assertEqual(app.get("/leak").json, [200, 400, 403, 200, 200, 200, 200])

        def lines():
            return json.dumps(app.ask_collector("/api/v1/logs?service=holder"))

        until(lambda: "in protobuf" in lines() and "connecting with" in lines(), what="what it told")
        self.assertIn("connecting with [secret db_password]", lines())
        self.assertIn("in protobuf [secret db_password]", lines())
        paths = until(lambda: {line["path"] for line in app.records("other-1") if line.get("callee") == "other"}, what="its sidecar's records")
        self.assertIn("/hooks/[secret db_password]/x", [path.replace("*", "") for path in paths])
        traces = json.dumps([app.ask_collector(f"/api/v1/traces/{each['id']}") for each in app.ask_collector("/api/v1/traces")["traces"]])
        self.assertIn("[secret token]", traces)
        written = self.everything_written(app)
        shown = traces + lines() + json.dumps(app.ask_collector("/api/v1/graph")) + app.ask_collector("/metrics", as_text=True)
        for value in VALUES:
            self.assertFalse(value.encode() in written, value)
            self.assertFalse(value in shown, value)

    def test_a_file_that_changes_is_replaced_and_the_program_is_told(self):
        app = self.up()
        before_pid = self.pid(app)
        replace(app.directory / "db_password.txt", "another-correct-horse\n")
        until(lambda: self.saw(app)["told"] == ["SIGHUP"], what="the signal")
        seen = self.saw(app)
        self.assertEqual(seen["files"]["db_password"], "another-correct-horse\n")
        self.assertEqual((self.pid(app), app.instance("holder-1")["restarts"]), (before_pid, 0))
        with self.subTest("a directory changes as a whole"):
            (app.directory / "certs/more.pem").write_text("more\n")
            (app.directory / "certs/cert.pem").unlink()
            until(lambda: "SIGUSR1" in self.saw(app)["told"], what="the second signal")
            until(lambda: sorted(self.saw(app)["files"]) == ["api_token", "certs/key.pem", "certs/more.pem", "db_password"], what="the directory")
        with self.subTest("the former value is not written down either"):
            app.request("POST", "/", body=f"was {PASSWORD}, is another-correct-horse")
            until(lambda: "was [secret db_password], is [secret db_password]" in app.logs(), what="the log")
        with self.subTest("it is recorded"):
            self.assertIn("rotate", app.run("audit", "--json").stdout)

    def test_a_file_that_goes_takes_nothing_away(self):
        app = self.up()
        (app.directory / "db_password.txt").rename(app.directory / "elsewhere")
        until(lambda: "db_password.txt" in json.dumps(app.status().get("problems", [])), what="the problem")
        self.assertEqual(self.saw(app)["files"]["db_password"], PASSWORD + "\n")
        refused = app.run("up", "--detach", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("bulkhead.yaml:4:3: secret 'db_password'", refused.stderr)
        (app.directory / "elsewhere").rename(app.directory / "db_password.txt")
        until(lambda: not app.status().get("problems"), what="the end of the problem")

    def test_another_value_of_a_variable_replaces_the_service(self):
        app = self.up()
        holder, other = (app.instance(name)["service_pid"] for name in ("holder-1", "other-1"))
        del app.environment["THE_TOKEN"]  # another shell
        self.assertIn("already up", app.up().stdout)
        app.environment["THE_TOKEN"] = "tok-of-another-day"
        told = json.loads(app.run("up", "--dry-run", "--json").stdout)
        self.assertEqual([(e["subject"], e["kind"]) for e in told["effects"]], [("holder", "replace")])
        with harness.Load(app, "/") as load:
            app.up()
            load.goes_on()
        self.assertEqual(load.failed, 0, load.problems[:3])
        app.wait_settled()
        seen = self.saw(app)
        self.assertEqual((seen["files"]["api_token"], seen["environment"]["GIVEN_TOKEN"]), ("tok-of-another-day", "tok-of-another-day"))
        self.assertEqual([i["restarts"] for i in app.service("holder")["instances"]], [0])
        self.assertNotEqual(app.service("holder")["instances"][0]["service_pid"], holder)
        self.assertEqual(app.instance("other-1")["service_pid"], other)
        self.assertNotIn(b"tok-of-another-day", self.everything_written(app))

    def test_a_controller_that_returns_knows_them(self):
        app = self.up()
        pid = self.pid(app)
        for role in ("controller", "warden", "controller"):
            holder = app.lock_holder(role)
            harness.kill(holder)
            until(lambda: app.lock_holder(role) != holder and harness.alive(app.lock_holder(role)), what=f"another {role}")
            app.wait_settled()
        self.assertEqual((self.pid(app), self.saw(app)["told"]), (pid, []))
        app.run("restart", "holder")
        until(lambda: self.saw(app)["files"]["api_token"] == TOKEN and app.status()["settled"], what="it with its token")
        with self.subTest("a file that changed meanwhile"):
            holder = app.lock_holder("controller")
            os.kill(app.lock_holder("warden"), 19)  # stopped: nobody brings the controller back
            harness.kill(holder)
            replace(app.directory / "db_password.txt", "of-the-night\n")
            os.kill(app.lock_holder("warden"), 18)
            until(lambda: self.saw(app)["files"]["db_password"] == "of-the-night\n", what="the new content")
            until(lambda: self.saw(app)["told"] == ["SIGHUP"], what="the signal")

    def test_another_up_brings_back_what_nobody_knows_any_more(self):
        app = self.up()
        pid = self.pid(app)
        warden, controller = app.lock_holder("warden"), app.lock_holder("controller")
        os.kill(warden, 19)
        harness.kill(controller)
        harness.kill(warden)
        until(lambda: not harness.alive(controller) and not harness.alive(warden), what="the end of both")
        app.up()
        self.assertEqual(self.pid(app), pid)
        app.run("restart", "holder")
        app.wait_settled()
        seen = self.saw(app)
        self.assertNotEqual(self.pid(app), pid)
        self.assertEqual(seen["files"]["api_token"], TOKEN)

    def test_a_content_with_which_nothing_starts_stops_nothing(self):
        """Nothing is gone back to: the revision before has the same manifest, and would get the same content."""
        manifest = """
app: vault
secrets: {word: {file: ./word}}
services:
  holder:
    dir: @PROGRAMS@
    command: [/bin/sh, -c, "grep -q good /run/secrets/word && exec /usr/bin/python3 echo.py"]
    port: 8080
    secrets: [word]
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /*}, to: holder}]
"""
        app = self.application(manifest, files={"word": "good"})
        app.up()
        before = app.instance("holder-1")["service_pid"]
        replace(app.directory / "word", "bad")
        failing = lambda: [i for i in app.service("holder")["instances"] if i["restarts"] > 3]
        until(failing, 60, what="the one that does not start")
        self.assertEqual(app.get("/").status, 200)
        self.assertTrue(harness.alive(before))
        self.assertNotIn("rollback", app.run("audit", "--json").stdout)
        replace(app.directory / "word", "good again")
        app.wait_settled()
        self.assertFalse(harness.alive(before))
        with self.subTest("nor is it by an operator"):
            refused = app.run("rollback", "holder", "--to", "1", check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("by what its secrets hold", refused.stderr)

    def test_a_password_that_is_a_services_name_hides_no_service(self):
        app = self.application(MANIFEST.replace("other", "bystander"), files={"db_password.txt": "bystander\n", "certs/key.pem": KEY}, environment={"THE_TOKEN": TOKEN})
        app.up()
        self.assertEqual(app.instance("bystander-1")["state"], app.instance("holder-1")["state"])

    def test_an_upgrade_keeps_them(self):
        app = self.up()
        pid = self.pid(app)
        app.program = harness.other_build(app.program, app.directory / "new/bulkhead")
        app.run("upgrade")
        self.assertEqual(self.pid(app), pid)
        replace(app.directory / "db_password.txt", "of-another-build\n")
        until(lambda: self.saw(app)["told"] == ["SIGHUP"], what="the signal")
        app.request("POST", "/", body=f"{TOKEN} of-another-build")
        until(lambda: "[secret token] [secret db_password]" in app.logs(), what="the log")
        app.run("restart", "holder")
        app.wait_settled()
        self.assertEqual(self.saw(app)["files"]["api_token"], TOKEN)

    def test_what_is_not_there_starts_nothing(self):
        app = self.begin()
        (app.directory / "certs/key.pem").write_text("")
        del app.environment["THE_TOKEN"]
        refused = app.run("up", "--detach", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("bulkhead.yaml:5:3: secret 'token': the variable THE_TOKEN is not set where `bulkhead up` runs", refused.stderr)
        self.assertIn("certs/key.pem is empty", refused.stderr)
        self.assertFalse((app.directory / "b/run/vault").exists())


class Check(harness.Case):
    def test_it_looks_at_the_files(self):
        app = self.application(MANIFEST, files={"db_password.txt": PASSWORD, "certs/key.pem": KEY}, environment={"THE_TOKEN": TOKEN})
        (app.directory / "certs/key.pem").chmod(0o600)
        (app.directory / "db_password.txt").chmod(0o644)
        done = app.run("check")
        self.assertIn("bulkhead.yaml:4:3: warning: secret 'db_password': others than its owner have a right to", done.stdout)
        self.assertIn("(mode 0644)", done.stdout)
        self.assertNotIn("key.pem", done.stdout)
        (app.directory / "db_password.txt").unlink()
        done = app.run("check", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("bulkhead.yaml:4:3: error: secret 'db_password'", done.stdout)

    def test_a_secret_that_stands_in_the_manifest_is_refused_and_not_shown(self):
        manifest = "app: leaky\nservices:\n  web:\n    command: [/usr/bin/true]\n    environment: {DB_PASSWORD: hunter2hunter2}\n"
        app = self.application(manifest)
        done = app.run("check", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("'DB_PASSWORD' of service 'web' is a secret (by its name) that stands in the manifest", done.stderr)
        self.assertNotIn("hunter2", done.stdout + done.stderr)
        app.rewrite(manifest + "    not_secret: [DB_PASSWORD]\n")
        self.assertEqual(app.run("check").returncode, 0)

    def test_an_application_that_an_earlier_build_took_goes_on(self):
        """Its manifest holds what this build refuses: whoever says `up` hears of it, a controller that returns takes it."""
        manifest = "app: earlier\nservices:\n  web:\n    command: [/usr/bin/sleep, '1000']\n    environment: {DB_PASSWORD: @V@}\n    not_secret: [DB_PASSWORD]\n"
        app = self.application(manifest.replace("@V@", "hunter2hunter2"))
        app.up()
        pid = app.instance("web-1")["service_pid"]
        desired = app.directory / "b/state/earlier/desired.json"
        os.kill(app.lock_holder("warden"), 19)
        controller = app.lock_holder("controller")
        harness.kill(controller)
        desired.write_text(desired.read_text().replace("    not_secret: [DB_PASSWORD]\\n", ""))
        os.kill(app.lock_holder("warden"), 18)
        until(lambda: app.lock_holder("controller") != controller, what="another controller")
        app.wait_settled()
        self.assertEqual(app.instance("web-1")["service_pid"], pid)


if __name__ == "__main__":
    harness.main()
