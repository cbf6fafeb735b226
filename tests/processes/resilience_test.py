"""What the manifest declares for when things break, seen from outside: time, fallback, breaker, split, faults, concurrency."""

import json
import threading
import urllib.parse

import harness

MANIFEST = """
app: calm
services:
  front:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: front}
    calls:
      slow: {timeout: 300ms, fallback: {status: 200, type: application/json, body: '{"instead": true}'}}
      broken: {retries: off, breaker: {requests: 4, open: 30s}}
      back:
        split: [{to: next, headers: {x-canary: "1"}}]
        faults: [{abort: 418, headers: {x-test: teapot}}]
      next:
  slow:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
  broken:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
  back:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: back}
  next:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    environment: {NAME: next}
  narrow:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    concurrency: {max: 1, queue: 1}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /front/*}, to: front, rewrite: /}
    - {match: {path: /narrow/*}, to: narrow, rewrite: /, retries: off}
    - {match: {path: /late/*}, to: slow, rewrite: /, timeout: 200ms}
    - {match: {path: /back/*}, to: back, rewrite: /, split: [{to: next, headers: {x-canary: "1"}}], faults: [{abort: 418, headers: {x-test: teapot}}]}
"""


def through(app, url):
    return app.get("/front/call?" + urllib.parse.urlencode({"url": url})).json


class Resilience(harness.Case):
    def test_a_manifest_says_what_happens_when_things_break(self):
        app = self.application(MANIFEST)
        app.up()

        with self.subTest("an answer that takes too long is replaced by the fallback, and the record says so"):
            answer = through(app, "http://slow/sleep?s=5")
            self.assertEqual((answer["status"], json.loads(answer["body"])), (200, {"instead": True}), answer)
            self.assertIn("fallback", {k.lower(): v for k, v in answer["headers"].items()}["proxy-status"])
            harness.until(lambda: any(r.get("fell_back") == "timed_out" for r in app.records("front-1")), 10, "a record of it")

        with self.subTest("a route's time is kept, and a stranger learns nothing of the inside"):
            late = app.get("/late/sleep?s=5")
            self.assertEqual(late.status, 504)
            for word in ("slow", "calm", "timeout:"):
                self.assertNotIn(word, late.text)

        with self.subTest("a breaker opens, says why, and status tells"):
            for _ in range(4):
                self.assertEqual(through(app, "http://broken/status?code=503")["status"], 503)
            refused = through(app, "http://broken/status?code=200")
            self.assertEqual(json.loads(refused["body"])["error"], "circuit_open", refused)
            harness.until(lambda: app.status()["calls"], 10, "status to tell")
            call = app.status()["calls"][0]
            self.assertEqual((call["rule"], call["breaker"]["state"]), ("front.calls.broken", "open"))
            self.assertIn("circuit open", app.run("status").stdout)

        with self.subTest("a route is split by a header, and a fault is injected into what is marked"):
            self.assertEqual(app.get("/back/x").json["service"], "back")
            self.assertEqual(app.get("/back/x", headers={"x-canary": "1"}).json["service"], "next")
            self.assertEqual(app.get("/back/x", headers={"x-test": "teapot"}).status, 418)

        with self.subTest("reach knows where a split leads"):
            self.assertIn("next", app.run("reach", "gateway").stdout)

        with self.subTest("more at once than a service takes wait or are refused"):
            statuses = []
            asking = [threading.Thread(target=lambda: statuses.append(app.get("/narrow/sleep?s=1").status)) for _ in range(3)]
            for each in asking:
                each.start()
            for each in asking:
                each.join()
            self.assertEqual(sorted(statuses), [200, 200, 503])

        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)


if __name__ == "__main__":
    harness.main()
