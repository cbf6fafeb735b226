"""End users: who they are, how that travels, and what nobody can make of it."""

import base64
import collections
import contextlib
import hmac
import http.client
import http.server
import json
import pathlib
import socket
import sqlite3
import ssl
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


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token):
    return json.loads(decoded(token.split(".")[1]))


def stored(path):
    """What the collector keeps, but for the lines that programs wrote."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        tables = {name for name, in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} - {"logs"}
        return "\n".join(str(row) for table in sorted(tables) for row in store.execute(f"SELECT * FROM {table}"))


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
        self.assertEqual(app.get("/gold/x").status, 401)
        denied = lambda: [line for line in app.records("_gateway") if line.get("verdict") == "denied"]
        until(lambda: len(denied()) >= 9, what="the records")
        first, last, nobody = denied()[0], denied()[-2], denied()[-1]
        self.assertEqual([first[name] for name in ("subject", "object", "action", "rule", "reason")],
                         ["_gateway", "web", "* /*", "gateway.routes[0].auth",
                          f"no credential came; to allow it, write at {first['rule_at']}: {first['allow']}"])
        self.assertRegex(first["rule_at"], r"/bulkhead\.yaml:19:\d+$")
        self.assertEqual(first["allow"], "auth: {by: [customers], optional: true}")
        self.assertEqual((last["user"], last["action"]), ("bob", "GET /gold/x"))
        self.assertNotIn("allow", nobody, "one line would not do")
        self.assertRegex(nobody["reason"], r"^no credential came; to allow it, write at \S+: auth: {by: \[customers\], optional: true}, and let gateway\.routes\[\d\]\.match at \S+ allow it$")
        self.assertTrue(all(line["trace"] for line in denied()))

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
        self.assertEqual(said["txn"], fields(seen, "traceparent")[0].split("-")[1])
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

    def test_tokens_are_sealed_for_each_service(self):
        app = self.begin()

        def sealed():
            answer = self.ask(app, "http://orders/x", "txn-token")
            self.assertEqual(answer["status"], 200, answer)
            token = fields(answer["body"]["headers"], "txn-token")[0]
            self.assertEqual(claims_of(token)["sub"], "ann")
            return token if json.loads(decoded(token.split(".")[0])) == {"alg": "SEALS-HS256", "typ": "txntoken+jwt"} else None

        token = until(sealed, what="a sealed token")
        header, payload, seals = token.split(".")
        self.assertEqual(len(decoded(seals)) % 24, 0)
        widened = encoded(json.dumps(claims_of(token) | {"tctx": {"tier": "platinum"}}).encode())
        plain = encoded(b'{"alg":"ES256","typ":"txntoken+jwt"}')
        forgeries = [f"{header}.{widened}.{seals}", f"{plain}.{payload}.{seals}", f"{header}.{payload}.{seals[:-32]}", f"{header}.{payload}."]
        # Each seal is right for one service at most: with all the others left out somebody of the call's two ends refuses.
        whole = decoded(seals)
        forgeries += [f"{header}.{payload}.{encoded(whole[at:at + 24])}" for at in range(0, len(whole), 24)]
        for forged in forgeries:
            answer = self.ask(app, "http://open/x", say="Txn-Token:" + forged)
            self.assertEqual(answer["status"], 403, forged)
            self.assertIn("the user's token (txn-token) is refused", answer["body"]["message"])
        self.assertEqual(self.ask(app, "http://open/x", say="Txn-Token:" + token)["status"], 200)
        # A controller that returns has to hear of every sidecar first.
        harness.kill(app.lock_holder("controller"))
        self.ask(app, "http://orders/x", "txn-token")
        until(lambda: app.status().get("settled"), what="the controller's return")
        until(sealed, what="seals again")

    def test_rules_that_change_meanwhile_refuse_no_user(self):
        app = self.begin()
        over = threading.Event()
        target = "/ask?" + urllib.parse.urlencode({"url": "http://open/x"})
        headers = self.as_user()
        answers = collections.Counter()

        def ask(connection):
            while not over.is_set():
                connection.request("GET", target, headers=headers)
                answer = connection.getresponse()
                text = answer.read()
                inner = json.loads(text)["status"] if answer.status == 200 else text
                answers[(answer.status, inner)] += 1

        with contextlib.ExitStack() as stack:
            threads = [threading.Thread(target=ask, args=(stack.enter_context(contextlib.closing(app.connection())),)) for _ in range(32)]
            for thread in threads:
                thread.start()
            for number in range(1, 31):
                app.rewrite(self.text.replace("scopes: [orders:read]}}}", f"scopes: [orders:read], limit: {number}/h}}}}}}"))
                app.up()
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(list(answers), [(200, 200)], answers)

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
        store = app.directory / "b/state/bank/telemetry"
        until(lambda: any("refused" in stored(path) for path in store.glob("*.db")), what="the same in the store")
        private = (app.directory / "b/state/bank/users/key.pem").read_text().splitlines()[1]
        for path in (app.directory / "b").rglob("*"):
            if not path.is_file() or path.name == "web-1.log":  # a program writes what it likes
                continue
            if path.parent.name == "telemetry" and path.suffix != ".db":
                continue  # the same as in the database that it belongs to
            text = stored(path) if path.suffix == ".db" else path.read_text(errors="replace")
            for secret in (credential["Authorization"].split(".")[2], token.split(".")[2][:40]):
                self.assertNotIn(secret, text, path)
            if path.name != "key.pem":
                self.assertNotIn(private, text, path)
        self.assertEqual((app.directory / "b/state/bank/users/key.pem").stat().st_mode & 0o777, 0o600)
        self.assertNotIn(private, app.run("status", "--json").stdout + app.run("graph", "--format", "json").stdout)


class Authority:
    """Of client certificates, by OpenSSL's command line; the certificate and the key of each in one file."""

    SETTINGS = """
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = optional
"""

    def __init__(self, name):
        self.place = tempfile.TemporaryDirectory(prefix="bh-authority-")
        self.at = pathlib.Path(self.place.name)
        (self.at / "settings").write_text(self.SETTINGS)
        (self.at / "index").write_text("")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
        self.pem = (self.at / "ca.pem").read_text()

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.at, check=True, capture_output=True)

    def certificate(self, name, begin=-3600, end=3600, usage="clientAuth", names=None):
        """`begin` and `end` are seconds from now."""
        moment = lambda seconds: time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))
        (self.at / "extensions").write_text(f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\nsubjectAltName={names or 'DNS:' + name}\n")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", "own.key", "-out", "request")
        self.openssl("ca", "-batch", "-config", "settings", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "request", "-out", "own.pem", "-notext",
                     "-startdate", moment(begin), "-enddate", moment(end), "-extfile", "extensions")
        whole = self.at / f"{name}-{time.monotonic_ns()}.pem"
        whole.write_text((self.at / "own.pem").read_text() + (self.at / "own.key").read_text())
        return whole


DEVICES = """
app: bank
auth:
  customers: {issuer: https://id.example, audience: bank, jwks: id/jwks.json}
  devices: {client_certificates: {ca: pki/devices.pem}, claims: [issuer, names]}
services:
  web: {dir: @PROGRAMS@, command: [/usr/bin/python3, forwarder.py], port: 8080}
gateway:
  tls_min_version: 1.2
  listen: 127.0.0.1:@PORT@
  auth: devices
  routes:
    - {match: {path: /*}, to: web}
    - {match: {path: /free/*}, to: web, auth: none}
    - {match: {path: /maybe/*}, to: web, auth: {by: devices, optional: true}}
    - {match: {path: /either/*}, to: web, auth: [customers, devices]}
    - {match: {path: /pc/*}, to: web, when: 'user.sub == "pc.example" && user.provider == "devices"'}
"""


class ClientCertificates(harness.Case):
    def begin(self):
        self.issuer = Issuer("one")
        self.addCleanup(self.issuer.place.cleanup)
        self.devices, self.others = self.authority("devices"), self.authority("others")
        app = self.application(DEVICES, files={"id/jwks.json": json.dumps({"keys": [self.issuer.jwk()]}), "pki/devices.pem": self.devices.pem})
        app.up()
        app.wait_settled()
        return app

    def authority(self, name):
        made = Authority(name)
        self.addCleanup(made.place.cleanup)
        return made

    def curl(self, app, path, *words, own=None):
        command = ["curl", "-sS", "--cacert", str(app.certificate), "-w", "\n%{http_code} %{http_version}", *words]
        done = subprocess.run([*command, *(["--cert", str(own)] if own else []), f"https://127.0.0.1:{app.port}{path}"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        body, _, last = done.stdout.rpartition("\n")
        return int(last.split()[0]), body, last.split()[1]

    def connection(self, app, own):
        context = app.tls()
        context.load_cert_chain(own)
        made = http.client.HTTPSConnection("127.0.0.1", app.port, context=context, timeout=60)
        self.addCleanup(made.close)
        return made

    def on(self, connection, path):
        """On a connection that stays."""
        connection.auto_open = connection.sock is None
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def test_the_certificate_says_who_it_is(self):
        app = self.begin()
        pc = self.devices.certificate("pc.example", names="DNS:PC.example,DNS:b.example")
        for version in ("--http1.1", "--http2"):
            for tls in (["--tls-max", "1.2"], ["--tlsv1.3"]):
                status, body, spoken = self.curl(app, "/x", version, *tls, "-H", "Client-Cert: :AAAA:", "-H", "client_cert_chain: x", "-H", "X-Forwarded-Client-Cert: x", own=pc)
                self.assertEqual((status, spoken), (200, version[6:]), body)
                seen = json.loads(body)["headers"]
                said = claims_of(fields(seen, "txn-token")[0])
                self.assertEqual((said["sub"], said["rctx"]["provider"]), ("pc.example", "devices"))
                self.assertEqual(said["tctx"], {"issuer": "CN=devices", "names": {"dns": ["pc.example", "b.example"], "common_name": ["pc.example"]}})
                self.assertEqual([name for name, _ in seen if "cert" in name], [])
                self.assertEqual(self.curl(app, "/pc/x", version, *tls, own=pc)[0], 200)
        self.assertEqual(self.curl(app, "/pc/x", own=self.devices.certificate("tv.example"))[0], 403)

    def test_who_has_none_that_holds_is_told_so_where_it_matters(self):
        app = self.begin()
        for what, own, why in (
                ("none", None, "a client certificate is needed"),
                ("of another authority", self.others.certificate("pc.example"), "the client certificate is not accepted: unable to get local issuer certificate"),
                ("that is over", self.devices.certificate("pc.example", end=-60), "the client certificate is not accepted: certificate has expired"),
                ("that has not begun", self.devices.certificate("pc.example", begin=600), "the client certificate is not accepted: certificate is not yet valid"),
                ("of a server", self.devices.certificate("pc.example", usage="serverAuth"), "the client certificate is not accepted: its extended key usage is not for clients (clientAuth)"),
                ("without such a name", self.devices.certificate("pc.example", names="IP:192.0.2.1"), "the client certificate is not accepted: it has no name of the kind uri, email or dns")):
            with self.subTest(what):
                self.assertEqual(self.curl(app, "/x", own=own)[:2], (403, f"Forbidden: {why}\n"))
                self.assertEqual(self.curl(app, "/free/x", own=own)[0], 200, "nobody is asked there")
                self.assertEqual(self.curl(app, "/maybe/x", own=own)[0], 403 if own else 200)

    def test_a_token_goes_before_the_certificate_of_the_connection(self):
        app = self.begin()
        pc = self.devices.certificate("pc.example")
        ann = "Authorization: Bearer " + self.issuer.token("ann")
        for own, words, expected in ((None, ["-H", ann], "ann"), (pc, ["-H", ann], "ann"), (pc, [], "pc.example")):
            status, body, _ = self.curl(app, "/either/x", *words, own=own)
            self.assertEqual(status, 200, body)
            self.assertEqual(claims_of(fields(json.loads(body)["headers"], "txn-token")[0])["sub"], expected)
        self.assertEqual(self.curl(app, "/either/x", "-H", ann + "x", own=pc)[0], 401, "it makes up for nothing")
        self.assertEqual(self.curl(app, "/x", "-H", ann, own=pc)[0], 403, "no token is asked for there")
        status, body, _ = self.curl(app, "/either/x", "-i", own=self.others.certificate("pc.example"))
        self.assertEqual(status, 401)
        self.assertIn('error_description="the client certificate is not accepted: ', body)

    def test_a_session_that_is_resumed_brings_the_certificate_that_began_it(self):
        app = self.begin()
        pc = self.devices.certificate("pc.example")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context, bare = app.tls(), app.tls()
            context.load_cert_chain(pc)
            context.maximum_version = bare.maximum_version = version
            status, session, resumed = self.once(app, context, None)
            self.assertEqual((status, resumed), (200, False))
            self.assertEqual(self.once(app, context, session)[::2], (200, True))
            status, session, _ = self.once(app, bare, None)
            self.assertEqual(status, 403)
            self.assertEqual(self.once(app, bare, session)[::2], (403, True), "it gains nothing")

    def once(self, app, context, session):
        with socket.create_connection(("127.0.0.1", app.port), 60) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as stream:
            stream.sendall(b"GET /x HTTP/1.1\r\nHost: bank\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := stream.recv(65536):
                answer += part
            return int(answer.split()[1]), stream.session, stream.session_reused

    def test_a_certificate_ends_on_an_open_connection(self):
        app = self.begin()
        connection = self.connection(app, self.devices.certificate("pc.example", end=6))
        self.assertEqual(self.on(connection, "/x")[0], 200)
        last = until(lambda: (answer := self.on(connection, "/x"))[0] == 403 and answer, what="the end of the certificate")
        self.assertEqual(last[1], "Forbidden: the client certificate is not accepted: certificate has expired\n")
        self.assertEqual(self.on(connection, "/free/x")[0], 200, "the connection goes on")

    def test_a_change_of_authorities_holds_on_open_connections(self):
        app = self.begin()
        pids = app.pids()
        former, other = self.connection(app, self.devices.certificate("pc.example")), self.others.certificate("tv.example")
        self.assertEqual(self.on(former, "/x")[0], 200)
        (app.directory / "pki/devices.pem").write_text(self.devices.pem + self.others.pem)
        app.up()
        until(lambda: self.curl(app, "/x", own=other)[0] == 200, what="the second authority")
        self.assertEqual(self.on(former, "/x")[0], 200)
        (app.directory / "pki/devices.pem").write_text(self.others.pem)
        app.up()
        until(lambda: self.on(former, "/x")[0] == 403, what="the end of the first authority")
        self.assertEqual(self.curl(app, "/x", own=other)[0], 200)
        (app.directory / "pki/devices.pem").write_text("nothing")
        refused = app.run("up", "--detach", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("the certificates of 'devices' can not be used: pki/devices.pem: there is no certificate (PEM) in the text", refused.stdout + refused.stderr)
        self.assertEqual(self.curl(app, "/x", own=other)[0], 200, "what was refused changes nothing")
        self.assertEqual(app.pids(), pids)


UNDER_WAY = """
app: slow
auth:
  customers: {issuer: https://id.example, audience: bank, jwks: id/jwks.json}
  partners: {api_keys: {@ACME@, @BETA@}}
services:
  slow: {dir: @PROGRAMS@, command: [/usr/bin/python3, echo.py], port: 8080}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /token/*}, to: slow, rewrite: /, auth: customers}
    - {match: {path: /key/*}, to: slow, rewrite: /, auth: partners}
    - {match: {path: /near/*}, to: slow, rewrite: /, from: {allow: 127.0.0.0/8}}
"""


class UnderWay(harness.Case):
    """Requests that were let in wait for their answers while the rules change: only whom a change concerns is cut off."""

    def begin(self, change=lambda text: text):
        self.issuer, self.second = Issuer("one"), Issuer("two")
        for issuer in (self.issuer, self.second):
            self.addCleanup(issuer.place.cleanup)
        self.keys, self.lines = {}, {}
        for name in ("acme", "beta"):
            made = subprocess.run([harness.BULKHEAD, "api-key", name], check=True, capture_output=True, text=True)
            self.keys[name] = made.stdout.strip()
            self.lines[name] = next(line.strip() for line in made.stderr.splitlines() if f"{name}:" in line)
        self.text = change(UNDER_WAY).replace("@ACME@", self.lines["acme"]).replace("@BETA@", self.lines["beta"])
        app = self.application(self.text, files={"id/jwks.json": self.jwks(self.issuer)})
        app.up()
        app.wait_settled()
        return app

    def jwks(self, *issuers):
        return json.dumps({"keys": [issuer.jwk() for issuer in issuers]})

    def wait(self, app, asked):
        """Requests, by their names, that wait for their answers; by those names what became of them, filled in later."""
        ended = {}

        def ask(name, path, credential):
            headers = {"Authorization": f"Bearer {credential}"} if credential else {}
            with contextlib.suppress(OSError, http.client.HTTPException):  # whoever goes on does so until all is taken down
                ended[name] = app.get(f"/{path}/sleep?s=60", headers=headers).status

        for name, how in asked.items():
            threading.Thread(target=ask, args=(name, *how), daemon=True).start()
        time.sleep(1)
        self.assertEqual(ended, {})
        return ended

    def test_a_change_cuts_off_whom_it_concerns(self):
        app = self.begin()
        ended = self.wait(app, {"token": ("token", self.issuer.token("ann")), "acme": ("key", self.keys["acme"]), "beta": ("key", self.keys["beta"]),
                                "near": ("near", "")})

        def change(text, keys, *cut):
            """The manifest's text and the issuer's keys; who has been cut off by then."""
            (app.directory / "id/jwks.json").write_text(self.jwks(*keys))
            app.rewrite(text)
            app.up()
            until(lambda: ended == dict.fromkeys(cut, 403), what=f"the end of {cut}")

        change(self.text, [self.issuer, self.second])
        without_acme = self.text.replace(self.lines["acme"] + ", ", "")
        change(without_acme, [self.issuer, self.second], "acme")
        change(without_acme, [self.second], "acme", "token")
        change(without_acme.replace("127.0.0.0/8", "10.0.0.0/8"), [self.second], "acme", "token", "near")
        time.sleep(1)
        self.assertEqual(len(ended), 3, "whom no change concerned goes on")

    def test_keys_that_are_fetched_anew_cut_off_whom_they_concern(self):
        outside = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside)
        threading.Thread(target=outside.serve_forever, daemon=True).start()
        self.addCleanup(outside.server_close)
        self.addCleanup(outside.shutdown)
        Outside.keys = None
        app = self.begin(lambda text: text.replace("jwks: id/jwks.json", f'jwks: "http://127.0.0.1:{outside.server_address[1]}/jwks"'))
        Outside.keys = {"keys": [self.issuer.jwk()]}
        token = self.issuer.token("ann", aud=["bank", "branch"])
        until(lambda: app.get("/token/x", headers={"Authorization": f"Bearer {token}"}).status == 200, what="the keys")
        ended = self.wait(app, {"both": ("token", token), "bank": ("token", self.issuer.token("ann"))})
        app.rewrite(self.text.replace("audience: bank", "audience: branch"))
        app.up()
        until(lambda: ended == {"bank": 403}, what="the end of the former audience")
        time.sleep(1)
        self.assertEqual(ended, {"bank": 403})


if __name__ == "__main__":
    harness.main()
