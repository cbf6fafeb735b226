"""forward: a port of this host's loopback, or a Unix socket, that leads into a compartment, for its user alone."""

import json
import os
import signal
import socket
import stat
import subprocess
import threading
import unittest

import harness

# Listens inside on 127.0.0.1, ::1 and where only its own processes could come before.
SERVER = """
import socket, threading, sys
def serve(family, host, port):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(100)
    while True:
        connection, peer = listener.accept()
        threading.Thread(target=talk, args=(connection, peer), daemon=True).start()
def talk(connection, peer):
    connection.sendall(("hello " + peer[0] + "\\n").encode())
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.sendall(b"end")
    connection.close()
threading.Thread(target=serve, args=(socket.AF_INET6, "::1", 5600), daemon=True).start()
serve(socket.AF_INET, "127.0.0.1", 5500)
"""

MANIFEST = """
app: ways
services:
  db:
    command: [/usr/bin/python3, server.py]
    port: 5500
    protocol: tcp
    owner: team data
  shut:
    command: [/usr/bin/sleep, "1000"]
    debug: {forward: false}
"""


class Forwarding:
    def __init__(self, app, *words):
        self.process = subprocess.Popen([str(app.program), "forward", "-f", str(app.manifest), *words], env=app.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = self.process.stdout.readline()
        self.place = self.said.split(" leads to ")[0]

    @property
    def port(self):
        return int(self.place.rsplit(":", 1)[1])

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


def whole(connection, content):
    """What comes back of `content`, whose end is told."""
    sender = threading.Thread(target=lambda: (connection.sendall(content), connection.shutdown(socket.SHUT_WR)))
    sender.start()
    got = b""
    while piece := connection.recv(65536):
        got += piece
    sender.join()
    connection.close()
    return got


def first_of(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        return connection.recv(100)


class Forward(harness.Case):
    def up(self, manifest=MANIFEST, **more):
        app = self.application(manifest, **{"files": {"server.py": SERVER}, **more})
        app.up()
        app.log = app.directory / "b/state" / app.name / "audit.jsonl"
        return app

    def forward(self, app, *words):
        forwarding = Forwarding(app, *words)
        self.addCleanup(forwarding.process.wait)
        self.addCleanup(forwarding.process.kill)
        self.addCleanup(forwarding.process.stdout.close)
        self.addCleanup(forwarding.process.stderr.close)
        return forwarding

    def entries(self, app):
        return [e for e in (json.loads(line) for line in app.log.read_text().splitlines()) if e["verb"] == "forward"]

    def test_bytes_go_both_ways_and_are_counted(self):
        app = self.up()
        ways = self.forward(app, "db", "5500")
        self.assertRegex(ways.said, r"^127\.0\.0\.1:\d+ leads to port 5500 of db; Ctrl-C ends it\n$")
        content = os.urandom(2_000_000)
        sizes = [0, 1, 1000, len(content)]
        for size in sizes:
            got = whole(socket.create_connection(("127.0.0.1", ways.port)), content[:size])
            # It comes from the compartment's own loopback, as psql in there would.
            self.assertTrue(got == b"hello 127.0.0.1\n" + content[:size] + b"end")
        got = whole(socket.create_connection(("::1", ways.port)), b"six")
        self.assertEqual(got, b"hello 127.0.0.1\nsixend")
        # Many at once.
        open_ones = [socket.create_connection(("127.0.0.1", ways.port)) for _ in range(50)]
        for connection in open_ones:
            self.assertEqual(whole(connection, b"x"), b"hello 127.0.0.1\nxend")
        self.assertEqual(ways.end(), (0, ""))
        begun, ended = harness.until(lambda: len(self.entries(app)) == 2 and self.entries(app), 10, "the record")
        self.assertEqual((begun["outcome"], begun["details"]["port"], begun["owner"]), ("begun", 5500, "team data"))
        self.assertEqual(ended["outcome"], "ended")
        self.assertEqual(ended["details"]["connections"], len(sizes) + 1 + 50)
        echoed = sum(sizes) + 3 + 50
        self.assertEqual(ended["details"]["bytes_in"], echoed)
        # The end of each connection may count as one.
        self.assertLessEqual(ended["details"]["bytes_out"] - (echoed + 55 * len(b"hello 127.0.0.1\nend")), 55)
        self.assertGreaterEqual(ended["details"]["bytes_out"], echoed + 55 * len(b"hello 127.0.0.1\nend"))

    def test_a_chosen_port_and_a_unix_socket(self):
        app = self.up()
        port = harness.free_ports(1)[0]
        ways = self.forward(app, "db-1", f"{port}:5600")
        self.assertEqual(ways.place, f"127.0.0.1:{port}")
        self.assertEqual(whole(socket.create_connection(("127.0.0.1", port)), b"x"), b"hello ::1\nxend")
        taken = subprocess.run([str(app.program), "forward", "-f", str(app.manifest), "db", f"{port}:5500"], env=app.environment, capture_output=True, text=True)
        self.assertEqual(taken.returncode, 1)
        self.assertIn("Address already in use", taken.stderr)
        path = app.directory / "door.sock"
        unix = self.forward(app, "db", "5500", "--unix", str(path))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        self.assertEqual(whole(connection, b"x"), b"hello 127.0.0.1\nxend")
        self.assertEqual(unix.end(signal.SIGTERM)[0], 0)
        self.assertFalse(path.exists())

    def test_what_can_not_be_is_said(self):
        app = self.up()
        for words, code, text in ((["shut", "80"], 1, "'debug' in the manifest switches forward off for 'shut'"), (["nobody", "80"], 1, "no service or instance is called 'nobody'"), (["db", "0"], 2, "'0' is no PORT or LOCAL:PORT"), (["db", "70000"], 2, "'70000' is no PORT"), (["db", "a:80"], 2, "'a:80' is no PORT"), (["gateway", "80"], 1, "the gateway has no compartment")):
            done = subprocess.run([str(app.program), "forward", "-f", str(app.manifest), *words], env=app.environment, capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(text, done.stderr)
        # Nobody listens there: the connection ends, the forwarding goes on.
        ways = self.forward(app, "db", "5999")
        with self.assertRaises(ConnectionResetError):
            first_of(ways.port)
        with self.assertRaises(ConnectionResetError):
            first_of(ways.port)
        code, errors = ways.end()
        self.assertEqual((code, errors), (0, "bulkhead: port 5999 of db-1: Connection refused\n" * 2))

    def test_it_finds_the_next_instance_and_ends_with_the_application(self):
        app = self.up()
        ways = self.forward(app, "db", "5500")
        connection = socket.create_connection(("127.0.0.1", ways.port))
        self.assertEqual(connection.recv(100), b"hello 127.0.0.1\n")
        app.run("restart", "db")
        self.assertEqual(connection.recv(100), b"")
        connection.close()
        harness.until(lambda: app.status()["settled"], 20, "the next")
        self.assertEqual(whole(socket.create_connection(("127.0.0.1", ways.port)), b"x"), b"hello 127.0.0.1\nxend")
        app.down()
        self.assertEqual([e["outcome"] for e in self.entries(app)], ["begun", "the controller ended before it did"])
        self.assertEqual(self.entries(app)[1]["details"]["connections"], 2)
        _, errors = ways.process.communicate(timeout=20)
        self.assertEqual((ways.process.returncode, errors), (1, "bulkhead: the controller ended the forwarding: the application went down, or the controller was replaced\n"))

    def test_a_way_that_is_closed_is_closed_for_what_comes(self):
        app = self.up()
        ways = self.forward(app, "db", "5500")
        self.assertEqual(whole(socket.create_connection(("127.0.0.1", ways.port)), b"x"), b"hello 127.0.0.1\nxend")
        pid = app.instance("db-1")["service_pid"]
        app.manifest.write_text(app.manifest.read_text().replace("owner: team data", "owner: team data\n    debug: false"))
        app.up()
        with self.assertRaises(ConnectionResetError):
            first_of(ways.port)
        self.assertEqual(app.instance("db-1")["service_pid"], pid)

    @unittest.skipUnless(os.geteuid() == 0, "only root may become other users")
    def test_another_user_of_the_host_is_not_let_in(self):
        app = self.up()
        ways = self.forward(app, "db", "5500")
        for quick in (False, True):  # also one that is gone before anybody asks whose it was
            script = f"""
import socket, sys
c = socket.create_connection(("127.0.0.1", {ways.port}))
c.sendall(b"DROP TABLE")
{"c.close(); sys.exit()" if quick else ""}
try:
    print(c.recv(100))
except ConnectionResetError:
    print(b"")
"""
            done = subprocess.run(["setpriv", "--reuid", "62007", "--regid", "62007", "--clear-groups", "/usr/bin/python3", "-c", script], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.stdout, "" if quick else "b''\n", done.stderr)
        code, errors = ways.end()
        self.assertEqual(code, 0)
        self.assertEqual(errors.count("refused a connection of another user"), 2)
        ended = harness.until(lambda: [e for e in self.entries(app) if e["outcome"] == "ended"], 10, "the record")
        self.assertEqual(ended[0]["details"]["connections"], 0)

    def test_a_killed_forwarding_closes_what_it_opened(self):
        app = self.up()
        ways = self.forward(app, "db", "5500")
        connection = socket.create_connection(("127.0.0.1", ways.port))
        connection.sendall(b"12345")
        got = b""
        while not got.endswith(b"12345"):
            got += connection.recv(100)
        ways.end(signal.SIGKILL)
        ended = harness.until(lambda: [e for e in self.entries(app) if e["outcome"] == "ended"], 10, "the record")
        self.assertEqual((ended[0]["details"]["connections"], ended[0]["details"]["bytes_in"]), (1, 5))
        connection.close()


if __name__ == "__main__":
    harness.main()
