"""What the gateway asks of whoever comes, on the wire."""

import socket
import ssl
import threading

import harness
from harness import until

EDGE = """
app: edge
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    environment: {VERSION: web}
  volume: {dir: @PROGRAMS@, command: [/usr/bin/python3, volume.py], port: 8080}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /*}, to: web}
    - {match: {path: /rate}, to: web, limit: "3/h per address"}
    - {match: {path: /key}, to: web, limit: "2/h per header x-key"}
    - {match: {path: /slow/*}, to: web, limit: 2 at once per address}
    - {match: {path: /up}, to: volume, max_request: 1KiB}
    - {match: {path: /down}, to: volume, max_answer: 1MiB}
    - {match: {path: /closed}, to: web, from: {deny: 127.0.0.0/8}, cors: {origins: "*"}}
    - {match: {path: /page, methods: [GET]}, to: web, cors: {origins: [https://app.example], credentials: true}, headers: {X-Frame-Options: ""}}
"""


class Edge(harness.Case):
    def begin(self, **more):
        app = self.application(EDGE, **more)
        app.up()
        app.wait_settled()
        return app

    def statuses(self, app, path, count, **headers):
        return [app.get(path, headers=headers).status for _ in range(count)]

    def test_limits(self):
        app = self.begin()
        self.assertEqual(self.statuses(app, "/rate", 5), [200, 200, 200, 429, 429])
        refused = app.get("/rate")
        self.assertTrue(0 < int(refused.headers["retry-after"]) <= 1200, refused.headers)
        self.assertEqual(refused.headers["ratelimit-policy"], '"per-address";q=3;w=3600')
        self.assertRegex(refused.headers["ratelimit"], r'^"per-address";r=0;t=\d+$')
        self.assertEqual(refused.text, "Too Many Requests\n")
        self.assertEqual(self.statuses(app, "/key", 3, **{"x-key": "a"}), [200, 200, 429])
        self.assertEqual(self.statuses(app, "/key", 3, **{"x-key": "b"}), [200, 200, 429])
        self.assertEqual(self.statuses(app, "/key", 3), [200, 200, 429])
        self.assertEqual(app.get("/other").status, 200)

    def test_how_many_at_once(self):
        app = self.begin()
        waiting = [threading.Thread(target=app.get, args=("/slow/3",)) for _ in range(2)]
        for thread in waiting:
            thread.start()
        until(lambda: app.get("/begun").text == "2", what="two requests that are served")
        refused = app.get("/slow/0")
        self.assertEqual(refused.status, 429)
        self.assertEqual(refused.headers["retry-after"], "1")
        for thread in waiting:
            thread.join()
        self.assertEqual(app.get("/slow/0").status, 200)

    def test_a_changed_limit_holds_at_once_and_restarts_nothing(self):
        app = self.begin()
        pids = app.pids()
        self.assertEqual(self.statuses(app, "/rate", 4)[-1], 429)
        app.rewrite(EDGE.replace("3/h", "3/h burst 20"))
        said = app.up().stdout
        self.assertIn("routes[1].limit[0]", said)
        self.assertEqual(self.statuses(app, "/rate", 4), [200] * 4)
        app.rewrite(EDGE.replace("from: {deny", "from: {allow"))
        app.up()
        self.assertEqual(app.get("/closed").status, 200)
        self.assertEqual(app.pids(), pids)

    def test_sizes(self):
        app = self.begin()
        self.assertEqual(app.request("POST", "/up", body=b"x" * 1024).status, 200)
        self.assertEqual(app.request("POST", "/up", body=b"x" * 1025).status, 413)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(socket.create_connection(("127.0.0.1", app.port), timeout=20)) as raw:
            raw.sendall(b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"200\r\n" + b"x" * 512 + b"\r\n")
            raw.sendall((b"200\r\n" + b"x" * 512 + b"\r\n") * 2)
            self.assertIn(b"413 Content Too Large", raw.recv(4096), "without a length it is measured as it comes")
        self.assertEqual(app.get("/down?mib=1").status, 200)
        self.assertEqual(app.get("/down?mib=2").status, 502)

    def test_addresses(self):
        app = self.begin()
        self.assertEqual(app.get("/closed").status, 403)
        ask = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
        self.assertEqual(app.request("OPTIONS", "/closed", headers=ask).status, 403, "a question about it neither")
        app.rewrite(EDGE.replace("from: {deny: 127.0.0.0/8}", 'from: {allow: [192.0.2.0/24, "2001:db8::/32"]}'))
        app.up()
        self.assertEqual(app.get("/closed").status, 403)
        line = until(lambda: next((each for each in app.records("_gateway") if each.get("allow")), None), what="the record")
        self.assertEqual((line["verdict"], line["allow"]), ("denied", 'from: {allow: [192.0.2.0/24, "2001:db8::/32", ADDRESS]}'))
        app.rewrite(EDGE.replace("  routes:", "  from: {allow: [192.0.2.0/24]}\n  routes:"))
        app.up()
        with self.assertRaises((OSError, ssl.SSLError)):
            app.get("/other")

    def test_pages_of_other_origins(self):
        app = self.begin()
        ask = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
        answer = app.request("OPTIONS", "/page", headers=ask)
        self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (204, "https://app.example"))
        self.assertIsNone(app.request("OPTIONS", "/page", headers=ask | {"Origin": "https://evil.example"}).headers["access-control-allow-origin"])
        page = app.get("/page", headers={"Origin": "https://app.example"})
        self.assertEqual((page.headers["access-control-allow-origin"], page.headers["vary"]), ("https://app.example", "origin"))

    def test_what_browsers_are_told_without_a_word_of_the_manifest(self):
        app = self.begin()
        headers = app.get("/other").headers
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertEqual(headers["x-frame-options"], "SAMEORIGIN")
        self.assertEqual(headers["referrer-policy"], "strict-origin-when-cross-origin")
        self.assertIsNone(headers["server"], "Python's, which says its version")
        self.assertIsNone(headers["strict-transport-security"], "nobody may insist on a certificate that we made ourselves")
        self.assertIsNone(app.get("/page").headers["x-frame-options"])


if __name__ == "__main__":
    harness.main()
