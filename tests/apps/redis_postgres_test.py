"""Redis and PostgreSQL as Debian ships them, behind raw TCP, and a web application that uses both."""

import os
import pathlib
import subprocess
import sys
import threading

import harness
from harness import until

HERE = pathlib.Path(__file__).resolve().parent
NEEDED = ["/usr/bin/redis-server", "/usr/bin/redis-benchmark", "/usr/lib/postgresql/15/bin/initdb", "/usr/bin/pgbench"]

MANIFEST = """
app: stall
secrets:
  password: {file: ./password}
services:
  redis:
    command: [/usr/bin/redis-server, --dir, /data, --appendonly, "yes", --save, "", --protected-mode, "no"]
    port: 6379
    protocol: tcp
  db:
    dir: @HERE@/stall
    command: [/bin/sh, postgres.sh]
    port: 5432
    protocol: tcp
    environment: {PGDATA: /data/postgres}
    secrets: [{source: password, env: POSTGRES_PASSWORD}]
  digest:
    dir: @HERE@/stall
    command: [/usr/bin/python3, digest.py]
    port: 9000
    protocol: tcp
  vault:
    command: [/usr/bin/redis-server, --save, "", --protected-mode, "no"]
    port: 6379
    protocol: tcp
  web:
    dir: @HERE@/stall
    command: [/usr/bin/python3, web.py]
    port: 8080
    environment:
      REDIS_URL: redis://redis:6379/0
      DATABASE_URL: postgres://postgres:salt@db:5432/postgres
    not_secret: [DATABASE_URL]
    calls: [redis, db, digest]
  pgbench:
    type: job
    command: [/bin/sh, -c, "pgbench -i -q && pgbench -c 8 -j 2 -t 100 -S && psql -c 'select count(*) from pgbench_accounts'"]
    environment: {PGHOST: db, PGUSER: postgres, PGDATABASE: postgres}
    secrets: [{source: password, env: PGPASSWORD}]
    calls: [db]
    depends_on: {db: ready}
    profiles: [load]
  redis-benchmark:
    type: job
    command: [/usr/bin/redis-benchmark, -h, redis, -c, "50", -n, "20000", -P, "8", -q, -t, "set,get,lpush"]
    calls: [redis]
    depends_on: {redis: ready}
    profiles: [load]
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{to: web}]
""".replace("@HERE@", str(HERE))


class Stall(harness.Case):
    def tries(self, app, name):
        answer = app.get("/try/" + name, timeout=120)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def test_a_web_application_with_redis_and_postgresql(self):
        app = self.application(MANIFEST, files={"password": "salt"})
        app.up()
        for choice in ("cats", "dogs", "cats"):
            answer = app.request("POST", f"/vote?for={choice}")
            self.assertEqual(answer.status, 200, answer.text)
        expected = {"booked": {"cats": 2, "dogs": 1}, "counted": {"cats": 2, "dogs": 1}}
        self.assertEqual(app.get("/votes").json, expected)

        with self.subTest("publish and subscribe"):
            self.assertIs(self.tries(app, "publishes_and_subscribes"), True)
        with self.subTest("listen and notify"):
            self.assertEqual(self.tries(app, "listens_and_notifies"), ["it works"])
        with self.subTest("many connections at once"):
            self.assertEqual(self.tries(app, "opens_64_connections_at_once"), 64)
        with self.subTest("50 MB as one value"):
            self.assertIs(self.tries(app, "stores_50_megabytes"), True)
        with self.subTest("a half-closed connection still carries the answer"):
            self.assertIs(self.tries(app, "half_closes"), True)
        with self.subTest("what the server says last arrives"):
            self.assertIn("password authentication failed", self.tries(app, "sees_a_refused_login"))
            self.assertRegex(self.tries(app, "loses_a_connection_when_the_server_ends_it"), "terminating connection|server closed")
        with self.subTest("an idle connection stays"):
            self.assertIs(self.tries(app, "keeps_a_connection_idle"), True)
        with self.subTest("a server that is started again is found again, with what it kept"):
            app.run("restart", "redis")
            self.assertEqual(app.get("/try/counts").json, {"cats": 2, "dogs": 1})
        self.undeclared(app)

        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)
        app.up()
        with self.subTest("data survives"):
            self.assertEqual(app.get("/votes").json, expected)

    def undeclared(self, app):
        dials = self.tries(app, "dials_what_is_not_declared")
        with self.subTest("a dial that is not declared is refused at once, and there is a record"):
            self.assertEqual(dials["vault:6379"]["outcome"], "unknown name")
            for other in ("redis:6380", "by address", "outside"):
                self.assertIn(dials[other]["outcome"], ("ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH"), other)
            for dialled in dials.values():
                self.assertLess(dialled["seconds"], 2)
            until(lambda: "192.0.2.7" in str(app.records("web-1")), 10, "a record of the dial")
            self.assertIn("vault", str(app.records("web-1")))

    def test_an_operator_looks_into_the_database(self):
        app = self.application(MANIFEST, files={"password": "salt"})
        app.up()
        self.assertEqual(app.request("POST", "/vote?for=owls").status, 200)
        question, login = "select 6 * 7", {"PGUSER": "postgres", "PGPASSWORD": "salt", "PGDATABASE": "postgres", "PGCONNECT_TIMEOUT": "10"}

        def answer(words, environment):
            done = subprocess.run(words, env={**app.environment, **environment}, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
            return done.stdout.strip() or done.stderr

        def forwarded(*words):
            process = subprocess.Popen([str(app.program), "forward", "-f", str(app.manifest), "db", *words], env=app.environment, stdout=subprocess.PIPE, text=True)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            self.addCleanup(process.stdout.close)
            return process.stdout.readline().split(" leads to ")[0]

        with self.subTest("psql of the host, over a port of its loopback"):
            host, port = forwarded("5432").rsplit(":", 1)
            self.assertEqual(answer(["psql", "-Atc", question], {**login, "PGHOST": host, "PGPORT": port}), "42")
        with self.subTest("and over a Unix socket"):
            forwarded("5432", "--unix", str(app.directory / ".s.PGSQL.5432"))
            self.assertEqual(answer(["psql", "-Atc", question], {**login, "PGHOST": str(app.directory)}), "42")
        with self.subTest("psql inside"):
            self.assertEqual(answer([str(app.program), "exec", "-f", str(app.manifest), "db", "--", "env", "PGPASSWORD=salt", "psql", "-h", "127.0.0.1", "-U", "postgres", "-Atc", question], {}), "42")
        with self.subTest("psql as the service that may call it, and as one that may not"):
            program = ["env", "PGPASSWORD=salt", "PGCONNECT_TIMEOUT=5", "psql", "-h", "db", "-U", "postgres", "-Atc", question]
            self.assertEqual(answer([str(app.program), "run", "-f", str(app.manifest), "--beside", "web", "--", *program], {}), "42")
            self.assertIn("could not translate host name", answer([str(app.program), "run", "-f", str(app.manifest), "--beside", "redis", "--", *program], {}))

    def test_the_load_programs_of_both_projects(self):
        app = self.application(MANIFEST, files={"password": "salt"})
        app.run("up", "--detach", "--profile", "load")
        until(lambda: "processed: 800/800" in app.run("logs", "pgbench", check=False).stdout, 90, "the end of pgbench")
        until(lambda: "100000\n" in app.run("logs", "pgbench", check=False).stdout, 20, "the answer to psql")
        until(lambda: "LPUSH: " in app.run("logs", "redis-benchmark", check=False).stdout, 60, "the end of redis-benchmark")


if __name__ == "__main__":
    for path in NEEDED:
        if not os.path.exists(path):
            print(f"skipped: {path} is not installed (scripts/packages-test.txt)")
            sys.exit(harness.SKIPPED)
    harness.main()
