"""Two HTTP services in compartments, mTLS between their sidecars, a gateway, and a denial that explains itself."""

import json
import urllib.parse

import harness

MANIFEST = """
app: pair
services:
  front:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: front}
    calls:
      back: [GET /items/*]
  back:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: back}
  island:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /api/*}, to: front, rewrite: /}
"""


def through(app, url):
    return app.get("/api/call?" + urllib.parse.urlencode({"url": url})).json


class TwoServices(harness.Case):
    def test_the_declared_call_works_and_every_other_is_refused_with_its_reason(self):
        app = self.application(MANIFEST)
        app.up()

        with self.subTest("the gateway reaches the front by its route"):
            answer = app.get("/api/hello?x=1")
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json["path"], "/hello?x=1")
            self.assertNotIn(answer.json["peer"], ("127.0.0.1", "::1"))
            self.assertTrue(answer.headers.get("x-request-id"))

        with self.subTest("the declared call"):
            back = through(app, "http://back/items/7")
            self.assertEqual(back["status"], 200, back)
            seen = json.loads(back["body"])
            self.assertEqual((seen["service"], seen["path"]), ("back", "/items/7"))
            self.assertIn("traceparent", seen["headers"])

        with self.subTest("the same peer at its own port"):
            self.assertEqual(through(app, "http://back:8080/items/7")["status"], 200)

        with self.subTest("a path that is not declared is refused, and the answer says which line is missing"):
            denied = through(app, "http://back/admin")
            self.assertEqual(denied["status"], 403, denied)
            for word in ("front", "back", "GET", "/admin", "calls"):
                self.assertIn(word, denied["body"])
            self.assertIn("proxy-status", {k.lower() for k in denied["headers"]})

        with self.subTest("a service that is not declared has no name"):
            self.assertIn("error", through(app, "http://island:8080/"))

        with self.subTest("nothing without a route is reachable, and the answer tells nothing of the inside"):
            lost = app.get("/elsewhere")
            self.assertEqual(lost.status, 404)
            for word in ("front", "back", "pair", "spiffe"):
                self.assertNotIn(word, lost.text)

        with self.subTest("status tells what was denied, and counts"):
            status = app.status()
            self.assertTrue(any(d["caller"] == "front" and d["callee"] == "back" and d["path"] == "/admin" for d in status["denied"]), status["denied"])
            self.assertRegex(app.run("status").stdout, r"front -> back GET /admin: denied; to allow it, write under front: calls: \{back: \[.*GET /admin\]\}")
            back = next(s for s in status["services"] if s["name"] == "back")
            self.assertGreaterEqual(back["totals"]["requests"], 2)
            self.assertEqual(back["spiffe_id"], "spiffe://pair.bulkhead/pair/back")

        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)


if __name__ == "__main__":
    harness.main()
