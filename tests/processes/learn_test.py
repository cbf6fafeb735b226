"""Learning: services that declare no call reach each other, each call is recorded with the line that would allow it, and enforcing ends it at once."""

import concurrent.futures
import json
import os
import pty
import subprocess

import harness
from harness import until

DB = """
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True
Server(("", 5432), Echo).serve_forever()
"""

MANIFEST = """
app: learning
mode: learn
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: web}
  orders:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: orders}
  db: {dir: db, command: [/usr/bin/python3, db.py], port: 5432, protocol: tcp, owner: team data}
  wall:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: wall}
    mode: enforce
deny:
  - {name: no-admin, to: orders, requests: ["* /admin/*"]}
  - {name: no-raw, from: orders, to: db}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /orders/*, methods: [GET]}, to: orders}
    - {match: {path: /*}, to: web}
"""
ENFORCING = MANIFEST.replace("mode: learn", "mode: enforce")

# Says what becomes of a dial: what came back, or why nothing did.
RAW = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as raw:
        raw.sendall(b"hello")
        print(raw.recv(100).decode() or "ended")
except OSError as error:
    print(type(error).__name__)
"""

# Stays on a raw connection and on one that speaks http until the first of them ends, then asks on the other again.
STAYS = """
import http.client, socket, time
raw = socket.create_connection(("db", 5432), timeout=60)
raw.sendall(b"hello")
kept = http.client.HTTPConnection("orders", timeout=60)
def ask():
    try:
        kept.request("GET", "/items/7")
        answer = kept.getresponse()
        answer.read()
        return answer.status
    except (http.client.HTTPException, OSError) as error:
        return type(error).__name__
print(raw.recv(100).decode(), ask(), flush=True)
try:
    rest = raw.recv(100)
except ConnectionResetError:
    rest = b""
# Each sidecar has its snapshot at its own moment: the one of db may have had its before the others.
said, since = ask(), time.monotonic()
while said == 200 and time.monotonic() - since < 5:
    said = ask()
print(rest.decode() or "ended", said, flush=True)
"""


class Learning(harness.Case):
    def begin(self, manifest=MANIFEST):
        app = self.application(manifest, files={"db/db.py": DB})
        app.up()
        app.wait_settled()
        return app

    def asks(self, app, url):
        return app.get(f"/call?url={url}").json

    def raw(self, app, service, host, port):
        return app.run("exec", service, "--", "/usr/bin/python3", "-c", RAW, host, str(port)).stdout.strip()

    def learned(self, app, service):
        return [line for line in app.records(service) if line.get("verdict") == "learned"]

    def test_what_nobody_declares_passes_and_is_recorded_with_the_line_that_would_allow_it(self):
        app = self.begin()
        for _ in range(3):
            answer = self.asks(app, "http://orders/items/7?q=1")
            self.assertEqual((answer.get("status"), json.loads(answer["body"])["service"]), (200, "orders"), answer)
        back = app.run("exec", "orders", "--", "/usr/bin/python3", "-c", "import urllib.request; print(urllib.request.urlopen('http://web:8080/hook').status)")
        self.assertEqual(back.stdout, "200\n")
        self.assertEqual(self.raw(app, "web", "db", 5432), "hello")

        record = until(lambda: next(iter(self.learned(app, "orders")), None), what="the record")
        self.assertEqual((record["subject"], record["object"], record["action"], record["rule"]), ("web", "orders", "GET /items/7", "web.learn.orders"))
        self.assertEqual(record["allow"], "calls: {orders: [GET /items/7]}")
        self.assertIn("no rule of the manifest declares this call", record["reason"])
        self.assertTrue(record["trace"])
        until(lambda: [line["allow"] for line in self.learned(app, "db")] == ["calls: {db: }"], what="the record of the raw connection")
        self.assertEqual(len(self.learned(app, "orders")), 1, "one of each kind")
        said = until(lambda: (text := app.run("status").stdout).count("learned:") == 3 and text, what="what was learned in status")
        self.assertIn("not enforced: db, orders, web learn: calls between services that learn pass, declared or not", said)
        self.assertIn("learned: web -> orders GET /items/7; to keep it, write under web: calls: {orders: [GET /items/7]} (3 times)", said)
        self.assertIn("learned: web -> db; to keep it, write under web: calls: {db: } (1 times)", said)
        self.assertNotIn("denied:", said)
        self.assertIn("\x1b[31mnot enforced:\x1b[0m db, orders, web learn", self.on_a_terminal(app, "status"))

        checked = app.run("check").stdout
        self.assertIn("passes between services whose mode is learn: 'web', 'orders', 'db'", checked)
        self.assertIn("everything (nobody declares it; the mode of both is learn)", app.run("reach", "web", "db").stdout)
        self.assertIn("  -> db:5432  tcp  everything  (learned, not declared)", app.run("graph").stdout)

    def test_what_else_is_refused_stays_refused(self):
        app = self.begin()
        denied = self.asks(app, "http://orders/admin/x")
        self.assertEqual(denied.get("status"), 403, denied)
        self.assertIn("deny.no-admin at ", json.loads(denied["body"])["message"])
        self.assertIn(self.raw(app, "orders", "db", 5432), ("ended", "ConnectionResetError"), "deny.no-raw")
        record = until(lambda: next((line for line in app.records("orders") if line.get("rule") == "deny.no-raw"), None), what="the record")
        self.assertEqual((record["verdict"], "allow" in record), ("denied", False))
        for path in ("/items/../admin/x", "/items//7", "/items/%2e%2e/admin"):
            with self.subTest(path):
                program = f"import http.client\nc = http.client.HTTPConnection('web')\nc.request('GET', {path!r})\nprint(c.getresponse().status)"
                self.assertEqual(app.run("exec", "orders", "--", "/usr/bin/python3", "-c", program).stdout, "400\n")
        # One end that does not learn is enough, whichever it is.
        self.assertEqual(self.raw(app, "web", "wall", 8080), "gaierror")
        self.assertEqual(self.raw(app, "wall", "web", 8080), "gaierror")
        # Nothing outside, by name or by address, and nothing of the host.
        self.assertEqual(self.raw(app, "web", "outside.example", 80), "gaierror")
        for host, port in (("203.0.113.7", 80), ("127.0.0.1", app.port)):
            self.assertEqual(self.raw(app, "web", host, port), "ConnectionRefusedError")
        undeclared = until(lambda: [line for line in app.records("web") if line.get("target", "").startswith("203.0.113.7")], what="the record of the dial")
        self.assertIn("egress: ", undeclared[0]["allow"])
        # The gateway's routes are what they are.
        self.assertEqual(app.get("/orders/x").status, 200)
        self.assertEqual(json.loads(app.request("POST", "/orders/x").body)["service"], "web", "the other route's")

    def test_enforcing_holds_at_once_on_open_connections_and_restarts_nothing(self):
        app = self.begin(ENFORCING)
        pids = app.pids()
        self.assertIn("error", self.asks(app, "http://orders/items/7"))
        app.rewrite(MANIFEST)
        self.assertRegex(app.up().stdout, r"mode.*learn")
        until(lambda: self.asks(app, "http://orders/items/7").get("status") == 200, what="the door")
        stays = subprocess.Popen([str(app.program), "exec", "-f", str(app.manifest), "web", "--", "/usr/bin/python3", "-c", STAYS],
                                 env=app.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        with stays:
            self.assertEqual(stays.stdout.readline(), "hello 200\n")
            in_flight = concurrent.futures.ThreadPoolExecutor(1).submit(self.asks, app, "http://orders/sleep?s=50")
            until(lambda: any(line["action"] == "GET /sleep" for line in self.learned(app, "orders")), what="a request that lasts")
            app.rewrite(ENFORCING)
            app.up()
            self.assertRegex(stays.stdout.readline(), r"^ended (403|ConnectionResetError|RemoteDisconnected|ConnectionRefusedError)$")
        self.assertNotEqual(in_flight.result().get("status"), 200)
        self.assertNotEqual(self.asks(app, "http://orders/items/7").get("status"), 200)
        self.assertEqual(self.raw(app, "web", "db", 5432), "gaierror")
        self.assertNotIn("declared or not", app.run("status").stdout)

        # With the lines that were recorded the same calls are declared.
        expected = {"calls: {orders: [GET /items/7]}", "calls: {orders: [GET /sleep]}", "calls: {db: }"}
        until(lambda: {line["allow"] for service in ("orders", "db") for line in self.learned(app, service)} == expected, what="the records")
        app.rewrite(ENFORCING.replace("{NAME: web}", "{NAME: web}\n    calls: {orders: [GET /items/7], db: }"))
        app.up()
        until(lambda: self.asks(app, "http://orders/items/7").get("status") == 200, what="the declared call")
        self.assertEqual(self.raw(app, "web", "db", 5432), "hello")
        self.assertEqual(self.asks(app, "http://orders/items/8").get("status"), 403)
        self.assertEqual(app.pids(), pids)

    def on_a_terminal(self, app, word):
        terminal, end = pty.openpty()
        environment = {name: value for name, value in app.environment.items() if name != "NO_COLOR"}
        with open(terminal, "rb", buffering=0) as shown:
            done = subprocess.Popen([str(app.program), word, "-f", str(app.manifest)], env=environment, stdin=subprocess.DEVNULL, stdout=end)
            os.close(end)
            text = b""
            try:
                while piece := shown.read(4096):
                    text += piece
            except OSError:  # what a terminal says once nobody has its other end
                pass
            self.assertEqual(done.wait(), 0)
        return text.decode()


if __name__ == "__main__":
    harness.main()
