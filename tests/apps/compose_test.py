"""A Compose file of five services, converted, edited only as the tool said, and run with PostgreSQL and Redis of Debian."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest
import zipfile

import harness
from harness import until

HERE = pathlib.Path(__file__).resolve().parent
NEEDED = ["/usr/bin/redis-server", "/usr/lib/postgresql/15/bin/initdb", "/usr/bin/node", "/usr/bin/pip3",
          "/usr/lib/python3/dist-packages/psycopg2", "/usr/lib/python3/dist-packages/redis"]

OFFLINE = {"PIP_NO_INDEX": "1", "npm_config_offline": "true", "npm_config_audit": "false"}
NPM = os.path.exists("/usr/bin/npm")

BALLOT = """
def checked(vote):
    if vote["choice"] not in ("cats", "dogs"):
        raise ValueError("no such choice")
    return {"choice": vote["choice"], "voter": str(vote["voter"])}
"""


def make_wheel(path):
    """A package for pip that needs no index."""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("ballot.py", BALLOT)
        wheel.writestr("ballot-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ballot\nVersion: 1.0\n")
        wheel.writestr("ballot-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("ballot-1.0.dist-info/RECORD", "")


class Compose(harness.Case):
    def convert(self):
        """The application's directory becomes that of the Compose file; what the tool says about it."""
        app = self.application("app: votes\n")
        app.manifest.unlink()
        for path in (HERE / "votes").iterdir():
            (shutil.copytree if path.is_dir() else shutil.copy)(path, app.directory / path.name)
        make_wheel(app.directory / "vote/ballot-1.0-py3-none-any.whl")
        if not NPM:  # as if it had been run
            shutil.copytree(app.directory / "result/tally", app.directory / "result/node_modules/tally")
        compose = app.directory / "compose.yaml"
        compose.write_text("name: votes\n" + compose.read_text())
        app.environment["VOTE_PORT"] = str(app.port)
        return app, json.loads(app.run("init", "--json", "--from", str(compose)).stdout)

    def apply(self, app, edits):
        """Each edit as it is written, and nothing else."""
        for edit in edits:
            if edit["run"]:
                done = subprocess.run(["/bin/sh", "-c", edit["run"]], cwd=app.directory, capture_output=True, text=True, timeout=180, env={**os.environ, **OFFLINE})
                self.assertEqual(done.returncode, 0, f"{edit['run']}\n{done.stdout}\n{done.stderr}")
            else:
                self.fail(f"not a command: {edit}")

    def test_five_services_run_after_the_edits_that_the_tool_named(self):
        app, said = self.convert()
        self.assertEqual(sorted(said["services"]), ["db", "redis", "result", "store", "vote"])
        self.assertLessEqual(len(said["edits"]), 3, said["edits"])
        self.assertEqual([edit["service"] for edit in said["edits"]], ["vote", "result"] if NPM else ["vote"])
        self.apply(app, said["edits"])
        self.assertIn("is valid: 5 services", app.run("check").stdout)
        app.up()
        connection = harness.http.client.HTTPConnection("127.0.0.1", app.port, timeout=30)

        def ask(method, host, body=None):
            connection.request(method, "/", body=body, headers={"Host": f"{host}:{app.port}"})
            return harness.Answer(connection.getresponse())

        with self.subTest("votes arrive"):
            for voter, choice in enumerate(["cats", "dogs", "cats"]):
                self.assertEqual(ask("POST", "localhost", json.dumps({"choice": choice, "voter": voter})).status, 202)
        with self.subTest("and are counted"):
            expected = {"counts": {"cats": 2, "dogs": 1}, "all": 3}
            until(lambda: ask("GET", "result.localhost").json == expected, 20, "the counts")
        with self.subTest("nobody may do more than what was seen"):
            self.assertEqual(app.run("reach", "vote", "db", check=False).returncode, 1)
            self.assertEqual(app.run("reach", "vote", "redis").returncode, 0)
        connection.close()
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)

    def test_what_is_left_out_has_service_key_line_and_reason(self):
        _, said = self.convert()
        for each in said["left_out"]:
            self.assertTrue(each["key"] and each["why"] and each["line"] > 0, each)
        found = {(each["service"], each["key"]) for each in said["left_out"]}
        for expected in (("vote", "logging"), ("store", "restart"), ("result", "ports"), ("redis", "healthcheck.test"), ("", "networks"), ("db", "image")):
            self.assertIn(expected, found)


PROXIED = """
services:
  proxy:
    build: ./proxy
    ports: ["@PORT@:80"]
    depends_on: [one, two]
  one: {image: "node:20-alpine", working_dir: /srv, command: npm start, volumes: ["./web:/srv"], environment: {NAME: one}}
  two: {image: "node:20-alpine", working_dir: /srv, command: npm start, volumes: ["./web:/srv"], environment: {NAME: two}}
  site:
    image: nginx:1.25
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro", "./html:/usr/share/nginx/html"]
    ports: ["8081:8080"]
"""

SITE = """user  nginx;
error_log  /var/log/nginx/error.log notice;
pid        /var/run/nginx.pid;
events { worker_connections  1024; }
http {
    include       /etc/nginx/mime.types;
    access_log  /var/log/nginx/access.log;
    server { listen 8080; root /usr/share/nginx/html; location /api/ { proxy_pass http://two:5000/; } }
}
"""

WEB = "require('http').createServer((request, response) => response.end(process.env.NAME + request.url)).listen(5000);\n"


class Proxied(harness.Case):
    @unittest.skipUnless(os.path.exists("/usr/sbin/nginx"), "nginx-light is not installed (scripts/packages-test.txt)")
    def test_nginx_serves_and_forwards_by_its_own_configuration(self):
        files = {
            "proxy/Dockerfile": "FROM nginx:1.21\nRUN rm /etc/nginx/conf.d/default.conf\nCOPY nginx.conf /etc/nginx/conf.d/default.conf\n",
            "proxy/nginx.conf": "upstream both { server one:5000; server two:5000; }\nserver { listen 80; location / { proxy_pass http://both; } }\n",
            "web/package.json": '{"scripts": {"start": "node server.js"}}',
            "web/server.js": WEB,
            "nginx.conf": SITE,
            "html/index.html": "static",
        }
        app = self.application("app: proxied\n", files=files)
        app.manifest.unlink()
        compose = app.directory / "compose.yaml"
        compose.write_text("name: proxied\n" + PROXIED.replace("@PORT@", str(app.port)))
        said = json.loads(app.run("init", "--json", "--from", str(compose)).stdout)
        self.assertEqual(said["edits"], [])
        app.up()
        connection = harness.http.client.HTTPConnection("127.0.0.1", app.port, timeout=30)

        def ask(path, host):
            connection.request("GET", path, headers={"Host": f"{host}:{app.port}"})
            return harness.Answer(connection.getresponse()).text

        self.assertEqual({ask("/x", "localhost") for _ in range(4)}, {"one/x", "two/x"})
        self.assertEqual(ask("/", "site.localhost"), "static")
        self.assertEqual(ask("/api/y", "site.localhost"), "two/y")
        self.assertEqual(app.run("reach", "one", "two", check=False).returncode, 1)
        connection.close()
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)


if __name__ == "__main__":
    for path in NEEDED:
        if not os.path.exists(path):
            print(f"skipped: {path} is not installed (scripts/packages-test.txt)")
            sys.exit(harness.SKIPPED)
    harness.main()
