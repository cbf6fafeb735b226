"""`bulkhead why` of ten faults in the shop: the cause, the hop, and the rule or the line of the manifest, without reading a log."""

import base64
import concurrent.futures
import hmac
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

import harness
import orders

BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve()
LOGIN = BUILD / "examples/shop/login"

# A version of each program in which something is wrong for some requests. Each marker stands once in the program.
PATCHES = {
    "accounts/accounts.py": [
        ('            case "GET", ["", "customers", customer]:\n', """\
            case "GET", ["", "customers", "c0101"]:
                import time; time.sleep(1.4)
                return 200, self.find("c0101")
            case "GET", ["", "customers", "c0202"]:
                return 503, {"error": "the database does not answer"}
"""),
    ],
    # The instance that holds the file is the bad one, also when it is started again; all share a volume.
    "catalog/catalog.py": [
        ('            case "GET", ["", "items", sku]:\n', """\
            case "GET", ["", "items", _] if BAD:
                return 500, {"error": "no such column: prise"}
"""),
        ('if __name__ == "__main__":\n', """\
import fcntl
held = open(web.data("first"), "a")
try:
    BAD = fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB) is None
except OSError:
    BAD = False
"""),
    ],
    "search/search.py": [
        ('            case "GET", "/search":\n', """\
            case "GET", "/search" if request.query.get("q") == "broken":
                return 503, {"error": "the index is broken"}
"""),
    ],
    "login/login.js": [
        ("function respond({ method, path, content }) {\n", """\
function respond({ method, path, content }) {
  if (content && content.name === 'c0303') return new Promise((done) => { setTimeout(() => done(login(content)), 700); });
"""),
    ],
    "checkout/checkout.js": [
        ("function respond(request) {\n", """\
async function told(call) {
  try {
    return [502, { error: `status ${(await call).status}` }];
  } catch (error) {
    return [502, { error: error.message }];
  }
}

async function skewed(headers) {
  const [, traceId, parentSpanId] = headers.traceparent.split('-');
  const start = BigInt(Date.now() - 300_000) * 1_000_000n;
  const span = { traceId, parentSpanId, spanId: '00f067aa0ba902b7', name: 'read the journal', kind: 1, startTimeUnixNano: String(start), endTimeUnixNano: String(start + 200_000n) };
  await web.call('POST', 'http://localhost:4318/v1/traces', { content: { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] } });
  return [200, {}];
}

function respond(request) {
  const carried = { headers: web.context(request.headers) };
  if (request.path === '/orders/undeclared') return told(web.call('GET', 'http://accounts/healthz', carried));
  if (request.path === '/orders/stranger') return told(web.call('GET', 'http://login/healthz', carried));
  if (request.path === '/orders/typo') return told(web.call('GET', 'http://acounts/customers/c0001', carried));
  if (request.path === '/orders/skew') return skewed(request.headers);
"""),
    ],
}

OVERLAY = """
services:
  accounts: {dir: @PATCHED@/accounts}
  catalog: {dir: @PATCHED@/catalog, scale: 3}
  search: {dir: @PATCHED@/search}
  login: {dir: @PATCHED@/login, concurrency: {max: 1, queue: 1}}
  checkout:
    dir: @PATCHED@/checkout
    calls:
      accounts: {allow: [GET /customers/*], retries: {max: 4}}
"""

# Routes, and what is declared of them beside. A delay counts from when the gateway's loop last looked at its clock, which on a busy machine may be a
# while before the request begins: with a second it would sometimes be no slow one.
ROUTES = {
    "{match: {path: /api/search, methods: [GET]}, to: search, rewrite: /search": "retries: off, breaker: {requests: 4, open: 30s}",
    "{match: {path: /api/catalog/items, methods: [GET]}, to: catalog, rewrite: /items": 'faults: [{delay: 1500ms, headers: {x-test: slow}}]',
}


def patched(directory):
    """The shop's programs with the faults, and what of them belongs together."""
    for name, patches in PATCHES.items():
        service, file = name.split("/")
        shutil.copytree(orders.SHOP / service, directory / service, dirs_exist_ok=True)
        path = directory / service / file
        text = path.read_text()
        for marker, addition in patches:
            if text.count(marker) != 1:
                raise AssertionError(f"{marker!r} is {text.count(marker)} times in {path}")
            text = text.replace(marker, addition if addition.startswith(marker) or marker in addition else addition + marker)
        path.write_text(text)


class Shop:
    """The shop with the faults, and the requests that meet them: an answer by each fault's name."""

    def __init__(self):
        manifest = orders.manifest()
        for route, more in ROUTES.items():
            manifest = manifest.replace(route, f"{route}, {more}")
        self.app = harness.Application(manifest, environment=orders.environment(BUILD))
        patched(self.app.directory / "patched")
        overlay = self.app.directory / "faults.yaml"
        overlay.write_text(OVERLAY.replace("@PATCHED@", str(self.app.directory / "patched")))
        self.app.run("up", "--detach", "-f", str(overlay))
        self.app.wait_settled()
        self.met = {}

    def log_in(self, name):
        password = base64.urlsafe_b64encode(hmac.digest((LOGIN / "passwords").read_bytes(), name.encode(), "sha256")).decode().rstrip("=")
        return self.app.request("POST", "/api/login", body=json.dumps({"name": name, "password": password}), headers={"Content-Type": "application/json"})

    def headers(self, name):
        return {"Authorization": f"Bearer {self.log_in(name).json['token']}", "Content-Type": "application/json"}

    def order(self, name, key, headers, **content):
        body = {"customer": name, "lines": [{"sku": "lamp-storm", "quantity": 1}]} | content
        return self.app.request("POST", "/api/checkout/orders", body=json.dumps(body), headers=headers | {"Idempotency-Key": key})

    def expired(self):
        claims = {"iss": "https://login.shop.example", "aud": "shop", "sub": "c0001", "role": "customer", "iat": int(time.time()) - 900, "exp": int(time.time()) - 600}
        script = f"const {{Signer}} = require('{orders.SHOP}/login/tokens.js'); console.log(new Signer(require('fs').readFileSync('{LOGIN}/key.pem', 'utf8')).sign({json.dumps(claims)}))"
        token = subprocess.run(["/usr/bin/node", "-e", script], capture_output=True, text=True, check=True).stdout.strip()
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def meet_all(self):
        me = self.headers("c0001")
        others = {name: self.headers(name) for name in ("c0101", "c0202")}
        # One after the other, so that nothing else is under way in checkout.
        for fault in ("undeclared", "stranger", "typo", "skew"):
            self.met[fault] = self.app.get(f"/api/checkout/orders/{fault}", headers=me)
        self.met["contract"] = self.order("c0001", "contract-1", me, lines="two lamps")
        self.met["token"] = self.order("c0001", "token-1", self.expired())
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            storm = pool.submit(self.order, "c0202", "storm-1", others["c0202"])
            slow = pool.submit(self.order, "c0101", "slow-1", others["c0101"])
            delayed = pool.submit(self.app.get, "/api/catalog/items", headers={"x-test": "slow"})
            items = list(pool.map(self.app.get, 120 * ["/api/catalog/items/lamp-storm"]))  # so that each instance has some
            self.met["instance"] = next(answer for answer in items if answer.status == 500)
            self.met["opening"], *_, self.met["breaker"] = [self.app.get("/api/search?q=broken") for _ in range(6)][3:]
            self.met["queue"] = next(answer for answer in pool.map(self.log_in, 5 * ["c0303"]) if answer.status == 503)
            self.met |= {"slow": slow.result(), "storm": storm.result(), "delayed": delayed.result()}

    def id(self, fault):
        return self.met[fault].headers["x-request-id"]


@unittest.skipUnless((LOGIN / "passwords").exists(), "examples/shop is not built here")
class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shop = Shop()
        cls.addClassCleanup(cls.shop.app.close)
        cls.shop.meet_all()

    def why(self, fault, what, status):
        """What is said of the request that met the fault, once both ends of it are read; the command line says the same."""
        answer = self.shop.met[fault]
        self.assertEqual(answer.status, status, answer.text)
        said = {}

        def is_told():
            done = self.shop.app.run("why", self.shop.id(fault), "--json", check=False)
            said.update(json.loads(done.stdout or "{}"))
            return (said.get("cause") or {}).get("what") == what and "not yet" not in said["summary"]

        try:
            harness.until(is_told, 15)
        except AssertionError:
            self.fail(json.dumps(said, indent=1))
        lines = self.shop.app.run("why", self.shop.id(fault)).stdout.splitlines()
        self.assertEqual(lines[0], said["summary"])
        self.assertTrue(lines[1].startswith(said["cause"]["text"]), lines)
        self.assertEqual(lines[2], f"What helps: {said['cause']['next']}")
        return said["cause"], said

    def span(self, said, cause):
        """The guilty span."""
        trace = json.loads(self.shop.app.run("trace", said["trace"], "--json").stdout)["trace"]
        return next(span for span in trace["spans"] if span["id"] == cause["span"])

    def assert_at(self, cause, rule):
        self.assertEqual(cause["rule"], rule)
        self.assertRegex(cause["rule_at"], r"(bulkhead|faults)\.yaml:\d+:\d+$")

    def test_a_slow_dependency(self):
        cause, said = self.why("slow", "slow_dependency", 201)
        self.assertRegex(said["summary"], r"POST /api/checkout/orders took [\d.]+ s and was answered 201")
        self.assertRegex(cause["text"], r"^accounts itself took [\d.]+ s of [\d.]+ s, for GET /customers/c0101$")
        self.assertEqual(cause["service"], "accounts")
        self.assert_at(cause, "checkout.calls.accounts")
        self.assertIn("bulkhead metrics accounts", cause["next"])
        self.assertEqual(self.span(said, cause)["hop"], "inner")
        self.assertIn(said["trace"], self.shop.app.run("traces", "--min", "1s").stdout)

    def test_a_delay_that_the_manifest_asks_for(self):
        cause, _ = self.why("delayed", "fault_injected", 200)
        self.assertRegex(cause["text"], r"^1\.5 s of [\d.]+ s are a delay that the manifest asks for \(`faults` of the call from gateway to catalog\)$")
        self.assert_at(cause, "gateway.routes[4]")

    def test_a_retry_storm(self):
        cause, said = self.why("storm", "retry_storm", 503)
        told = re.search(r"^checkout called accounts (\d+) times for this request, and its sidecar tried again: (\d+) tries in all, GET /customers/c0202, the last answered 503", cause["text"])
        self.assertTrue(told, cause["text"])
        self.assertGreater(int(told[2]), int(told[1]))
        self.assertIn("The retry budget was spent", cause["text"])
        self.assert_at(cause, "checkout.calls.accounts")

    def test_an_open_breaker(self):
        cause, _ = self.why("breaker", "breaker_open", 503)
        self.assertRegex(cause["text"], r"gateway's breaker for search was open.*4 of 4 requests failed in 10s, the last: 503")
        self.assertRegex(cause["text"], r"The last request before, [\d.]+ (ms|s) earlier, was answered 503: trace [0-9a-f]{32}")
        opening = json.loads(self.shop.app.run("trace", self.shop.id("opening"), "--json").stdout)["trace"]["id"]
        self.assertEqual(cause["trace"], opening)
        self.assert_at(cause, "gateway.routes[6]")

    def test_one_bad_instance_of_three(self):
        cause, said = self.why("instance", "bad_instance", 500)
        told = re.search(r"^of catalog's 3 instances only (catalog-\d) fails: (\d+) of its (\d+) requests around then did, of the others' \d+ requests 0", cause["text"])
        self.assertTrue(told, cause["text"])
        self.assertGreaterEqual(2 * int(told[2]), int(told[3]))  # it answers lists still
        self.assertEqual(self.span(said, cause)["instance"], told[1])
        self.assertIn("bulkhead rollback catalog", cause["next"])

    def test_an_expired_token(self):
        cause, said = self.why("token", "user_token_expired", 401)
        self.assertIn("the user's token had expired", cause["text"])
        self.assertIn("another token", cause["next"])
        self.assertEqual(self.span(said, cause)["hop"], "gateway")

    def test_a_request_that_the_contract_does_not_describe(self):
        cause, said = self.why("contract", "contract", 422)
        self.assertRegex(cause["text"], r"what gateway sent is not what the contract of checkout describes: /lines is not of the right type \(#/paths/.*/lines/type\)")
        self.assertEqual(self.span(said, cause)["hop"], "inner")
        self.assert_at(cause, "gateway.routes[1]")
        self.assertRegex(self.shop.app.run("edges", "--denied").stdout, r"gateway +checkout +8080")

    def test_an_undeclared_call(self):
        cause, said = self.why("undeclared", "undeclared_call", 502)
        self.assertIn("checkout may not call accounts:8080 GET /healthz", cause["text"])
        self.assertIn("calls: {accounts: [GET /healthz]}", cause["text"])
        self.assert_at(cause, "checkout.calls.accounts")
        self.assertEqual((self.span(said, cause)["hop"], self.span(said, cause)["service"]), ("outer", "checkout"))
        self.assertIn(said["trace"], self.shop.app.run("traces", "--denied").stdout)
        self.assertRegex(self.shop.app.run("edges", "--denied").stdout, r"checkout +accounts +8080")

    def test_a_call_of_a_service_that_is_not_declared_to_be_called(self):
        cause, _ = self.why("stranger", "undeclared_call", 502)
        self.assertIn("checkout looked for the name login, a service that it does not declare to call. This would allow it, under checkout: calls: {login: }", cause["text"])
        self.assertIn("(joined by its time, ", cause["text"])

    def test_a_full_queue(self):
        cause, said = self.why("queue", "shed", 503)
        self.assertIn("login had too much to do: its queue was full (`concurrency` of login)", cause["text"])
        self.assertIn("1 of at most 1 requests are served and 1 of at most 1 wait, most of them of gateway (1 and 1)", cause["text"])
        self.assertEqual(self.span(said, cause)["hop"], "inner")
        self.assert_at(cause, "gateway.routes[0]")

    def test_a_mistyped_name(self):
        cause, said = self.why("typo", "undeclared_call", 502)
        self.assertIn("checkout looked for the name acounts, which nobody declared. Did you mean accounts?", cause["text"])
        self.assertIn("(joined by its time, ", cause["text"])
        self.assertEqual((cause["service"], self.span(said, cause)["callee"]), ("checkout", "checkout"))
        self.assertIn("dns acounts", self.shop.app.run("edges", "--denied").stdout)

    def test_a_clock_that_is_wrong(self):
        cause, said = self.why("skew", "clock_skew", 200)
        self.assertIn("the clock of checkout's program is 300 s behind its sidecar's, by what it told of read the journal", cause["text"])
        trace = json.loads(self.shop.app.run("trace", said["trace"], "--json").stdout)["trace"]
        spans = {span["id"]: span for span in trace["spans"]}
        moved = spans[cause["span"]]
        self.assertAlmostEqual(moved["skew_us"] / 1e6, -300, delta=5)
        self.assertGreaterEqual(moved["start_us"], spans[moved["parent"]]["start_us"], "it stands after what caused it")
        self.assertLess(trace["duration_us"], 60_000_000)

    def test_what_failed_is_found_without_knowing_an_id(self):
        failed = self.shop.app.run("traces", "--error", "--limit", "500").stdout
        for fault in ("undeclared", "stranger", "typo", "contract", "token", "instance", "breaker", "queue", "storm"):
            self.assertIn(self.shop.id(fault).replace("-", "")[:12], failed, fault)
        for fault in ("slow", "skew"):
            self.assertNotIn(self.shop.id(fault).replace("-", "")[:12], failed, f"{fault} failed nowhere")

    def test_what_went_wrong_most_is_told_without_an_id(self):
        self.why("queue", "shed", 503)
        said = json.loads(self.shop.app.run("why", "--service", "login", "--since", "5m", "--json").stdout)
        # Who was served waited for that as long as being served took.
        self.assertLessEqual({cause["what"] for cause in said["causes"]}, {"shed", "queued", "slow_service"}, said)
        cause = next(cause for cause in said["causes"] if cause["what"] == "shed")
        self.assertEqual((cause["what"], cause["service"], cause["rule"]), ("shed", "login", "gateway.routes[0]"))
        self.assertGreaterEqual(cause["count"], 2)
        example = json.loads(self.shop.app.run("why", cause["trace"], "--json").stdout)
        self.assertEqual(example["cause"]["what"], "shed")
        text = self.shop.app.run("why", "--service", "login").stdout
        self.assertRegex(text, r"(?m)^ +\d+  shed: login had too much to do")
        self.assertIn(f"bulkhead why {cause['trace']}", text)
        self.assertRegex(text, r"(?m)^from \d+ \w+ [\d:]+ to ")
        self.assertIn("no request failed", self.shop.app.run("why", "--service", "inventory", "--since", "1ms").stdout)
        self.assertNotEqual(self.shop.app.run("why", cause["trace"], "--since", "5m", check=False).returncode, 0, "an id needs no time")


if __name__ == "__main__":
    harness.main()
