"""End users: who they are, how that travels, and what nobody can make of it."""

import base64
import hmac
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.parse

import harness
from harness import until

MANIFEST = """
app: bank
auth:
  customers: {issuer: https://id.example, audience: bank, jwks: id/jwks.json, claims: [tier]}
  partners: {api_keys: {@KEY@}}
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, forwarder.py]
    port: 8080
    calls: {orders: {when: 'user.sub == "ann" && user.claims.tier == "gold"'}, open: {}}
    egress: {outside: "http://127.0.0.1:@OUTSIDE@"}
  orders: {dir: @PROGRAMS@, command: [/usr/bin/python3, forwarder.py], port: 8080}
  open: {dir: @PROGRAMS@, command: [/usr/bin/python3, forwarder.py], port: 8080}
gateway:
  listen: 127.0.0.1:@PORT@
  auth: customers
  routes:
    - {match: {path: /*}, to: web}
    - {match: {path: /free/*}, to: web, auth: none}
    - {match: {path: /maybe/*}, to: web, auth: {by: customers, optional: true}}
    - {match: {path: /partners/*}, to: web, auth: {by: [partners, customers], scopes: [orders:read]}}
    - {match: {path: /gold/*}, to: web, when: 'user.claims.tier == "gold"'}
    - {match: {path: /few/*}, to: web, limit: 2/h per user}
"""


def encoded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Issuer:
    """An Ed25519 key of OpenSSL's command line, and tokens that it signs."""

    def __init__(self, kid):
        self.kid = kid
        self.place = tempfile.TemporaryDirectory(prefix="bh-issuer-")
        self.key = pathlib.Path(self.place.name) / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(self.key)], check=True, capture_output=True)

    def jwk(self):
        public = subprocess.run(["openssl", "pkey", "-in", str(self.key), "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        return {"kty": "OKP", "crv": "Ed25519", "x": encoded(public[-32:]), "kid": self.kid}

    def token(self, sub, header=None, sign=None, **claims):
        said = {"iss": "https://id.example", "aud": "bank", "sub": sub, "exp": int(time.time()) + 600, "tier": "gold", "secret": "inner", **claims}
        text = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "EdDSA", "kid": self.kid, "typ": "JWT", **(header or {})}, said))
        if sign:
            return f"{text}.{encoded(sign(text.encode()))}"
        content = pathlib.Path(self.place.name) / "content"
        content.write_text(text)
        signed = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(self.key), "-in", str(content)], check=True, capture_output=True)
        return f"{text}.{encoded(signed.stdout)}"


class Outside(http.server.BaseHTTPRequestHandler):
    """A host outside: tells what reached it, and at /jwks the keys that it was given."""

    keys = None

    def do_GET(self):
        asked_for_keys = self.path == "/jwks"
        told = self.keys if asked_for_keys else [[name.lower(), value] for name, value in self.headers.items()]
        body = json.dumps(told).encode()
        self.send_response(404 if asked_for_keys and not self.keys else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def fields(seen, name):
    return [value for each, value in seen if each == name]


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Users(harness.Case):
    def begin(self, change=lambda text: text):
        self.issuer = self.issuer_of("one")
        outside = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside)
        threading.Thread(target=outside.serve_forever, daemon=True).start()
        self.addCleanup(outside.server_close)
        self.addCleanup(outside.shutdown)
        made = subprocess.run([harness.BULKHEAD, "api-key", "acme", "--scope", "orders:read"], check=True, capture_output=True, text=True)
        self.key = made.stdout.strip()
        line = next(line.strip() for line in made.stderr.splitlines() if "acme:" in line)
        self.text = change(MANIFEST).replace("@KEY@", line).replace("@OUTSIDE@", str(outside.server_address[1]))
        app = self.application(self.text, files={"id/jwks.json": json.dumps({"keys": [self.issuer.jwk()]})})
        app.up()
        app.wait_settled()
        return app

    def issuer_of(self, kid):
        issuer = Issuer(kid)
        self.addCleanup(issuer.place.cleanup)
        return issuer

    def as_user(self, sub="ann", **claims):
        return {"Authorization": "Bearer " + self.issuer.token(sub, **claims)}

    def ask(self, app, url, hand="", say="", path="/ask", headers=None):
        query = urllib.parse.urlencode({"url": url, "hand": hand, "say": say})
        return app.get(f"{path}?{query}", headers=headers or self.as_user()).json

    def test_the_gateway_asks_who_it_is(self):
        app = self.begin()
        asked = app.get("/x")
        self.assertEqual((asked.status, asked.text), (401, "Unauthorized\n"))
        self.assertEqual(asked.headers["www-authenticate"], 'Bearer realm="bank"')
        wrong = app.get("/x", headers=self.as_user(aud="other"))
        self.assertEqual(wrong.status, 401)
        self.assertRegex(wrong.headers["www-authenticate"], r'^Bearer realm="bank", error="invalid_token", error_description="[^"]+"$')
        for headers in (self.as_user(iss="https://evil.example"), self.as_user(exp=1), {"Authorization": "Bearer x"},
                        {"Authorization": "Bearer " + self.issuer_of("one").token("ann")}):
            self.assertEqual(app.get("/x", headers=headers).status, 401, headers)
        self.assertEqual(app.get("/x", headers=self.as_user()).status, 200)
        self.assertEqual(app.get("/free/x").status, 200)
        self.assertEqual(app.get("/maybe/x").status, 200)
        self.assertEqual(app.get("/maybe/x", headers={"Authorization": "Bearer x"}).status, 401)
        self.assertEqual(app.get("/gold/x", headers=self.as_user()).status, 200)
        self.assertEqual(app.get("/gold/x", headers=self.as_user("bob", tier="silver")).status, 403)

    def test_what_is_tried_with_tokens(self):
        app = self.begin()
        public = base64.urlsafe_b64decode(self.issuer.jwk()["x"] + "=")
        confused = lambda text: hmac.digest(public, text, "sha256")
        other = self.issuer_of("one")
        now = int(time.time())
        for what, token in {
            "none": self.issuer.token("ann", {"alg": "none"}, lambda text: b""),
            "None": self.issuer.token("ann", {"alg": "None"}, lambda text: b""),
            "the public key as a secret": self.issuer.token("ann", {"alg": "HS256"}, confused),
            "another algorithm of the key": self.issuer.token("ann", {"alg": "ES256"}),
            "a key that it brings": other.token("ann", {"jwk": other.jwk()}),
            "a place of keys that it names": other.token("ann", {"jku": "https://evil.example/jwks"}),
            "a certificate that it names": other.token("ann", {"x5u": "https://evil.example/x5u"}),
            "a kid that is a path": self.issuer.token("ann", {"kid": "../../../../dev/null"}),
            "a kid that is no text": self.issuer.token("ann", {"kid": ["one"]}),
            "what is critical and not known": self.issuer.token("ann", {"crit": ["b64"], "b64": False}),
            "a token of another kind": self.issuer.token("ann", {"typ": "txntoken+jwt"}),
            "one of the future": self.issuer.token("ann", nbf=now + 3600),
            "one issued in the future": self.issuer.token("ann", iat=now + 3600),
            "one without an end": self.issuer.token("ann", exp=None),
            "one that ended": self.issuer.token("ann", exp=now - 3600),
            "one for nobody": self.issuer.token(""),
            "an audience among others": self.issuer.token("ann", aud=["bank.example", "bankrupt"]),
            "no signature": self.issuer.token("ann").rsplit(".", 1)[0] + ".",
            "two signatures": self.issuer.token("ann") + ".AAAA",
            "a space in it": self.issuer.token("ann").replace(".", ". ", 1),
        }.items():
            with self.subTest(what):
                self.assertEqual(app.get("/x", headers={"Authorization": "Bearer " + token}).status, 401)

    def test_the_user_travels_and_the_credential_does_not(self):
        app = self.begin()
        answer = app.get("/x", headers=self.as_user() | {"Txn-Token": "a stranger's", "txn_token": "too", "X-Api-Key": "mine"})
        self.assertEqual(answer.status, 401, "two credentials")
        answer = app.get("/x", headers=self.as_user() | {"Txn-Token": "a stranger's", "txn_token": "too"})
        self.assertIsNone(answer.headers["txn-token"], "nor what a service says")
        seen = answer.json["headers"]
        self.assertEqual(fields(seen, "authorization"), [])
        self.assertEqual(fields(seen, "txn_token"), [])
        [token] = fields(seen, "txn-token")
        said = claims_of(token)
        self.assertEqual((said["sub"], said["aud"], said["scope"], said["tctx"]), ("ann", "bank.bulkhead", "gateway.routes[0]", {"tier": "gold"}))
        self.assertEqual(said["rctx"]["provider"], "customers")
        self.assertEqual(said["rctx"]["trace_id"], fields(seen, "traceparent")[0].split("-")[1])
        self.assertEqual(said["exp"] - said["iat"], 60)
        free = app.get("/free/x", headers=self.as_user() | {"Txn-Token": "a stranger's"}).json["headers"]
        self.assertEqual((fields(free, "authorization"), fields(free, "txn-token")), ([], []))
        basic = app.get("/free/x", headers={"Authorization": "Basic YTpi"}).json["headers"]
        self.assertEqual(fields(basic, "authorization"), ["Basic YTpi"], "the service's own")

    def test_api_keys(self):
        app = self.begin()
        for headers in ({"X-Api-Key": self.key}, {"Authorization": "Bearer " + self.key}):
            seen = app.get("/partners/x", headers=headers).json["headers"]
            said = claims_of(fields(seen, "txn-token")[0])
            self.assertEqual((said["sub"], said["rctx"]["provider"], said["tctx"]), ("acme", "partners", {"scopes": ["orders:read"]}))
            self.assertEqual((fields(seen, "x-api-key"), fields(seen, "authorization")), ([], []))
        self.assertEqual(app.get("/x", headers={"X-Api-Key": self.key}).status, 401, "it is not asked for there")
        self.assertEqual(app.get("/partners/x", headers={"X-Api-Key": self.key[:-1] + ("a" if self.key[-1] != "a" else "b")}).status, 401)
        lacking = app.get("/partners/x", headers=self.as_user())
        self.assertEqual(lacking.status, 403)
        self.assertIn('error="insufficient_scope"', lacking.headers["www-authenticate"])
        self.assertEqual(app.get("/partners/x", headers=self.as_user(scope="orders:read")).status, 200)
        self.assertNotIn(self.key.split("_")[2], app.manifest.read_text())

    def test_an_api_key_has_a_limit_of_its_own(self):
        app = self.begin()
        app.rewrite(self.text.replace("scopes: [orders:read]}}}", "scopes: [orders:read], limit: 3/h}}}"))
        self.assertIn("auth.partners.api_keys.acme.limit[0]", app.up().stdout)
        key = {"X-Api-Key": self.key}
        until(lambda: app.get("/partners/x", headers=key).headers["ratelimit-policy"] == '"key-acme";q=3;w=3600', what="the limit")
        self.assertEqual([app.get(path, headers=key).status for path in ("/partners/x", "/partners/y")], [200, 200])
        refused = app.get("/partners/z", headers=key)
        self.assertEqual((refused.status, refused.text), (429, "Too Many Requests: API key 'acme' is limited to 3/1h\n"))
        self.assertRegex(refused.headers["ratelimit"], r'^"key-acme";r=0;t=\d+$')
        self.assertGreater(int(refused.headers["retry-after"]), 60)
        self.assertEqual(app.get("/partners/x", headers=self.as_user(scope="orders:read")).status, 200, "of nobody else")

    def test_a_call_is_made_for_whom_it_carries_on(self):
        app = self.begin()
        for hand in ("txn-token", "traceparent", "txn-token,traceparent"):
            answer = self.ask(app, "http://orders/x", hand)
            self.assertEqual(answer["status"], 200, answer)
            self.assertEqual(claims_of(fields(answer["body"]["headers"], "txn-token")[0])["sub"], "ann")
        alone = self.ask(app, "http://orders/x")
        self.assertEqual(alone["status"], 403)
        self.assertIn("it is not known for this request: 'sub'", alone["body"]["message"])
        self.assertEqual(self.ask(app, "http://open/x")["status"], 200)
        self.assertEqual(self.ask(app, "http://orders/x", "txn-token", headers=self.as_user("bob"))["status"], 403)
        until(lambda: any(line.get("user") == "ann" and line.get("callee") == "orders" for line in app.records("orders")), what="the record")
        until(lambda: any(line.get("user") == "bob" and line.get("type") == "denied" for line in app.records("web")), what="the denial")

    def test_a_service_can_neither_forge_nor_widen(self):
        app = self.begin()
        token = fields(app.get("/x", headers=self.as_user("bob", tier="silver")).json["headers"], "txn-token")[0]
        head, body, signature = token.split(".")
        widened = encoded(json.dumps(claims_of(token) | {"sub": "ann", "tctx": {"tier": "gold"}}).encode())
        none = encoded(b'{"alg":"none","typ":"txntoken+jwt"}')
        for forged in (f"{head}.{widened}.{signature}", f"{none}.{widened}.", self.issuer.token("ann"), "ann"):
            for callee in ("orders", "open"):
                answer = self.ask(app, f"http://{callee}/x", say="Txn-Token:" + forged)
                self.assertEqual(answer["status"], 403, answer)
                self.assertIn("the user's token (txn-token) is refused", answer["body"]["message"])
        answer = self.ask(app, "http://open/x", "txn-token", say="txn_token:" + widened)
        self.assertEqual(fields(answer["body"]["headers"], "txn_token"), [], "many servers read it as the same name")
        until(lambda: any("refused" in line.get("reason", "") for line in app.records("web")), what="the record")

    def test_the_token_stays_inside(self):
        app = self.begin()
        left = self.ask(app, "http://outside/x", "txn-token,traceparent", say="txn_token:x,X-Own:y")
        self.assertEqual(left["status"], 200, left)
        self.assertEqual((fields(left["body"], "txn-token"), fields(left["body"], "txn_token"), fields(left["body"], "x-own")), ([], [], ["y"]))

    def test_limits_per_user(self):
        app = self.begin()
        self.assertEqual([app.get("/few/x", headers=self.as_user()).status for _ in range(3)], [200, 200, 429])
        self.assertEqual(app.get("/few/x", headers=self.as_user("bob")).status, 200)
        self.assertEqual([app.get("/few/x").status for _ in range(3)], [401, 401, 429], "who tries is counted, too")

    def test_a_change_holds_at_once_and_restarts_nothing(self):
        app = self.begin()
        pids = app.pids()
        former = self.as_user()
        self.assertEqual(app.get("/x", headers=former).status, 200)
        self.issuer = self.issuer_of("two")
        (app.directory / "id/jwks.json").write_text(json.dumps({"keys": [self.issuer.jwk()]}))
        app.up()
        until(lambda: app.get("/x", headers=former).status == 401, what="the new keys")
        self.assertEqual(app.get("/x", headers=self.as_user()).status, 200)
        app.rewrite(self.text.replace("audience: bank", "audience: branch"))
        self.assertIn("auth.customers.audience", app.up().stdout)
        until(lambda: app.get("/x", headers=self.as_user()).status == 401, what="the new audience")
        self.assertEqual(app.get("/x", headers=self.as_user(aud="branch")).status, 200)
        (app.directory / "id/jwks.json").write_text("{}")
        refused = app.run("up", "--detach", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertRegex(refused.stdout + refused.stderr, r"the keys of 'customers' can not be used: id/jwks\.json: ")
        self.assertEqual(app.get("/x", headers=self.as_user(aud="branch")).status, 200, "what was refused changes nothing")
        self.assertEqual(app.pids(), pids)

    def test_keys_that_are_fetched(self):
        Outside.keys = None
        app = self.begin(lambda text: text.replace("jwks: id/jwks.json", 'jwks: "http://127.0.0.1:@OUTSIDE@/jwks"'))
        self.assertIn("-> customers (http://127.0.0.1:", app.run("graph").stdout)
        missing = app.get("/x", headers=self.as_user())
        self.assertEqual((missing.status, missing.headers["www-authenticate"]), (503, None))
        self.assertEqual(app.get("/free/x").status, 200)
        until(lambda: any("the keys of customers could not be fetched" in line.get("text", "") for line in app.records("_gateway")), what="the note")
        Outside.keys = {"keys": [self.issuer.jwk()]}
        until(lambda: app.get("/x", headers=self.as_user()).status == 200, what="the keys")

    def test_no_secret_lies_around(self):
        app = self.begin()
        credential = self.as_user()
        token = fields(app.get("/x", headers=credential).json["headers"], "txn-token")[0]
        self.ask(app, "http://open/x", say="Txn-Token:" + token[:-4])
        until(lambda: any("refused" in line.get("reason", "") for line in app.records("web")), what="the record")
        private = (app.directory / "b/state/bank/users/key.pem").read_text().splitlines()[1]
        for path in (app.directory / "b").rglob("*"):
            if not path.is_file() or path.name == "web-1.log":  # a program writes what it likes
                continue
            text = path.read_text(errors="replace")
            for secret in (credential["Authorization"].split(".")[2], token.split(".")[2][:40]):
                self.assertNotIn(secret, text, path)
            if path.name != "key.pem":
                self.assertNotIn(private, text, path)
        self.assertEqual((app.directory / "b/state/bank/users/key.pem").stat().st_mode & 0o777, 0o600)
        self.assertNotIn(private, app.run("status", "--json").stdout + app.run("graph", "--format", "json").stdout)


if __name__ == "__main__":
    harness.main()
