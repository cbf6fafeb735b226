"""One manifest of several files: laid over each other, picked up by itself, included from another directory."""

import json
import os
import signal
import subprocess
import urllib.parse

import harness

SHOP = """
app: several
include: {file: payments/bulkhead.yaml, prefix: pay-}
services:
  front:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: front, SECRET: "${HANDED_ON}"}
    calls: {pay-api: [GET /*]}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /api/*}, to: front, rewrite: /}, {match: {path: /pay/*}, to: pay-api, rewrite: /}]
"""
# A whole application by itself; its programs call each other by the names that they have here.
PAYMENTS = """
app: payments
owner: team money
services:
  api:
    command: [/usr/bin/python3, echo.py]
    port: 8080
    env_file: api.env
    calls: {ledger: [GET /entries/*]}
  ledger:
    dir: ../payments
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: the ledger}
gateway: {routes: [{to: api}]}
"""
OVERRIDE = """
services:
  front:
    environment: {NAME: another front}
"""
ECHO = (harness.PROGRAMS / "echo.py").read_text()


def application(case, **more):
    files = {"payments/bulkhead.yaml": PAYMENTS, "payments/api.env": "NAME=the payments\n", "payments/echo.py": ECHO,
             "bulkhead.override.yaml": OVERRIDE, **more}
    return case.application(SHOP, files=files, environment={"HANDED_ON": "hunter2"})


def run(app, *words, directory=None, code=0, **more):
    """As a person in the manifest's directory types it, without -f."""
    done = subprocess.run([app.program, *words], env=app.environment, cwd=directory or app.directory, capture_output=True, text=True,
                          timeout=180, stdin=None if "input" in more else subprocess.DEVNULL, **more)
    if done.returncode != code:
        raise AssertionError(f"{' '.join(words)} gave {done.returncode}\n{done.stdout}\n{done.stderr}\n{app.platform_log()}")
    return done


class Files(harness.Case):
    def test_an_included_service_runs_under_its_new_name_and_is_called_by_the_old_one(self):
        app = application(self)
        run(app, "up", "--detach")

        with self.subTest("the override was picked up"):
            self.assertEqual(app.get("/api/x").json["service"], "another front")
        with self.subTest("its env_file and its directory are those of the included file"):
            self.assertEqual(app.get("/pay/x").json["service"], "the payments")
        for name in ("ledger", "ledger:8080", "pay-ledger"):
            with self.subTest("an unmodified program dials", name=name):
                answer = app.get("/pay/call?" + urllib.parse.urlencode({"url": f"http://{name}/entries/1"})).json
                self.assertEqual(answer["status"], 200, answer)
                self.assertEqual(json.loads(answer["body"])["service"], "the ledger")
        with self.subTest("a denial names the file in which the caller is declared, and the owner"):
            answer = app.get("/pay/call?" + urllib.parse.urlencode({"url": "http://ledger/other"})).json
            self.assertEqual(answer["status"], 403)
            self.assertIn("payments/bulkhead.yaml:5", answer["body"])
            self.assertIn("team money", answer["body"])
        with self.subTest("and nothing else resolves"):
            answer = app.get("/api/call?" + urllib.parse.urlencode({"url": "http://ledger/entries/1"})).json
            self.assertNotEqual(answer.get("status"), 200, answer)

        with self.subTest("a controller that comes back reads the same, although the files are others"):
            (app.directory / "payments/bulkhead.yaml").write_text("services: [")
            (app.directory / "bulkhead.override.yaml").unlink()
            killed, before = app.lock_holder("controller"), app.pids()
            os.kill(killed, signal.SIGKILL)
            harness.until(lambda: app.lock_holder("controller") != killed and app.status().get("settled"), 20, "the controller's return")
            self.assertEqual(app.pids(), before)
            self.assertEqual(app.get("/api/x").json["service"], "another front")
        with self.subTest("a manifest with a mistake still tells which application is meant"):
            run(app, "down")

    def test_every_command_takes_several_files(self):
        app = application(self)
        files = ["-f", "bulkhead.yaml", "-f", "bulkhead.override.yaml"]
        for words, code in ((["check"], 0), (["graph"], 0), (["config"], 0), (["reach", "front"], 0), (["status"], 3), (["identity", "front"], 3),
                            (["restart", "front"], 3), (["scale", "front", "2"], 3), (["down"], 0), (["logs"], 1), (["logs", "front"], 1)):
            with self.subTest(words):
                run(app, *words, *files, code=code)
        self.assertIn("bulkhead up -f bulkhead.yaml -f bulkhead.override.yaml", run(app, "status", *files, code=3).stderr)

    def test_logs_tells_its_two_f_apart(self):
        app = application(self)
        files = ["-f", "bulkhead.yaml", "-f", "bulkhead.override.yaml"]
        run(app, "up", "--detach")
        self.assertIn("front-1", run(app, "logs", *files, "front").stdout)
        for words in (["-f"], [*files, "-f"], ["-f", *files], ["front", "-f"]):
            with self.subTest(words):
                follower = subprocess.Popen([app.program, "logs", *words], env=app.environment, cwd=app.directory, stdout=subprocess.PIPE, text=True)
                self.assertIn("front-1", follower.stdout.readline() + follower.stdout.readline() + follower.stdout.readline())
                self.assertIsNone(follower.poll())
                follower.terminate()
                follower.communicate()

    def test_the_override_is_of_the_manifest_that_nobody_names(self):
        app = application(self)
        self.assertIn("another front", run(app, "config").stdout)
        self.assertIn("bulkhead.yaml with bulkhead.override.yaml is valid", run(app, "check").stdout)
        self.assertNotIn("another front", run(app, "config", "-f", "bulkhead.yaml").stdout)
        self.assertNotIn("another front", run(app, "config", "-f", str(app.manifest), directory="/").stdout)

    def test_up_says_what_it_read_and_counts_the_warnings_of_every_file(self):
        app = application(self, **{"bulkhead.override.yaml": OVERRIDE + "  lone: {dir: payments, command: [/usr/bin/python3, echo.py], port: 8080, environment: {NAME: lone}}\n"})
        warned = run(app, "check").stdout
        self.assertIn("nobody calls service 'lone'", warned)
        said = run(app, "up", "--detach").stdout
        self.assertIn("with bulkhead.override.yaml, which lies beside it\n", said)
        count = len([line for line in warned.splitlines() if ": warning: " in line])
        self.assertIn(f"{count} warning", said)

    def test_config_says_where_each_value_is_from_and_can_be_read_again(self):
        app = application(self)
        shown = run(app, "config").stdout
        self.assertIn("NAME: another front  # bulkhead.override.yaml:4\n", shown)
        self.assertIn("owner: team money  # payments/bulkhead.yaml:3\n", shown)
        self.assertIn("SECRET: ${HANDED_ON}  # bulkhead.yaml:9\n", shown)
        for secret in ("hunter2", "the payments"):
            self.assertNotIn(secret, shown)
        again = run(app, "graph", "--json", "-f", "-", input=shown)
        without = lambda text: [(e["id"], e["permissions"] and e["permissions"][0]["text"], e.get("as")) for e in json.loads(text)["edges"]]
        self.assertEqual(without(again.stdout), without(run(app, "graph", "--json").stdout))
        self.assertIn("standard input is valid", run(app, "check", "-f", "-", input=shown).stdout)

        self.assertIn("bulkhead up -f -", run(app, "status", "-f", "-", input=shown, code=3).stderr)

        value = json.loads(run(app, "config", "--json").stdout)
        self.assertEqual(value["files"], ["bulkhead.yaml", "bulkhead.override.yaml", "payments/bulkhead.yaml"])
        self.assertEqual(value["manifest"]["services"]["pay-api"]["dir"], "payments")
        self.assertEqual(value["origins"]["/services/front/environment/NAME"], {"file": "bulkhead.override.yaml", "line": 4, "column": 25})
        run(app, "check", "-f", "-", input=json.dumps(value["manifest"]))

    def test_mistakes_name_the_file(self):
        app = application(self)
        (app.directory / "payments/bulkhead.yaml").write_text(PAYMENTS.replace("ledger: [GET", "legder: [GET"))
        (app.directory / "bulkhead.override.yaml").write_text("services:\n  front:\n    scale: many\n")
        done = run(app, "check", code=2)
        self.assertIn("bulkhead.override.yaml:3:12: error: 'scale'", done.stderr)
        self.assertIn("payments/bulkhead.yaml:9:13: error: no service is named 'legder'", done.stderr)
        self.assertIn("2 mistakes in bulkhead.yaml with bulkhead.override.yaml", done.stderr)
        findings = json.loads(run(app, "check", "--json", code=2).stdout)["findings"]
        self.assertEqual({f["file"] for f in findings}, {"bulkhead.override.yaml", "payments/bulkhead.yaml"})
        done = run(app, "up", "--detach", "-f", "bulkhead.yaml", "-f", "nowhere.yaml", code=2)
        self.assertIn("nowhere.yaml", done.stderr)
        done = run(app, "check", "-f", "bulkhead.yaml", "-f", "bulkhead.yaml", code=2)
        self.assertIn("named twice", done.stderr)


if __name__ == "__main__":
    harness.main()
