"""Policy on the wire and offline: deny rules beat what calls and routes allow, and `can` says the same without anything running."""

import json
import os
import signal
import threading

import harness
from users_test import Issuer

MANIFEST = """
app: policy
include: policy/rules.yaml
auth:
  customers: {issuer: https://id.example, audience: bank, jwks: jwks.json, claims: [tier]}
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, forwarder.py]
    port: 8080
    calls: [orders]
  orders: {dir: @PROGRAMS@, command: [/usr/bin/python3, forwarder.py], port: 8080}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /*}, to: web}
    - {match: {path: /orders/*}, to: orders, rewrite: /, auth: customers}
"""
RULES = """
groups: {backend: [orders]}
deny:
  - {name: no-admin, to: backend, requests: ["* /admin/*"]}
  - {name: gold-only, from: gateway, to: backend, when: 'user.claims.tier != "gold"'}
"""


class Policy(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.issuer = Issuer("one")

    @classmethod
    def tearDownClass(cls):
        cls.issuer.place.cleanup()

    def begin(self, manifest=MANIFEST, **more):
        app = self.application(manifest, files={"jwks.json": json.dumps({"keys": [self.issuer.jwk()]}), "policy/rules.yaml": RULES}, **more)
        app.up()
        app.wait_settled()
        return app

    def as_user(self, sub, **claims):
        return {"authorization": f"Bearer {self.issuer.token(sub, **claims)}"}

    def asks(self, app, path):
        return json.loads(app.get(f"/ask?url=http://orders{path}").text)

    def test_deny_beats_allow_at_both_ends_and_offline(self):
        app = self.begin()
        self.assertEqual(self.asks(app, "/items")["status"], 200)
        for path in ("/admin/x", "/Admin/x", "/%2561dmin/x"):
            with self.subTest(path):
                denied = self.asks(app, path)
                self.assertEqual(denied["status"], 403, denied)
                self.assertRegex(denied["body"]["message"], r"deny\.no-admin at \S*/policy/rules\.yaml:4:\d+ denies it")
                self.assertRegex(denied["body"]["manifest"], r"policy/rules\.yaml:4$")
                seen = path.replace("%25", "%")
                self.assertEqual(denied["body"]["allow"], f"""when: '!(request.method == "GET" && request.path == "{seen}")'""")
        record = harness.until(lambda: next((line for line in app.records("web") if line.get("rule") == "deny.no-admin"), None), what="the record")
        self.assertEqual((record["subject"], record["object"], record["action"], record["verdict"]), ("web", "orders", "GET /admin/x", "denied"))
        self.assertRegex(record["rule_at"], r"/policy/rules\.yaml:4:\d+$")
        self.assertTrue(record["trace"])
        gold, silver = self.as_user("ann"), self.as_user("bob", tier="silver")
        cases = [("customers:ann", "/orders/x", gold, 200, ["--claim", "tier=gold"]), ("customers:bob", "/orders/x", silver, 403, ["--claim", "tier=silver"]),
                 ("customers:ann", "/orders/admin/x", gold, 403, ["--claim", "tier=gold"]), ("-", "/orders/x", {}, 401, []), ("-", "/x", {}, 200, [])]
        for user, path, headers, status, claims in cases:
            with self.subTest(user + path):
                self.assertEqual(app.get(path, headers=headers).status, status)
                said = app.run("can", user, "GET", path, *claims, check=False)
                self.assertEqual(said.returncode, 0 if status == 200 else 1, said.stdout + said.stderr)
        said = json.loads(app.run("can", "customers:bob", "get", "/orders/x", "--claim", "tier=silver", "--json", check=False).stdout)
        self.assertEqual((said["verdict"], said["gateway"][0]["rule"]), ("denied", "deny.gold-only"))
        self.assertRegex(said["gateway"][0]["position"], r"/policy/rules\.yaml:5:\d+$")

    def test_what_is_audited_records_what_a_rule_denies(self):
        app = self.begin(MANIFEST.replace("forwarder.py], port: 8080}\ngateway", "forwarder.py], port: 8080, mode: audit}\ngateway"))
        self.assertEqual(self.asks(app, "/admin/x")["status"], 200)
        harness.until(lambda: "would be denied" in app.run("status").stdout, what="the record")

    def test_a_change_holds_at_once_and_restarts_nothing(self):
        app = self.begin()
        pids = app.pids()
        self.assertEqual(self.asks(app, "/items")["status"], 200)
        app.rewrite(MANIFEST + "deny:\n  - {name: closed, from: web, to: orders}\n")
        self.assertIn("deny.closed", app.up().stdout)
        closed = self.asks(app, "/items")
        self.assertEqual(closed["status"], 403, closed)
        self.assertRegex(closed["body"]["message"], r"deny\.closed at \S*/bulkhead\.yaml:\d+:5 denies it")
        self.assertEqual(app.run("reach", "web", "orders", check=False).returncode, 1)
        app.rewrite(MANIFEST)
        app.up()
        self.assertEqual(self.asks(app, "/items")["status"], 200)
        self.assertEqual(app.pids(), pids)

    def test_up_waits_for_every_sidecar_to_take_a_change_in(self):
        app = self.begin()
        self.assertFalse(app.instance("web-1")["behind"])
        stopped = app.instance("web-1")["sidecar_pid"]
        app.rewrite(MANIFEST + "deny:\n  - {name: closed, from: web, to: orders}\n")
        os.kill(stopped, signal.SIGSTOP)
        applying = threading.Thread(target=app.up)
        try:
            applying.start()
            harness.until(lambda: app.instance("web-1")["behind"], what="the sidecar that is stopped")
            self.assertFalse(app.status()["settled"])
            self.assertIn("web-1: its sidecar still goes by what was before the last change", app.run("status", check=False).stdout)
            self.assertTrue(applying.is_alive())
        finally:
            os.kill(stopped, signal.SIGCONT)
            applying.join()
        self.assertFalse(app.instance("web-1")["behind"])
        self.assertEqual(self.asks(app, "/items")["status"], 403)


if __name__ == "__main__":
    harness.main()
