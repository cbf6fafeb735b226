"""Conditions on calls and routes, on the wire."""

import json

import harness

MANIFEST = """
app: conditions
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    calls: {api: {allow: [GET /items/*, POST /items], when: 'request.method == "GET" || request.headers["x-role"] == "staff"'}}
  api:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, version.py]
    port: 8080
    environment: {VERSION: api}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /web/*}, to: web, rewrite: /}
    - {match: {path: /api/*}, to: api, rewrite: /, when: 'request.headers["x-key"] == "good" && request.path != "/closed"'}
"""


class Conditions(harness.Case):
    def begin(self, manifest=MANIFEST, **more):
        app = self.application(manifest, **more)
        app.up()
        app.wait_settled()
        return app

    def test_a_route(self):
        app = self.begin()
        self.assertEqual(app.get("/api/x", headers={"x-key": "good"}).text, "api")
        for headers in ({}, {"x-key": "bad"}, {"X-Key": "GOOD"}):
            refused = app.get("/api/x", headers=headers)
            self.assertEqual((refused.status, refused.text), (403, "Forbidden\n"))
        self.assertEqual(app.get("/api/closed", headers={"x-key": "good"}).status, 403)
        connection = app.connection()
        connection.putrequest("GET", "/api/x")
        for value in ("good", "good"):
            connection.putheader("x-key", value)
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 403, "what came twice has no value")
        connection.close()

    def test_a_call(self):
        app = self.begin()

        def asks(method, path, headers):
            program = ("import http.client, sys\nc = http.client.HTTPConnection('api')\n"
                       f"c.request({method!r}, {path!r}, headers={headers!r}, body=b'')\na = c.getresponse()\nprint(a.status, a.read().decode())")
            status, body = app.run("exec", "web", "--", "/usr/bin/python3", "-c", program).stdout.split(" ", 1)
            return int(status), body
        self.assertEqual(asks("GET", "/items/7", {})[0], 200)
        self.assertEqual(asks("POST", "/items", {"X-Role": "staff"})[0], 200)
        status, body = asks("POST", "/items", {"X-Role": "guest"})
        self.assertEqual(status, 403)
        self.assertRegex(json.loads(body)["message"], r"the condition of web\.calls\.api at \S+:8:\d+ does not hold: request\.method")
        line = json.loads(body)["allow"]
        self.assertRegex(json.loads(body)["manifest"], r"bulkhead\.yaml:8$")
        status, body = asks("POST", "/items", {})
        self.assertEqual(status, 403)
        self.assertIn("has no value", json.loads(body)["message"])
        reach = app.run("reach", "web", "api").stdout
        self.assertIn("GET /items/* when request.method", reach)
        recorded = harness.until(lambda: next((each for each in app.records("web") if each.get("allow")), None), what="the record")
        self.assertEqual((recorded["rule"], recorded["allow"]), ("web.calls.api[1]", line))
        # The line that would allow it does, and nothing else.
        before = """when: 'request.method == "GET" || request.headers["x-role"] == "staff"'"""
        app.rewrite(MANIFEST.replace(before, line))
        app.up()
        self.assertEqual(asks("POST", "/items", {"X-Role": "guest"})[0], 200)
        self.assertEqual(asks("GET", "/items/7", {})[0], 200)
        app.rewrite(MANIFEST.replace(before, line.replace('"/items"', '"/others"')))
        app.up()
        self.assertEqual(asks("POST", "/items", {"X-Role": "guest"})[0], 403)

    def test_auditing(self):
        app = self.begin(MANIFEST.replace("environment: {VERSION: api}", "environment: {VERSION: api}\n    mode: audit"))
        pids = app.pids()
        self.assertEqual(app.get("/api/x").status, 200, "its condition does not hold")
        self.assertEqual(app.get("/elsewhere").status, 404)
        harness.until(lambda: "would be denied" in app.run("status").stdout, what="the record")
        said = app.run("status").stdout
        self.assertIn("requests to api are audited", said)
        self.assertIn("_gateway -> api GET /x: would be denied", said)
        checked = app.run("check")
        self.assertIn("its mode is audit", checked.stdout + checked.stderr)
        app.rewrite(MANIFEST)
        app.up()
        self.assertEqual(app.get("/api/x").status, 403)
        self.assertEqual(app.pids(), pids)

    def test_a_change_holds_at_once_and_restarts_nothing(self):
        app = self.begin()
        pids = app.pids()
        good = {"x-key": "good"}
        self.assertEqual(app.get("/api/x", headers=good).status, 200)
        app.rewrite(MANIFEST.replace('== "good"', '== "better"'))
        self.assertIn("when", app.up().stdout)
        self.assertEqual(app.get("/api/x", headers=good).status, 403)
        self.assertEqual(app.get("/api/x", headers={"x-key": "better"}).status, 200)
        self.assertEqual(app.pids(), pids)


if __name__ == "__main__":
    harness.main()
