"""Roles on the control socket, and what the audit log tells of what everybody did."""

import grp
import json
import os
import pathlib
import socket
import stat
import subprocess
import time
import unittest

import harness

# Groups and users that exist nowhere but in these processes.
VIEWERS, OPERATORS, ADMINS, STRANGERS = 61001, 61002, 61003, 61004
ANN, BEN, CAT, DAN = 62001, 62002, 62003, 62004

MANIFEST = f"""
app: roles
operators:
  viewer: ["{VIEWERS}"]
  operator: ["{OPERATORS}"]
  admin: ["{ADMINS}"]
services:
  worker:
    command: [/bin/sh, -c, "echo at work; exec sleep 1000"]
    owner: team night
    environment: {{SECRET: "${{SECRET:-none}}"}}
"""

VERBS = {"status": 1, "identity": 1, "audit": 1, "restart": 2, "scale": 2, "exec": 2, "run": 2, "forward": 2, "apply": 3, "down": 3, "watch": 1,
         "history": 1, "logs": 1, "collector": 1, "plan": 2, "rollback": 2, "upgrade": 4}
ROLES = ["none", "viewer", "operator", "admin", "launcher"]


def as_user(uid, groups, call):
    """What `call` gives in a process of that user with these supplementary groups."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            answer = call()
        except BaseException as error:  # noqa: BLE001
            answer = {"raised": repr(error)}
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text)


def request(path, content, descriptors=()):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(10)
        control.connect(str(path))
        text = json.dumps(content).encode()
        socket.send_fds(control, [len(text).to_bytes(4, "big") + text], list(descriptors))
        with control.makefile("rb") as answers:
            head = answers.read(4)
            return json.loads(answers.read(int.from_bytes(head, "big"))) if len(head) == 4 else {"closed": True}


@unittest.skipUnless(os.geteuid() == 0, "only root may become other users")
class Roles(harness.Case):
    def up(self, manifest=MANIFEST, **more):
        app = self.application(manifest, **more)
        app.up()
        app.run_directory = app.directory / "b/run" / app.name
        app.log = app.directory / "b/state" / app.name / "audit.jsonl"
        return app

    def socket_of(self, app, group):
        return app.run_directory / "operators" / str(group) / "control.sock"

    def entries(self, app):
        return [json.loads(line) for line in app.log.read_text().splitlines()]

    def test_each_role_may_do_what_it_includes_and_nothing_more(self):
        app = self.up()
        people = [(ANN, VIEWERS, 1), (BEN, OPERATORS, 2), (CAT, ADMINS, 3)]
        for uid, group, role in people:
            for verb, needed in VERBS.items():
                if verb == "down":
                    continue  # would end the test; refused ones are tried below
                with self.subTest(role=ROLES[role], verb=verb):
                    answer = as_user(uid, [group], lambda: request(self.socket_of(app, group), {"verb": verb, "service": "worker", "count": 1}))
                    refused = any(words in answer.get("error", "") for words in ("takes the role", "is for the user who started"))
                    self.assertEqual(refused, role < needed, answer)
                    if refused:
                        if ROLES[needed] == "launcher":
                            self.assertEqual(answer["error"], f"'{verb}' is for the user who started the application and for root, not for uid {uid}")
                            continue
                        self.assertEqual(answer["error"].split(";")[0], f"'{verb}' takes the role {ROLES[needed]}, and uid {uid} has the role {ROLES[role]}")
                        self.assertIn("'operators' in the manifest", answer["error"])
        for uid, group in ((ANN, VIEWERS), (BEN, OPERATORS)):
            self.assertIn("takes the role admin", as_user(uid, [group], lambda: request(self.socket_of(app, group), {"verb": "down"}))["error"])
        self.assertEqual(as_user(CAT, [ADMINS], lambda: request(self.socket_of(app, ADMINS), {"verb": "down"})), {"ok": True})
        harness.until(lambda: not app.run_directory.exists(), 20, "the end")

    def test_who_has_no_role_reaches_no_socket(self):
        app = self.up()
        for path in [app.run_directory / "control.sock", *(self.socket_of(app, g) for g in (VIEWERS, OPERATORS, ADMINS))]:
            self.assertIn("PermissionError", as_user(DAN, [STRANGERS], lambda: request(path, {"verb": "status"}))["raised"])
        # A viewer reaches no socket of another group, and the sockets of keepers and sidecars neither.
        for path in (self.socket_of(app, OPERATORS), app.run_directory / "control.sock", app.run_directory / "keepers.sock", app.run_directory / "sidecars.sock"):
            self.assertIn("PermissionError", as_user(ANN, [VIEWERS], lambda: request(path, {"verb": "status"}))["raised"])
        for group in (VIEWERS, OPERATORS, ADMINS):
            place = self.socket_of(app, group)
            self.assertEqual((stat.S_IMODE(place.stat().st_mode), place.stat().st_gid), (0o660, group))
            self.assertEqual((stat.S_IMODE(place.parent.stat().st_mode), place.parent.stat().st_gid), (0o710, group))

    def test_the_primary_group_counts_and_the_highest_role_wins(self):
        app = self.up()
        both = as_user(ANN, [VIEWERS, OPERATORS], lambda: request(self.socket_of(app, VIEWERS), {"verb": "scale", "service": "worker", "count": 1}))
        self.assertEqual(both, {"ok": True})

    def test_a_role_that_is_taken_away_is_gone_and_nothing_restarts(self):
        app = self.up()
        before = harness.until(lambda: max(0, app.instance("worker-1")["service_pid"]), 10, "its pid")
        app.manifest.write_text(app.manifest.read_text().replace(f'viewer: ["{VIEWERS}"]', f'viewer: ["{STRANGERS}"]'))
        with socket.socket(socket.AF_UNIX) as open_before:  # root's own: stays
            open_before.connect(str(app.run_directory / "control.sock"))
            app.up()
        self.assertEqual(app.instance("worker-1")["service_pid"], before)
        self.assertIn("raised", as_user(ANN, [VIEWERS], lambda: request(self.socket_of(app, VIEWERS), {"verb": "status"})))
        self.assertTrue(as_user(DAN, [STRANGERS], lambda: request(self.socket_of(app, STRANGERS), {"verb": "status"}))["ok"])

    def test_the_command_line_of_an_operator_finds_the_application(self):
        app = self.up()
        program = harness.shutil.copy(harness.BULKHEAD, app.directory / "bulkhead")

        def typed(*words):
            done = subprocess.run([program, *words, "-f", str(app.manifest)], env=app.environment, capture_output=True, text=True, timeout=60)
            return [done.returncode, done.stdout, done.stderr]

        code, out, _ = as_user(ANN, [VIEWERS], lambda: typed("status", "--json"))
        self.assertEqual((code, json.loads(out)["app"]), (0, "roles"))
        code, _, errors = as_user(ANN, [VIEWERS], lambda: typed("scale", "worker", "2"))
        self.assertEqual(code, 1)
        self.assertIn("'scale' takes the role operator", errors)
        self.assertEqual(as_user(BEN, [OPERATORS], lambda: typed("scale", "worker", "2"))[0], 0)
        code, out, _ = as_user(ANN, [VIEWERS], lambda: typed("audit", "--service", "worker"))
        self.assertEqual(code, 0)
        self.assertIn("refused: 'scale' takes the role operator", out)
        self.assertIn(f"uid {BEN} (operator)", out)

    def test_who_has_a_role_asks_the_collector_and_makes_no_token_that_outlives_it(self):
        app = self.up()
        harness.until(lambda: app.ask_collector("/api/v1/graph", may_fail=True), what="the collector")
        harness.until(lambda: app.ask_collector("/api/v1/logs")["lines"], what="a line")
        place = app.run_directory / "d/collector"
        self.assertIn("PermissionError", as_user(ANN, [VIEWERS], lambda: request(place, {}))["raised"])
        program = harness.shutil.copy(harness.BULKHEAD, app.directory / "bulkhead")

        def typed(*words):
            file = "--file" if words[0] == "logs" else "-f"
            done = subprocess.run([program, *words, file, str(app.manifest)], env=app.environment, capture_output=True, text=True, timeout=60)
            return [done.returncode, done.stdout, done.stderr]

        code, out, errors = as_user(ANN, [VIEWERS], lambda: typed("traces", "--json"))
        self.assertEqual((code, json.loads(out)["traces"]), (0, []), errors)
        code, _, errors = as_user(ANN, [VIEWERS], lambda: typed("trace", "0" * 31 + "1"))
        self.assertEqual(code, 1)
        self.assertIn("nothing is kept of the trace", errors)
        self.assertIn("edges", as_user(ANN, [VIEWERS], lambda: typed("edges", "--json"))[1])
        self.assertIn("/login?code=", as_user(ANN, [VIEWERS], lambda: typed("console"))[1])
        code, out, errors = as_user(BEN, [OPERATORS], lambda: typed("console", "--token", "3"))
        self.assertEqual((code, out), (1, ""))
        self.assertIn(f"a token for the console takes the role admin, and uid {BEN} has the role operator", errors)
        self.assertEqual(as_user(CAT, [ADMINS], lambda: typed("console", "--token", "3"))[0], 0)
        for bad in ({"target": "/metrics"}, {"target": "/api/v1/graph HTTP/1.1\r\nX: y"}, {"target": "/api/v1/graph", "method": "PUT"}, {"target": "/api/v1/events"}, {"target": 7}):
            self.assertFalse(as_user(ANN, [VIEWERS], lambda: request(self.socket_of(app, VIEWERS), {"verb": "collector", **bad}))["ok"], bad)
        self.assertIn("PermissionError", as_user(DAN, [STRANGERS], lambda: request(self.socket_of(app, VIEWERS), {"verb": "collector", "target": "/api/v1/graph"}))["raised"])

    def test_a_group_that_is_not_there_is_a_mistake(self):
        app = self.application(MANIFEST.replace(f'["{VIEWERS}"]', "[no-such-group-here]"))
        done = app.run("up", "--detach", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("bulkhead.yaml:4:12: no group is called 'no-such-group-here' on this host", done.stderr)

    def test_the_audit_log_tells_exactly_what_happened_and_no_secret(self):
        app = self.up(environment={"SECRET": "correct-horse"})
        began = time.time()
        as_user(ANN, [VIEWERS], lambda: request(self.socket_of(app, VIEWERS), {"verb": "status"}))
        for _ in range(20):  # one line for all of a minute
            as_user(ANN, [VIEWERS], lambda: request(self.socket_of(app, VIEWERS), {"verb": "scale", "service": "worker", "count": 9}))
        as_user(BEN, [OPERATORS], lambda: request(self.socket_of(app, OPERATORS), {"verb": "scale", "service": "worker", "count": 2}))
        as_user(BEN, [OPERATORS], lambda: request(self.socket_of(app, OPERATORS), {"verb": "scale", "service": "nobody", "count": 2}))
        as_user(BEN, [OPERATORS], lambda: request(self.socket_of(app, OPERATORS), {"verb": "restart", "service": "worker"}))
        as_user(CAT, [ADMINS], lambda: request(self.socket_of(app, ADMINS), {"verb": "launch-missiles"}))
        told = [(e["uid"], e["role"], e["verb"], e["service"], e["owner"], e["outcome"].split(",")[0]) for e in self.entries(app)]
        self.assertEqual(told, [
            (0, "launcher", "apply", "", "", "done"),
            (ANN, "viewer", "scale", "worker", "team night", "refused: 'scale' takes the role operator"),
            (BEN, "operator", "scale", "worker", "team night", "done"),
            (BEN, "operator", "scale", "nobody", "", "failed: no service is called 'nobody'"),
            (BEN, "operator", "restart", "worker", "team night", "done"),
            (CAT, "admin", "launch-missiles", "", "", "refused: unknown verb 'launch-missiles'"),
        ])
        first, refused, scaled = self.entries(app)[:3]
        self.assertEqual(first["user"], "root")
        self.assertEqual(sorted(first["details"]), ["manifest", "text"])
        self.assertTrue(first["details"]["text"].startswith("sha256:"))
        self.assertEqual((refused["details"], scaled["details"]), ({"count": 9}, {"count": 2}))
        self.assertLess(abs(began - harness_time(scaled["time"])), 60)
        self.assertEqual(stat.S_IMODE(app.log.stat().st_mode), 0o600)
        self.assertNotIn("correct-horse", app.log.read_text())
        # It outlives the application, and can be read then.
        app.down()
        shown = app.run("audit", "--json").stdout.splitlines()
        self.assertEqual(json.loads(shown[-1])["verb"], "down")
        self.assertEqual(len(shown), 7)
        self.assertIn("no service is called", app.run("audit", "--since", "1h", "--service", "nobody").stdout)
        self.assertEqual(app.run("audit", "--since", "soon", check=False).returncode, 2)

    def test_one_user_can_not_take_all_connections(self):
        app = self.up()

        def open_many():
            held = []
            for _ in range(300):
                control = socket.socket(socket.AF_UNIX)
                control.connect(str(self.socket_of(app, VIEWERS)))
                held.append(control)
            text = b'{"verb":"identity","service":"worker"}'
            answered = 0
            for control in held:
                try:
                    control.sendall(len(text).to_bytes(4, "big") + text)
                    answered += len(control.recv(4)) == 4
                except OSError:
                    pass
            for control in held:
                control.close()
            return answered

        self.assertEqual(as_user(ANN, [VIEWERS], open_many), 128)
        self.assertTrue(as_user(BEN, [OPERATORS], lambda: request(self.socket_of(app, OPERATORS), {"verb": "status"}))["ok"])
        self.assertTrue(as_user(ANN, [VIEWERS], lambda: request(self.socket_of(app, VIEWERS), {"verb": "status"}))["ok"])

    def test_an_ordinary_launcher_has_operators_where_it_can(self):
        own = grp.getgrnam("games").gr_gid
        manifest = MANIFEST.replace(f'viewer: ["{VIEWERS}"]', f'viewer: ["{own}"]')
        app = self.up(manifest, user="games")
        self.assertTrue(as_user(ANN, [own], lambda: request(self.socket_of(app, own), {"verb": "status"}))["ok"])
        self.assertIn("takes the role operator", as_user(ANN, [own], lambda: request(self.socket_of(app, own), {"verb": "restart", "service": "worker"}))["error"])
        problems = app.status()["problems"]
        for group in (OPERATORS, ADMINS):
            self.assertTrue(any(p.startswith(f"the group '{group}' has a role and no socket") and "only root, or a member of the group, can give it one" in p for p in problems), problems)
            self.assertFalse(self.socket_of(app, group).exists())
        # Its other sockets and files are closed to them as before.
        for name in ("control.sock", "keepers.sock", "sidecars.sock", "instances.json"):
            self.assertEqual(as_user(ANN, [own], lambda: os.access(app.run_directory / name, os.R_OK) or os.access(app.run_directory / name, os.W_OK)), False, name)

    def test_the_application_of_root_is_found_where_it_always_is(self):
        app = self.application(MANIFEST.replace("app: roles", f"app: roles-{os.getpid()}"))
        del app.environment["BULKHEAD_DIR"]
        program = harness.shutil.copy(harness.BULKHEAD, app.directory / "bulkhead")
        state, run = (pathlib.Path(base) / "bulkhead" / f"roles-{os.getpid()}" for base in ("/var/lib", "/run"))
        self.addCleanup(harness.shutil.rmtree, state, ignore_errors=True)
        self.addCleanup(app.run, "down", check=False)
        app.up()
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_COLOR": "1"}

        def typed(*words):
            done = subprocess.run([program, *words, "-f", str(app.manifest)], env=environment, capture_output=True, text=True, timeout=60)
            return [done.returncode, done.stdout + done.stderr]

        self.assertEqual(as_user(ANN, [VIEWERS], lambda: typed("status"))[0], 0)
        self.assertEqual(as_user(DAN, [STRANGERS], lambda: typed("status"))[0], 3)
        harness.until(lambda: "at work" in app.run("logs", "worker", check=False).stdout, 10, "a line")
        self.assertIn("| at work\n", as_user(ANN, [VIEWERS], lambda: typed("logs", "worker"))[1])
        self.assertEqual(as_user(ANN, [VIEWERS], lambda: typed("logs", "nobody")), [1, "bulkhead: 'nobody' has not run, or is no service or instance\n"])
        code, said = as_user(BEN, [OPERATORS], lambda: typed("down"))
        self.assertEqual(code, 1)
        self.assertIn("'down' takes the role admin", said)
        code, said = as_user(CAT, [ADMINS], lambda: typed("up", "--detach"))
        self.assertEqual(code, 0, said)
        self.assertIn("is already up", said)
        code, said = as_user(CAT, [ADMINS], lambda: typed("down", "--volumes"))
        self.assertEqual((code, said), (1, "bulkhead: the volumes are the launcher's: only that user and root can remove them\n"))
        code, said = as_user(CAT, [ADMINS], lambda: typed("down"))
        self.assertEqual(code, 0, said)
        harness.until(lambda: not run.exists(), 10, "the end")

    def test_a_full_disk_is_shown_and_stops_nothing(self):
        app = self.up(disk="24m")
        app.fill_disk()
        for _ in range(40):  # the file's last page has room for some
            answer = as_user(BEN, [OPERATORS], lambda: request(self.socket_of(app, OPERATORS), {"verb": "restart", "service": "worker"}))
            self.assertEqual(answer, {"ok": True})
        harness.until(lambda: any("the audit log could not be written" in p for p in app.status().get("problems", [])), 10, "the problem in status")
        app.empty_disk()
        as_user(BEN, [OPERATORS], lambda: request(self.socket_of(app, OPERATORS), {"verb": "restart", "service": "worker"}))
        self.assertFalse(any("audit log" in p for p in app.status().get("problems", [])))
        for line in app.log.read_text().splitlines():
            json.loads(line)


def harness_time(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


if __name__ == "__main__":
    harness.main()
