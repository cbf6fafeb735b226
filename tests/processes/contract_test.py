"""A service's contract, held by its sidecar: requests, answers, and what is said about both."""

import json
import urllib.parse

import harness
from harness import until

OPENAPI = """
openapi: 3.1.0
info: {title: catalog, version: "1"}
paths:
  /items/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string, maxLength: 8}}]
    get:
      parameters: [{name: fields, in: query, schema: {type: string}}]
      responses:
        "200": {description: one, content: {application/json: {schema: {$ref: "#/components/schemas/Item"}}}}
        "404": {description: none, content: {application/json: {schema: {type: object, properties: {detail: {type: string}}}}}}
  /items:
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Item"}}}}
      responses:
        "201": {description: made, content: {application/json: {schema: {type: object}}}}
components:
  schemas:
    Item:
      type: object
      required: [name, price]
      properties: {name: {type: string}, price: {type: integer, minimum: 1}}
      unevaluatedProperties: false
"""

# Of this contract everything is secret that has "hush" in it in a request or an answer.
SENSITIVE = OPENAPI.replace("""      parameters: [{name: fields, in: query, schema: {type: string}}]
""", """      parameters:
        - {name: token, in: query, x-sensitive: true, schema: {type: string, maxLength: 12}}
        - {name: by, in: query, style: deepObject, x-sensitive: true, schema: {type: object, additionalProperties: {type: integer}}}
        - {name: X-Card, in: header, x-sensitive: true, schema: {type: string, maxLength: 12}}
        - {name: session, in: cookie, schema: {$ref: "#/components/schemas/Secret"}}
""").replace("""properties: {name: {type: string}, price: {type: integer, minimum: 1}}
""", """properties:
        name: {type: string}
        price: {type: integer, minimum: 1}
        pin: {$ref: "#/components/schemas/Secret"}
        notes: {type: object, x-sensitive: true, additionalProperties: {type: integer, minimum: 1}}
        profile: {type: object, x-sensitive: true, properties: {eyes: {type: string}}, additionalProperties: false}
        open: {type: object, additionalProperties: {type: integer}}
""") + """    Secret: {type: string, x-sensitive: true, maxLength: 12}
"""

MANIFEST = """
app: contract
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    calls: [catalog]
  catalog:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, catalog.py]
    port: 8080
    contract: {file: openapi.yaml}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /web/*}, to: web, rewrite: /}
    - {match: {path: /*}, to: catalog}
"""

JSON = {"Content-Type": "application/json"}


class Contract(harness.Case):
    def begin(self, manifest=MANIFEST):
        app = self.application(manifest, files={"openapi.yaml": OPENAPI})
        app.up()
        app.wait_settled()
        return app

    def post(self, app, body, headers=None):
        return app.request("POST", "/items", body=body if isinstance(body, (str, bytes)) else json.dumps(body), headers=headers or JSON)

    def test_requests(self):
        app = self.begin()
        made = self.post(app, {"name": "boat", "price": 2})
        self.assertEqual((made.status, made.json), (201, {"seen": {"name": "boat", "price": 2}}))
        low = self.post(app, {"name": "boat", "price": 0})
        self.assertEqual((low.status, low.headers["content-type"]), (422, "application/problem+json"))
        problem = low.json
        self.assertEqual((problem["where"], problem["pointer"]), ("body", "/price"))
        self.assertTrue(problem["rule"].endswith("/price/minimum"), problem)
        for body, headers, status in (({"name": "boat", "price": 2, "admin": True}, None, 422), ('{"name": "boat", "price": 1, "price": 2}', None, 400),
                                      ("{", None, 400), ("name=boat", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
                                      ({"name": "b" * (1 << 20), "price": 2}, None, 413), ({"name": "boat", "price": 2}, JSON | {"Content-Encoding": "gzip"}, 415)):
            self.assertEqual(self.post(app, body, headers).status, status, (str(body)[:60], headers))
        for method, path, status in (("GET", "/items/1?fields=name", 200), ("GET", "/items/1?admin=1", 400), ("GET", "/items/123456789", 400),
                                     ("DELETE", "/items/1", 405), ("GET", "/metrics", 404), ("GET", "/items/1/", 404)):
            self.assertEqual(app.request(method, path).status, status, (method, path))
        until(lambda: any(line["path"] == "/items" and line["reason"] == "contract" for line in app.status()["denied"]), what="the count")
        record = until(lambda: next((line for line in app.records("catalog") if "the contract: " in line.get("reason", "")), None), what="the record")
        self.assertTrue(record["rule"].startswith("catalog.contract#/"), record)
        self.assertTrue(record["rule_at"].endswith("openapi.yaml"), record)

    def test_a_body_is_whole_before_the_first_byte_goes_on(self):
        app = self.begin()
        body = json.dumps({"name": "boat", "price": 2}).encode()
        connection = app.connection()
        connection.request("POST", "/items", body=(body[i:i + 5] for i in range(0, len(body), 5)), headers=JSON, encode_chunked=True)
        self.assertEqual(connection.getresponse().read(), b'{"seen": {"name": "boat", "price": 2}}')
        connection.close()
        before = app.logs().count("POST /items")
        self.assertEqual(self.post(app, {"name": "boat", "price": 0}).status, 422)
        self.assertEqual(app.logs().count("POST /items"), before, "the service has not seen it")

    def test_a_caller_inside_is_told_too(self):
        app = self.begin()
        told = app.get("/web/call?url=http://catalog/items/123456789").json
        self.assertEqual(told["status"], 400)
        self.assertEqual(json.loads(told["body"])["where"], "path")

    def test_a_condition_asks_for_what_the_contract_points_out(self):
        calls = "    calls: {catalog: {when: 'resource.owner == request.headers[\"x-who\"]'}}\n"
        manifest = MANIFEST.replace("    calls: [catalog]\n", calls).replace("to: catalog}", "to: catalog, when: 'resource.owner == request.headers[\"x-who\"]'}")
        document = OPENAPI.replace("properties: {name:", "properties: {owner: {type: string}, name:").replace(
            "    get:\n", "    get:\n      x-bulkhead-resource: {owner: {in: path, name: id}}\n").replace(
            "    post:\n", "    post:\n      x-bulkhead-resource: {owner: {in: body, pointer: /owner}}\n")
        app = self.application(manifest, files={"openapi.yaml": document})
        app.up()
        ann = JSON | {"X-Who": "ann"}
        self.assertEqual(self.post(app, {"name": "boat", "price": 2, "owner": "ann"}, ann).status, 201)
        before = app.logs().count("POST /items")
        for body, headers, status in (({"name": "boat", "price": 2, "owner": "bob"}, ann, 403), ({"name": "boat", "price": 2}, ann, 403),
                                      ({"name": "boat", "price": 2, "owner": "ann"}, JSON, 403), ({"name": "boat", "price": 0, "owner": "ann"}, ann, 422)):
            self.assertEqual(self.post(app, body, headers).status, status, (body, headers))
        self.assertEqual(app.logs().count("POST /items"), before, "the service has seen none of them")
        self.assertEqual((app.get("/items/1", headers={"X-Who": "1"}).status, app.get("/items/1", headers={"X-Who": "2"}).status), (200, 403))
        self.assertEqual(app.get("/items/1", headers={"X-Who": "1, 1"}).status, 403)
        told = app.get("/web/call?url=http://catalog/items/1", headers={"X-Who": "1"}).json
        self.assertEqual(told["status"], 403, "echo.py does not forward it")
        self.assertIn('the condition of web.calls.catalog at', told["body"])
        until(lambda: any("does not hold" in line.get("reason", "") for line in app.records("catalog")), what="the record")
        pids = app.pids()
        app.rewrite(manifest.replace("== request.headers", "!= request.headers"))
        app.up()
        until(lambda: self.post(app, {"name": "boat", "price": 2, "owner": "ann"}, ann).status == 403, what="the new condition")
        self.assertEqual(app.get("/items/1", headers={"X-Who": "2"}).status, 200)
        self.assertEqual(app.pids(), pids)

    def test_answers(self):
        app = self.begin()
        self.assertEqual(app.get("/items/1", headers={"Accept-Encoding": "gzip"}).json, {"name": "ship", "price": 7})
        self.assertEqual(app.get("/items/none").json, {"detail": "no such item"})
        broken = app.get("/items/broken")
        self.assertEqual(broken.status, 502)
        self.assertNotIn("cost", broken.text)
        self.assertEqual(app.get("/items/html").status, 200, "a type that is not declared is recorded")
        until(lambda: any(line["reason"] == "undeclared_answer" for line in app.status()["denied"]), what="the count")
        until(lambda: any("/cost" in line.get("text", "") for line in app.records("catalog")), what="the note")

    def test_a_change_holds_at_once_and_restarts_nothing(self):
        app = self.begin()
        pids = app.pids()
        app.rewrite(MANIFEST.replace("{file: openapi.yaml}", "{file: openapi.yaml, response: report}"))
        self.assertIn("contract", app.up().stdout)
        until(lambda: "cost" in app.get("/items/1").json, what="what is only reported")
        (app.directory / "openapi.yaml").write_text(OPENAPI.replace("minimum: 1", "minimum: 5"))
        self.assertIn("contract", app.up().stdout)
        until(lambda: self.post(app, {"name": "boat", "price": 2}).status == 422, what="the new contract")
        app.rewrite(MANIFEST.replace("contract: {file", "mode: audit\n    contract: {file"))
        app.up()
        until(lambda: self.post(app, {"name": "boat", "price": 0}).status == 201, what="what is audited")
        until(lambda: any(line["reason"] == "would be denied" for line in app.status()["denied"]), what="its record")
        self.assertEqual(app.pids(), pids)

    def test_it_is_shown_as_one_and_compared_by_callers(self):
        app = self.application(MANIFEST.replace("calls: [catalog]", "calls: {catalog: [GET /items/*]}"), files={
            "openapi.yaml": OPENAPI, "new.yaml": OPENAPI.replace("maxLength: 8", "maxLength: 4").replace("minimum: 1", "minimum: 5")})
        shown = json.loads(app.run("contract", "show").stdout)
        self.assertEqual((shown["info"]["title"], sorted(shown["paths"])), ("contract", ["/items", "/items/{id}"]))
        old, new = str(app.directory / "openapi.yaml"), str(app.directory / "new.yaml")
        self.assertEqual(app.run("contract", "diff", old, old).stdout, "nothing that a caller could tell\n")
        said = app.run("contract", "diff", old, new, check=False)
        self.assertEqual(said.returncode, 1)
        self.assertIn("breaking: GET /items/{id}, path parameter 'id': has another 'maxLength' (called by web, the gateway)\n", said.stdout)
        self.assertIn("breaking: POST /items, request body, /price: has another 'minimum' (called by the gateway)\n", said.stdout)
        changes = json.loads(app.run("contract", "diff", old, new, "--json", check=False).stdout)
        self.assertEqual((changes["service"], changes["breaking"]), ("catalog", True))

    def test_a_sensitive_value_in_a_path_is_written_nowhere(self):
        document = OPENAPI.replace("name: id, in: path,", "name: id, in: path, x-sensitive: true,")
        manifest = MANIFEST.replace("    calls: [catalog]\n", "    calls: {catalog: [POST /items]}\n").replace(
            "{path: /*}, to: catalog", "{path: /*, methods: [GET, DELETE]}, to: catalog")
        app = self.application(manifest, files={"openapi.yaml": document})
        app.up()
        app.wait_settled()
        self.assertEqual(app.get("/items/hush-42").status, 404)
        self.assertEqual(app.request("DELETE", "/items/hush-42").status, 405)
        self.assertEqual(app.get("/web/call?url=http://catalog/items/hush-42").json["status"], 403)
        spans = lambda: [line for line in app.records("_gateway") + app.records("catalog") + app.records("web") if line.get("path") == "/items/*"]
        until(lambda: len(spans()) >= 5, what="both hops of the first two, and the caller's of the third")
        allow = [line for line in app.status()["denied"] if line["caller"] == "web"]
        self.assertEqual([line["path"] for line in allow], ["/items/*"])
        self.assertEqual(app.request("PUT", "/items/hush-42").status, 404)
        until(lambda: any(line.get("method") == "PUT" and line["path"] == "/items/*" for line in app.records("_gateway")), what="what no route takes")
        # Neither in a line for the manifest, which quotes it, nor where nobody can tell which segment it is.
        self.assertEqual(app.get("/web/call?url=http://catalog/items/hush$42").json["status"], 403)
        for ambiguous in ("/items/hush%2F42", "/items//hush-42", "/x/../items/hush-42"):
            self.assertEqual(app.get(ambiguous).status, 400, ambiguous)
            self.assertEqual(app.get("/web/call?url=" + urllib.parse.quote("http://catalog" + ambiguous)).json["status"], 400, ambiguous)
        until(lambda: sum(line.get("path") == "/*" for line in app.records("_gateway") + app.records("web")) >= 6, what="what is ambiguous")
        for line in app.records("_gateway") + app.records("catalog") + app.records("web"):
            self.assertNotIn("hush", json.dumps(line))
        self.assertIn("GET /items/*", json.dumps(app.records("web")))
        until(lambda: "/items/*" in app.run("traces").stdout, what="the collector")
        for asked in (("traces",), ("edges", "--denied"), ("policy", "suggest")):
            self.assertNotIn("hush", app.run(*asked).stdout)

    def ask_with_secrets(self, app):
        """What the contract takes, and what it does not; the statuses of these."""
        for query, headers in (("?token=hush-query", {}), ("?by[hush]=1", {}), ("", {"X-Card": "hush-header", "Cookie": "session=hush-cookie; other=hush"})):
            self.assertEqual(app.get("/items/2" + query, headers=headers).status, 200)
        boat = {"name": "boat", "price": 2}
        self.assertEqual(self.post(app, boat | {"pin": "hush-pin", "notes": {"hush-key": 1}}).status, 201)
        for query, headers in (("?token=hush-hush-hush", {}), ("?token=hush&token=hush", {}), ("?token=a&hush-rest", {}), ("?hush=%25hush", {}),
                               ("?by[hush]=hush", {}), ("?by[hush", {}), ("", {"X-Card": "hush-hush-hush"}), ("", {"Cookie": "session=hush-hush-hush"})):
            yield app.get("/items/1" + query, headers=headers).status
        for more in ({"pin": "hush-hush-hush"}, {"pin": {"hush": 1}}, {"notes": {"hush-key": 0}}, {"notes": {"hush-key": "hush"}}, {"profile": {"hush-member": 1}}):
            answer = self.post(app, boat | more)
            self.assertNotIn("hush", answer.text if answer.status != 201 else "")
            yield answer.status

    def test_a_sensitive_value_is_written_nowhere(self):
        app = self.application(MANIFEST, files={"openapi.yaml": SENSITIVE})
        app.up()
        app.wait_settled()
        self.assertEqual(list(self.ask_with_secrets(app)), [400] * 8 + [422] * 5)
        self.assertEqual(self.post(app, '{"name": "hush", "pin": "hush').status, 400)
        self.assertEqual(app.get("/items/2").json, {"name": "boat", "price": 2, "profile": {"eyes": "hush-eyes"}, "notes": {"hush-note": 0}})
        texts = lambda: [line.get("reason", "") + line.get("text", "") + line.get("detail", "") for line in app.records("catalog")]
        for text in ("taken out: /profile/*, /cost; ", "/notes has something in it that is too small", "a query parameter is not declared"):
            until(lambda: any(text in each for each in texts()), what=text)
        audit = MANIFEST.replace("contract: {file", "mode: audit\n    contract: {file")
        app.rewrite(audit)
        app.up()
        until(lambda: self.post(app, {"name": "boat", "price": 0}).status == 201, what="what is audited")
        self.assertEqual(list(self.ask_with_secrets(app)), [200] * 8 + [201] * 5)
        self.assertIn("hush-member", app.get("/items/2").text, "what is audited loses nothing")
        self.assertEqual(self.post(app, {"name": "boat", "price": 2, "open": {"told-key": "x"}}).status, 201)
        until(lambda: any("/open/told-key" in each for each in texts()), what="the name of what is no secret")
        store = app.directory / "b/state" / app.name / "telemetry"
        stored = lambda: [path.read_bytes() for path in store.rglob("*") if path.is_file()]
        until(lambda: any(b"/open/told-key" in each for each in stored()), what="the same in the collector's store, which can be searched so")
        for asked in (("status", "--json"), ("status",), ("traces",), ("why",), ("edges", "--denied"), ("logs",), ("policy", "suggest")):
            self.assertNotIn("hush", app.run(*asked, check=False).stdout, asked)
        self.assertNotIn("hush", app.platform_log())
        for path in (app.directory / "b").rglob("*"):
            if path.is_file():
                self.assertNotIn(b"hush", path.read_bytes(), path)

    def test_what_can_not_be_held_is_said(self):
        app = self.begin()
        (app.directory / "openapi.yaml").write_text(OPENAPI.replace("maxLength: 8", "pattern: '(?=a)'"))
        for verb in ("check", "up"):
            said = app.run(verb, *(["--detach"] if verb == "up" else []), check=False)
            self.assertNotEqual(said.returncode, 0)
            self.assertRegex(said.stdout + said.stderr, r"bulkhead\.yaml:13:5: error: the contract of 'catalog' can not be held: openapi\.yaml:6:\d+: ")
        (app.directory / "openapi.yaml").unlink()
        said = app.run("check", check=False)
        self.assertIn("the contract of 'catalog' 'openapi.yaml' does not exist or can not be read", said.stdout + said.stderr)


if __name__ == "__main__":
    harness.main()
