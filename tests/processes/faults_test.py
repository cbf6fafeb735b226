"""Ten faults of the shop, each explained by `bulkhead why` of one request, and by its trace."""

import base64
import hmac
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading

import harness
import orders
from harness import until

BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve()
ORDER = {"customer": "c0001", "lines": [{"sku": "lamp-storm", "quantity": 1}]}
JSON = {"Content-Type": "application/json"}

# Signs as the shop's login does, a token of an hour ago.
EXPIRED = """const { Signer } = require(process.argv[1]);
const now = Math.floor(Date.now() / 1000);
console.log(new Signer(require('fs').readFileSync(process.argv[2], 'utf8')).sign(
  { iss: 'https://login.shop.example', aud: 'shop', sub: 'c0001', role: 'customer', iat: now - 7200, exp: now - 3600 }))"""

# What an instrumented program tells over OTLP.
TELL = """const body = JSON.stringify(%s);
const headers = { 'content-type': 'application/json', 'content-length': body.length };
require('http').request('http://localhost:4318/v1/traces', { method: 'POST', headers }, (answer) => { console.log(answer.statusCode); answer.resume(); }).end(body);"""

# The first instance to come takes a file of the volume that they share.
SECOND = """import web

try:
    open(web.data("first"), "x").close()
    BAD = False
except FileExistsError:
    BAD = True
"""


class Faults(harness.Case):
    def setUp(self):
        if not (BUILD / "examples/shop/inventory/inventory").exists():
            self.skipTest("examples/shop is not built here")
        self.app = self.application(orders.manifest(), environment=orders.environment(BUILD))
        self.app.up()
        self.app.wait_settled()
        self.orders = 0
        secret = (BUILD / "examples/shop/login/passwords").read_bytes()
        password = base64.urlsafe_b64encode(hmac.digest(secret, b"c0001", "sha256")).decode().rstrip("=")
        answer = self.app.request("POST", "/api/login", body=json.dumps({"name": "c0001", "password": password}), headers=JSON)
        self.ann = JSON | {"Authorization": f"Bearer {answer.json['token']}"}

    def order(self, content=None, headers=None):
        self.orders += 1
        key = {"Idempotency-Key": f"fault-{self.orders}"}
        return self.app.request("POST", "/api/checkout/orders", body=json.dumps(content or ORDER), headers=(headers or self.ann) | key)

    def change(self, *pairs):
        """The shop with these parts of its manifest replaced, running."""
        manifest = orders.manifest()
        for old, new in pairs:
            self.assertIn(old, manifest)
            manifest = manifest.replace(old, new, 1)
        self.app.rewrite(manifest)
        self.app.up()
        self.app.wait_settled()

    def program(self, service, *pairs):
        """A copy of a service's program with faults in it: what to replace in the manifest."""
        place = self.app.directory / f"bad-{service}"
        shutil.copytree(orders.SHOP / service, place)
        source = place / f"{service}.py"
        text = source.read_text()
        for old, new in pairs:
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        source.write_text(text)
        return f"dir: {orders.SHOP}/{service}", f"dir: {place}"

    def checkout_with(self, variable):
        old = f"environment: {{NODE_PATH: /opt/shop}}\n    port: 8080\n    owner: storefront\n    contract: {orders.SHOP}/checkout"
        return old, old.replace("NODE_PATH: /opt/shop", f"NODE_PATH: /opt/shop, {variable}")

    def trace_of(self, request, spans):
        def whole():
            trace = json.loads(self.app.run("trace", request, "--json", check=False).stdout or "{}").get("trace", {})
            return trace if len(trace.get("spans", [])) >= spans else None

        return until(whole, 20, f"{spans} spans of {request}")

    def why(self, answer, what, *words, spans=1):
        """What became of the request, from the number in its answer."""
        request = answer.headers["x-request-id"]
        self.trace_of(request, spans)
        told = {}

        def is_told():  # spans of one request come as their sidecars write them
            told.update(json.loads(self.app.run("why", request, "--json").stdout)["cause"] or {})
            return told.get("what") == what and all(re.search(word, told["text"]) for word in words)

        until(is_told, 20, f"{what} with {words} of {request}; {told}")
        text = self.app.run("why", request).stdout
        self.assertIn(told["text"], text.splitlines()[1])
        self.assertIn(f" and was answered {answer.status}.", text.splitlines()[0])
        if told.get("span"):  # that is to blame is one of the trace's
            self.assertIn(told["span"], [span["id"] for span in self.trace_of(request, spans)["spans"]])
        return told

    def test_what_a_request_meets(self):
        with self.subTest("a slow dependency"):
            answer = self.order()
            self.assertEqual(answer.status, 201)
            payments = self.app.instance("payments-1")["service_pid"]
            os.kill(payments, signal.SIGSTOP)
            threading.Timer(1.5, os.kill, (payments, signal.SIGCONT)).start()
            slow = self.order()
            self.assertEqual(slow.status, 201)
            self.why(slow, "slow_dependency", r"^payments itself took 1\.\d s of \d\.\d s, for POST /charges$", spans=8)
            self.trace_of(answer.headers["x-request-id"], 8)
            self.assertIsNone(json.loads(self.app.run("why", answer.headers["x-request-id"], "--json").stdout)["cause"], "nothing is wrong with the first")

        with self.subTest("an expired token of a user"):
            token = subprocess.run(["/usr/bin/node", "-e", EXPIRED, orders.SHOP / "login/tokens.js", BUILD / "examples/shop/login/key.pem"],
                                   check=True, capture_output=True, text=True).stdout.strip()
            answer = self.order(headers=JSON | {"Authorization": f"Bearer {token}"})
            self.assertEqual(answer.status, 401)
            self.why(answer, "user_token_expired", "the token is expired$")

        with self.subTest("a request that breaks the contract"):
            answer = self.order(ORDER | {"total": 1})
            self.assertEqual(answer.status, 422)
            self.why(answer, "contract", "^the request is not as the contract of checkout says: /total is not declared", spans=2)

        with self.subTest("a clock that is ten minutes behind"):
            answer = self.order()
            trace = self.trace_of(answer.headers["x-request-id"], 8)
            inner = next(span for span in trace["spans"] if span["hop"] == "inner" and span["service"] == "checkout")
            start = (inner["start_us"] - 600_000_000) * 1000
            span = {"traceId": trace["id"], "spanId": "aaaaaaaaaaaaaaa1", "parentSpanId": inner["id"], "name": "price the basket", "kind": 1,
                    "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 3_000_000)}
            told = json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]})
            self.assertEqual(self.app.run("exec", "checkout", "--", "/usr/bin/node", "-e", TELL % told).stdout.strip(), "200")
            self.why(answer, "clock_skew", "^the clock of checkout's program is (599|600) s behind", spans=len(trace["spans"]) + 1)
            trace = self.trace_of(answer.headers["x-request-id"], len(trace["spans"]) + 1)
            self.assertLess(trace["duration_us"], 10_000_000, "the trace is as long as the request")
            moved = next(span for span in trace["spans"] if span["kind"] == "program")
            self.assertTrue(inner["start_us"] <= moved["start_us"] <= inner["start_us"] + inner["duration_us"], (moved, inner))

    def test_what_a_deployment_brings(self):
        with self.subTest("a call that nobody declared"):
            self.change(self.checkout_with("ACCOUNTS_URL: 'http://accounts/v2'"))
            answer = self.order()
            self.assertEqual(answer.status, 503)
            told = self.why(answer, "undeclared_call", "^checkout may not call accounts:8080 GET /v2/customers/c0001: ",
                            r"write under checkout: calls: \{accounts: \[GET /v2/customers/c0001\]\}", r"\d+ times within")
            self.assertRegex(told["rule_at"], r"bulkhead\.yaml:\d+:\d+$")
            self.assertRegex(self.app.run("edges", "--denied").stdout, r"(?m)^checkout +accounts +8080 +\d+ +\d+ +[1-9]")

        with self.subTest("a name with a slip in it"):
            self.change(self.checkout_with("ACCOUNTS_URL: 'http://acounts'"))
            answer = self.order()
            self.assertEqual(answer.status, 503)
            self.why(answer, "undeclared_call", r"^checkout looked up the name acounts, which nobody declared\. Did you mean accounts\?")

        respond = "    def respond(self, request):\n"
        bad = self.program("accounts", (respond, respond + "        if request.path.startswith('/customers/'):\n            return 503, {'error': 'no'}\n"))
        with self.subTest("a storm of retries"):
            self.change(bad)
            answer = self.order()
            self.assertEqual(answer.status, 503)
            self.why(answer, "retry_storm", r"^checkout asked accounts for GET /customers/c0001 \d+ times within \d", "tried accounts|with 503")

        with self.subTest("an open breaker"):
            self.change(bad, ("accounts: [GET /customers/*]", "accounts: {allow: [GET /customers/*], breaker: {errors: 50%, requests: 2, over: 10s, open: 20s}}"))
            self.order()
            self.why(self.order(), "breaker_open", "^checkout's breaker for accounts was open", r"\d of \d requests failed")

    def test_what_some_instances_do(self):
        with self.subTest("a bad instance of two"):
            respond = "    def respond(self, request):\n"
            old, new = self.program("catalog", ("import web\n", SECOND),
                                    (respond, respond + "        if BAD and request.path == '/items':\n            return 500, {'error': 'disk'}\n"))
            self.change((old, f"{new}\n    scale: 2"))
            answers = [self.app.get("/api/catalog/items") for _ in range(30)]
            failed = [answer for answer in answers if answer.status == 500]
            self.assertTrue(5 <= len(failed) <= 25, [answer.status for answer in answers])
            told = self.why(failed[-1], "bad_instance", r"requests to catalog-\d failed; of the other instances' \d+, 0 did", spans=2)
            self.assertEqual(told["service"], "catalog")

        with self.subTest("a full queue"):
            self.change(("    healthcheck: {path: /healthz}\n\n  search:",
                         "    healthcheck: {path: /healthz}\n    concurrency: {max: 1, per_caller: 1, queue: 1}\n\n  search:"))
            catalog = self.app.instance("catalog-1")["service_pid"]
            os.kill(catalog, signal.SIGSTOP)
            answers = []
            askers = [threading.Thread(target=lambda: answers.append(self.app.get("/api/catalog/items"))) for _ in range(6)]
            for asker in askers:
                asker.start()
            until(lambda: any(answer.status == 503 for answer in answers), 10, "one that is shed")
            os.kill(catalog, signal.SIGCONT)
            for asker in askers:
                asker.join()
            shed = next(answer for answer in answers if answer.status == 503)
            self.why(shed, "shed", "^catalog had too much to do: its queue was full", "wait already$")


if __name__ == "__main__":
    harness.main()
