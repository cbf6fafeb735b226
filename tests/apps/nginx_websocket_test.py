"""nginx on port 80 before a Node application and a WebSocket server, all behind the gateway."""

import asyncio
import hashlib
import os
import pathlib
import ssl
import sys

import harness

HERE = pathlib.Path(__file__).resolve().parent
try:
    import websockets
except ImportError:
    websockets = None

MANIFEST = """
app: site
services:
  web:
    dir: @HERE@/site
    command: [/bin/sh, start.sh]
    mounts: ["/etc/nginx:/etc/nginx:ro"]
    port: 80
    calls: [app, echo]
  app:
    dir: @HERE@/site
    command: [/usr/bin/node, app.js]
    port: 8080
    environment: {PEER_URL: "http://peer:8080"}
    calls: [peer]
  peer:
    dir: @HERE@/site
    command: [/usr/bin/node, app.js]
    port: 8080
  echo:
    dir: @HERE@/site
    command: [/usr/bin/python3, echo.py]
    port: 8765
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /socket/*}, to: echo}
    - {match: {path: /*}, to: web}
"""


class Site(harness.Case):
    def test_static_files_an_application_and_websockets(self):
        app = self.application(MANIFEST.replace("@HERE@", str(HERE)))
        app.up()
        self.static_files(app)
        self.application_behind_nginx(app)
        context = ssl.create_default_context(cafile=str(app.directory / "b/state" / app.name / "gateway/certificate.pem"))
        for path in ("/socket/a?b=c", "/echo"):
            asyncio.run(self.websockets(f"wss://127.0.0.1:{app.port}{path}", context, path))
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)

    def static_files(self, app):
        with self.subTest("files"):
            self.assertEqual(app.get("/").text, "<h1>Bulkhead</h1>\n")
            self.assertEqual(app.get("/nothing").status, 404)
            large = app.get("/files/large")
            self.assertEqual((large.status, len(large.body), any(large.body)), (200, 20_000_000, False))
        with self.subTest("a part, a head, a condition, compressed"):
            part = app.get("/files/large", headers={"Range": "bytes=5-9"})
            self.assertEqual((part.status, part.body, part.headers["Content-Range"]), (206, b"\0" * 5, "bytes 5-9/20000000"))
            head = app.request("HEAD", "/files/large")
            self.assertEqual((head.status, head.headers["Content-Length"], head.body), (200, "20000000", b""))
            style = app.get("/css/site.css")
            self.assertEqual(app.get("/css/site.css", headers={"If-None-Match": style.headers["ETag"]}).status, 304)
            packed = app.get("/css/site.css", headers={"Accept-Encoding": "gzip"})
            self.assertEqual(packed.headers["Content-Encoding"], "gzip")
            self.assertLess(len(packed.body), len(style.body) // 10)

    def application_behind_nginx(self, app):
        with self.subTest("passed on as HTTP/1.0, and over kept connections"):
            for path in ("/app/hello?x=1", "/kept/hello?x=1"):
                answer = app.get(path)
                self.assertEqual(answer.status, 200, answer.text)
                self.assertEqual(answer.json["url"], "/hello?x=1")
        with self.subTest("an upload"):
            body = os.urandom(9 << 20)
            self.assertEqual(app.request("POST", "/kept/up", body).json["digest"], hashlib.sha256(body).hexdigest())
        with self.subTest("Node's client with kept connections"):
            asked = app.get("/app/ask?n=500").json
            self.assertEqual((asked["right"], asked["last"]), (500, 200))
            self.assertLessEqual(asked["connections"], 16)
            self.assertEqual(app.get("/app/upload").json, {"same": True})

    async def websockets(self, url, context, path):
        async with websockets.connect(url, ssl=context, max_size=32 << 20, subprotocols=["salt"]) as connection:
            with self.subTest("echo", path=path):
                self.assertEqual(connection.subprotocol, "salt")
                for message in ("hello", b"\0\1\2", "ü" * 1000, b"", os.urandom(8 << 20)):
                    await connection.send(message)
                    self.assertEqual(await asyncio.wait_for(connection.recv(), 30), message)
                await connection.send("path")
                self.assertEqual(await connection.recv(), path)
            with self.subTest("in fragments", path=path):
                await connection.send(iter(["one ", "two ", "three"]))
                self.assertEqual(await connection.recv(), "one two three")
            with self.subTest("ping", path=path):
                await asyncio.wait_for(await connection.ping(b"salt"), 10)
            with self.subTest("silence for some seconds", path=path):
                await connection.send("later")
                self.assertEqual(await asyncio.wait_for(connection.recv(), 20), "now")
            with self.subTest("the server's close", path=path):
                await connection.send("close 4321")
                await asyncio.wait_for(connection.wait_closed(), 10)
                self.assertEqual((connection.close_code, connection.close_reason), (4321, "as you wish"))
        with self.subTest("the client's close", path=path):
            async with websockets.connect(url, ssl=context) as connection:
                await connection.close(3001, "enough")
                self.assertEqual(connection.close_code, 3001)
        with self.subTest("many at once", path=path):
            self.assertEqual(await asyncio.gather(*(self.talk(url, context, number) for number in range(50))), [20] * 50)

    async def talk(self, url, context, number):
        right = 0
        async with websockets.connect(url, ssl=context, open_timeout=30) as connection:
            for turn in range(20):
                await connection.send(f"{number} {turn}")
                right += await connection.recv() == f"{number} {turn}"
        return right


if __name__ == "__main__":
    if websockets is None or not os.path.exists("/usr/sbin/nginx"):
        print("skipped: nginx-light or python3-websockets is not installed (scripts/packages-test.txt)")
        sys.exit(harness.SKIPPED)
    harness.main()
