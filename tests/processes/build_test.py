"""Building before the start, and an `up` of some services."""

import signal
import subprocess

import harness
from harness import until

# The "compiler" counts its runs, and writes a program beside its source.
MAKE = """#!/bin/sh
echo run >>"$RUNS/$1"
echo "making $1"
grep -q MISTAKE $1.txt && { echo "$1.txt: no such word: MISTAKE" >&2; exit 3; }
{ echo '#!/bin/sh'; echo "echo $(cat $1.txt)"; echo 'exec sleep 1000'; } >$1.new
chmod +x $1.new
mv $1.new $1
"""
MANIFEST = """
app: build
services:
  web:
    dir: web
    command: [./web]
    build: ../make web@MORE@
  api: {dir: api, command: [./api, one], build: [../make, api]}
  twin: {dir: api, command: [./api, two], build: [../make, api]}
  plain:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    environment: {VERSION: plain}
"""
CALLS = """
app: named
services:
  front:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    environment: {VERSION: front}
    calls: [back]
  back:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    environment: {VERSION: back@LEVEL@}
    depends_on: [base]
  base: {command: [/bin/sleep, "1000"]}
  other: {command: [/bin/sleep, "1000"], environment: {LEVEL: "other@LEVEL@"}}
  unbuilt: {command: [./unbuilt], build: exit 1}
  traced: {command: [/bin/sleep, "1000"], profiles: [debug]}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /front}, to: front, rewrite: /}]
"""


class Builds(harness.Case):
    def begin(self, **more):
        app = self.application(MANIFEST.replace("@MORE@", ""), files={"make": MAKE, "web/web.txt": "web one", "api/api.txt": "api one", "runs/.gitignore": "*"}, **more)
        app.environment["RUNS"] = str(app.directory / "runs")
        (app.directory / "runs").chmod(0o777)
        return app

    def times(self, app, name):
        path = app.directory / "runs" / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    def pids(self, app):
        return {s["name"]: sorted(i["service_pid"] for i in s["instances"]) for s in app.status()["services"]}

    def said(self, app, text):
        until(lambda: text in app.logs(), what=f"'{text}' in the logs")

    def test_a_build_runs_when_its_inputs_change_and_replaces_its_service(self):
        app = self.begin()
        told = app.run("up", "--dry-run").stdout
        self.assertIn("~ web: would be built, as it was not built here before\n", told)
        self.assertEqual(self.times(app, "web"), 0, "it was only told")
        first = app.up().stdout
        self.assertIn("~ web: is built, as it was not built here before\n", first)
        self.assertIn("web              | making web\n", first)
        self.assertIn("api and twin     | making api\n", first)
        self.assertEqual((self.times(app, "web"), self.times(app, "api")), (1, 1), "what two share is built once")
        self.said(app, "web one")
        before = self.pids(app)

        self.assertIn("is already up", app.up().stdout)
        self.assertEqual((self.times(app, "web"), self.times(app, "api")), (1, 1), "nothing had changed")
        self.assertEqual(self.pids(app), before)

        (app.directory / "web/web.txt").write_text("web two")
        told = app.run("up", "--dry-run").stdout
        self.assertIn("~ web: would be built, as web.txt has changed\n~ web: is replaced (1 instance)\n    its files have changed\n", told)
        self.assertEqual(self.pids(app), before)
        self.assertIn("~ web: is built, as web.txt has changed\n", app.up().stdout)
        self.said(app, "web two")
        after = self.pids(app)
        self.assertNotEqual(after.pop("web"), before.pop("web"))
        self.assertEqual(after, before, "only what was built anew is replaced")
        self.assertEqual((self.times(app, "web"), self.times(app, "api")), (2, 1))

        (app.directory / "web/web").unlink()
        self.assertIn("~ web: is built, as web is gone\n", app.up().stdout)
        self.assertEqual(self.times(app, "web"), 3)
        app.rewrite(MANIFEST.replace("@MORE@", " && true"))
        self.assertIn("~ web: is built, as it was not built here before\n", app.up().stdout)

    def copies(self, app):
        return list((app.directory / "b/state/build/programs").glob("*.list"))

    def starts(self, app, word):
        """How many instances of web have begun with this word."""
        return app.run("logs", "web", check=False).stdout.count(word)

    def test_what_goes_back_starts_with_the_files_that_it_had(self):
        self.check_files_of_then()

    @harness.needs_root
    def test_what_goes_back_for_an_ordinary_user_starts_with_the_files_that_it_had(self):
        self.check_files_of_then(user="games")

    def check_files_of_then(self, **more):
        app = self.begin(**more)
        app.up()
        self.said(app, "web one")
        until(lambda: len(self.copies(app)) == 2, what="a copy of web's files, and of api's and twin's")
        app.rewrite(MANIFEST.replace("{VERSION: plain}", "{VERSION: other}").replace("@MORE@", ""))
        app.up()
        (app.directory / "web/web.txt").write_text("web two")
        app.up()
        self.said(app, "web two")
        until(lambda: len(self.copies(app)) == 3, what="a copy of the second one's")
        self.assertNotIn("lie there now", app.run("rollback", "plain").stdout + app.run("rollback", "web").stdout)
        harness.kill(app.service("web")["instances"][0]["service_pid"])
        until(lambda: app.status()["settled"] and app.service("web")["instances"][0]["restarts"] == 1, what="another instance")
        until(lambda: self.starts(app, "web one") == 3, what="three that said the first version's word")
        self.assertEqual(self.starts(app, "web two"), 1)
        self.assertIn("web two", (app.directory / "web/web").read_text(), "what lies there is what was built last")
        # A controller that returns knows where they are, and the next `up` starts what lies there.
        harness.kill(app.lock_holder("controller"))
        until(lambda: app.status().get("settled"), what="the controller's return")
        harness.kill(app.service("web")["instances"][0]["service_pid"])
        until(lambda: self.starts(app, "web one") == 4, what="and again")
        app.up()
        until(lambda: self.starts(app, "web two") == 2, what="the second version")

    def test_a_program_that_fails_goes_back_to_the_files_that_were_well(self):
        app = self.begin()
        app.up()
        until(lambda: len(self.copies(app)) == 2, what="the copies")
        (app.directory / "web/web.txt").write_text("x; exit 9")
        failed = app.run("up", "--detach", check=False)
        self.assertEqual(failed.returncode, 4, failed.stdout + failed.stderr)
        self.assertIn("went back to 1", app.service("web")["pinned"])
        self.assertNotIn("the files of now", app.service("web")["pinned"])
        harness.kill(app.service("web")["instances"][0]["service_pid"])
        until(lambda: self.starts(app, "web one") == 2, what="a new instance of the first version")

    def test_files_that_are_not_kept_are_said(self):
        app = self.begin()
        app.up()
        until(lambda: len(self.copies(app)) == 2, what="the copies")
        for each in self.copies(app):
            each.unlink()
        (app.directory / "web/web.txt").write_text("web two")
        app.up()
        self.assertIn("its files are not kept: there is no copy of them", app.run("history", "web").stdout)
        self.assertIn("  but its program's files are those that lie there now: there is no copy of them\n", app.run("rollback", "web").stdout)
        self.assertIn("rollback to 1, with the files of now", app.service("web")["pinned"])

    def test_a_build_that_fails_changes_nothing(self):
        app = self.begin()
        (app.directory / "web/web.txt").write_text("MISTAKE")
        failed = app.run("up", "--detach", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("web              | web.txt: no such word: MISTAKE\n", failed.stdout)
        self.assertIn("bulkhead: the build of web failed: exited with 3\n", failed.stderr)
        self.assertFalse((app.directory / "b/run/build").exists(), "nothing was started")
        (app.directory / "web/web.txt").write_text("web one")
        app.up()
        before = self.pids(app)
        (app.directory / "web/web.txt").write_text("MISTAKE")
        app.rewrite(MANIFEST.replace("@MORE@", "\n    owner: me"))
        self.assertEqual(app.run("up", "--detach", check=False).returncode, 1)
        self.assertEqual(self.pids(app), before)
        self.assertEqual(app.service("web")["owner"], "", "nothing of it is applied")

    def test_what_cannot_be_run_is_told(self):
        app = self.begin()
        app.rewrite(MANIFEST.replace("@MORE@", "").replace("../make web", "[no-such-compiler, web]"))
        failed = app.run("up", "--detach", check=False)
        self.assertIn('the build of web failed: no program "no-such-compiler" in PATH', failed.stderr)
        app.rewrite(MANIFEST.replace("@MORE@", "").replace("dir: web\n", "dir: wed\n"))
        failed = app.run("up", "--detach", check=False)
        self.assertIn(f"the build of web failed: there is no directory {app.directory}/wed", failed.stderr)

    def test_an_interrupted_build_ends_with_all_that_it_started(self):
        app = self.begin()
        app.rewrite(MANIFEST.replace("@MORE@", "").replace("../make web", "sleep 1234 & echo $$$$ && sleep 1234"))
        up = subprocess.Popen([app.program, "up", "-f", str(app.manifest)], env=app.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        shell = next(int(line.split("|")[1]) for line in up.stdout if line.startswith("web  ") and "|" in line)
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=30)
        self.assertEqual(up.returncode, 1)
        until(lambda: not harness.alive(shell), what="the end of the build")
        self.assertEqual(app.leftovers(), [])

    @harness.needs_root
    def test_an_ordinary_user_builds_as_themselves(self):
        app = self.begin(user="games")
        app.up()
        self.assertEqual((app.directory / "web/web").owner(), "games")
        self.said(app, "web one")
        self.assertIn("is already up", app.up().stdout)
        self.assertEqual(self.times(app, "web"), 1)


class Named(harness.Case):
    def manifest(self, level=""):
        return CALLS.replace("@LEVEL@", level)

    def running(self, app):
        return {s["name"]: [i["service_pid"] for i in s["instances"]] for s in app.status()["services"]}

    def test_the_services_that_are_named_start_with_what_they_call(self):
        app = self.application(self.manifest())
        dry = app.run("up", "--dry-run", "back").stdout
        self.assertIn("nothing is running: back, base would be started\n", dry)
        app.run("up", "--detach", "back")
        self.assertEqual(sorted(self.running(app)), ["back", "base"])
        status = app.run("status").stdout
        self.assertIn("not started: front, other, unbuilt; bulkhead up starts everything", status)
        self.assertIn("'other' was not started: bulkhead up other", app.run("restart", "other", check=False).stderr)
        before = self.running(app)

        app.run("up", "--detach", "gateway")
        self.assertEqual(sorted(self.running(app)), ["back", "base", "front", "gateway"])
        self.assertEqual(app.get("/front").text, "front")
        for name in ("back", "base"):
            self.assertEqual(self.running(app)[name], before[name])

        # What else runs stays as it is, though the manifest says something else by now.
        app.run("up", "--detach", "other")
        before = self.running(app)
        app.rewrite(self.manifest(" two"))
        said = app.run("up", "--detach", "back").stdout
        self.assertIn("~ back: is replaced", said)
        self.assertNotIn("other", [line.split(":")[0] for line in said.splitlines()])
        after = self.running(app)
        self.assertNotEqual(after.pop("back"), before.pop("back"))
        self.assertEqual(after, before)
        kept = app.ask("history", service="back")["services"][0]["revisions"][-1]
        self.assertEqual(kept["why"], "up back")
        entries = app.ask("audit")["entries"]
        self.assertEqual([e["details"]["names"] for e in entries if e["verb"] == "apply"], [["back"], ["gateway"], ["other"], ["back"]])

        app.rewrite(self.manifest(" two").replace("build: exit 1", "build: \"printf '#!/bin/sh\\nexec sleep 1000' >unbuilt; chmod +x unbuilt\""))
        said = app.up().stdout
        self.assertIn("~ other: is replaced", said)
        self.assertEqual(sorted(self.running(app)), ["back", "base", "front", "gateway", "other", "unbuilt"])

    def test_what_went_back_and_is_left_alone_is_no_failure(self):
        app = self.application(self.manifest())
        app.run("up", "--detach", "other", "base")
        app.rewrite(self.manifest(" two"))
        app.run("up", "--detach", "other")
        app.run("rollback", "other")
        app.wait_settled()
        before = self.running(app)
        app.run("up", "--detach", "back")
        self.assertEqual(self.running(app)["other"], before["other"])
        self.assertIn("rollback to 1", app.service("other")["pinned"])

    def test_a_controller_that_returns_knows_who_was_named(self):
        app = self.application(self.manifest())
        app.run("up", "--detach", "back")
        before = self.running(app)
        harness.kill(app.lock_holder("controller"))
        until(lambda: app.status().get("settled"), what="the controller's return")
        self.assertEqual(self.running(app), before)

    def test_a_service_that_was_not_named_is_started_by_its_scale(self):
        app = self.application(self.manifest())
        app.run("up", "--detach", "base")
        app.run("scale", "other", "1")
        app.wait_settled()
        self.assertEqual(sorted(self.running(app)), ["base", "other"])

    def test_unknown_names_are_refused(self):
        app = self.application(self.manifest())
        for name, why in (("bakc", "no service is named 'bakc'; did you mean 'back'?"), ("traced", "service 'traced' is of no profile that is active"),
                          ("zzzzz", "no service is named 'zzzzz'; there are front, back, base, other, unbuilt, gateway")):
            refused = app.run("up", "--detach", name, check=False)
            self.assertEqual(refused.returncode, 2)
            self.assertIn(why, refused.stderr)
        self.assertFalse((app.directory / "b/run/named").exists())


if __name__ == "__main__":
    harness.main()
