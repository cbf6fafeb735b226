"""Egress: what is declared is reached, by name and address; everything else outside is not, and leaves a record."""

import http.server
import json
import threading
import urllib.parse

import harness
from harness import until

MANIFEST = """
app: outside
services:
  caller:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    egress:
      there: "http://127.0.0.1:@OUTSIDE@"
      inner: "http://localhost.localdomain:@OUTSIDE@"
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /*}, to: caller}
"""


class Outside(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Egress(harness.Case):
    def test_only_what_is_declared_is_reached(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        port = server.server_address[1]
        app = self.application(MANIFEST.replace("@OUTSIDE@", str(port)))
        app.up()

        def call(url):
            return app.get("/call?" + urllib.parse.urlencode({"url": url})).json

        answer = call("http://there/x")
        self.assertEqual(answer.get("status"), 200, answer)
        self.assertNotIn("caller", answer["body"].replace("x-request-id", ""), "the outside learns nothing of the inside")
        self.assertNotEqual(call("http://inner/x").get("status"), 200, "a name that leads to loopback is refused")
        for url in (f"http://127.0.0.1:{port}/", "http://10.1.2.3/", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/"):
            with self.subTest(url):
                self.assertIn("error", call(url))
        until(lambda: any(d["path"].startswith("169.254.169.254") for d in app.status()["denied"]), what="the record of the dial")


class Order(harness.Case):
    def test_a_job_ends_before_those_that_wait_for_it_begin_and_its_volume_outlives_it(self):
        app = self.application("""
app: order
services:
  migrate:
    type: job
    command: [/bin/sh, -c, "cat $$HOME/state 2>/dev/null; echo done before > $$HOME/state; echo migrated"]
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    depends_on: {migrate: done}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /*}, to: web}]
""")
        app.up()
        self.assertEqual(app.instance("migrate-1")["state"], "done")
        self.assertEqual(app.get("/").status, 200)
        self.assertIn("migrated", app.run("logs", "migrate").stdout)
        app.down()
        self.assertNotIn("done before", app.run("logs", "migrate").stdout)
        app.up()
        self.assertEqual(app.get("/").status, 200)
        self.assertIn("done before", app.run("logs", "migrate").stdout)
        app.run("down", "--volumes")
        self.assertFalse((app.directory / "b/state/order/volumes/migrate").exists())

    def test_a_job_that_fails_is_said_and_what_waits_for_it_does_not_begin(self):
        app = self.application("""
app: failing
services:
  migrate: {type: job, command: [/bin/sh, -c, "exit 7"]}
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    depends_on: {migrate: done}
""")
        done = app.run("up", "--detach", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("exited with status 7", done.stderr)
        self.assertEqual(app.instance("web-1")["state"], "waiting")
        self.assertIn("migrate", app.instance("web-1")["reason"])


if __name__ == "__main__":
    harness.main()
