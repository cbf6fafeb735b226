"""curl and Java's HTTP client, in the many ways that programs dial their peers; peers that listen on all kinds of addresses."""

import os
import pathlib

import harness
from harness import until

HERE = pathlib.Path(__file__).resolve().parent

PEER = """
  @NAME@:
    dir: @HERE@/clients
    command: [/usr/bin/node, where.js]
    port: @NUMBER@
    environment: {WHERE: "@WHERE@"}
"""


def peer(name, where, number=8080):
    return PEER.replace("@NAME@", name).replace("@WHERE@", where).replace("@NUMBER@", str(number))


MANIFEST = ("""
app: clients
services:
  asker:
    type: job
    dir: @HERE@/clients
    command: [/bin/sh, ask.sh]
    calls: {peer: , any: , local: , four: , six: , wired: {at: "localhost:4001"}}
    depends_on: {peer: ready, any: ready, local: ready, four: ready, six: ready, wired: ready}
""" + peer("peer", "::") + peer("any", "0.0.0.0") + peer("local", "localhost") + peer("four", "127.0.0.1") + peer("six", "::1")
    + peer("wired", "::", 4001) + peer("island", "::") + """
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{to: peer}]
""").replace("@HERE@", str(HERE))

EXPECTED = {
    "port-80": "GET /a peer 0 v1.1",
    "own-port": "GET /a peer:8080 0 v1.1",
    "capitals": "GET /a PEER 0 v1.1",
    "rooted": "GET /a peer. 0 v1.1",
    "all-addresses": "GET / any 0 v1.1",
    "localhost": "GET / local 0 v1.1",
    "ipv4-loopback": "GET / four 0 v1.1",
    "ipv6-loopback": "GET / six 0 v1.1",
    "wired-localhost": "GET /w localhost:4001 0 v1.1",
    "wired-ipv4": "GET /w 127.0.0.1:4001 0 v1.1",
    "wired-ipv6": "GET /w [::1]:4001 0 v1.1",
    "wired-any": "GET /w 0.0.0.0:4001 0 v1.1",
    "odd-path": "GET /a//b;c%2Fd?x=%2F peer 0 v1.1",
    "other-host": "GET /a shop.example 0",
    "upgrade-h2c": "POST /a peer 5 v1.1",
    "prior-h2c": "POST /a peer 5 v2",
    "http-1.0": "GET /a peer 0",
    "http-1.0-stream": "data: 0  data: 1  data: 2  data: 3",
    "stream": "data: 0  data: 1  data: 2  data: 3",
    "expect": "POST /up peer 3000000",
    "chunked": "POST /up peer 3000000",
    "options": "OPTIONS /a peer 0",
    "propfind": "PROPFIND /a peer 0",
    "as-a-proxy": "GET /a elsewhere.example 0",
    "streams": "opened by their names",
}


class Clients(harness.Case):
    def test_the_ways_that_programs_dial(self):
        app = self.application(MANIFEST)
        app.up()
        said = lambda: app.run("logs", "asker", "--lines", "1000", check=False).stdout
        until(lambda: "finished" in said(), 240, "the end of all questions")
        answers = dict(line.split(": ", 1) for line in (line.partition(" | ")[2] for line in said().splitlines()) if ": " in line)
        for name, expected in EXPECTED.items():
            with self.subTest(name):
                self.assertEqual(answers[name].strip(), expected)
        with self.subTest("a request without Host"):
            self.assertIn("'GET', '/n', 'peer', '0'", answers["no-host"])
            connection = app.connection()
            connection.connect()
            connection.sock.sendall(b"GET /n HTTP/1.0\r\n\r\n")
            self.assertIn(b"GET /n peer 0", connection.sock.makefile("rb").read())
            connection.close()
        with self.subTest("what is not declared"):
            self.assertIn("Couldn't connect", answers["closed-port"])
            self.assertIn("Could not resolve", answers["unknown"])
            self.assertIn("to stderr", said())
        if os.path.exists("/usr/bin/java"):
            with self.subTest("java"):
                self.assertEqual(answers["java"].strip(), "POST /java peer:8080 5")


if __name__ == "__main__":
    harness.main()
