"""The console of the running shop, in Chromium: shop.test.mjs."""

import base64
import hmac
import json
import os
import pathlib
import re
import subprocess

import console_test
import harness
import orders

HERE = pathlib.Path(__file__).resolve().parent
PASSWORDS = console_test.BUILD / "examples/shop/login/passwords"


class ShopConsole(harness.Case):
    def setUp(self):
        missing = console_test.lacking() or (None if PASSWORDS.exists() else "examples/shop is not built here")
        if missing:
            self.skipTest(missing)

    def test_every_view_of_the_running_shop(self):
        app = self.application(orders.manifest(), environment=orders.environment(console_test.BUILD.resolve()))
        app.up()
        app.wait_settled()
        subprocess.run([str(orders.SHOP / "drive"), "--url", f"https://127.0.0.1:{app.port}", "--insecure", "--concurrency", "8", "--orders", "40"],
                       check=True, stdout=subprocess.DEVNULL, timeout=200)
        order = "console-1"
        headers = self.token(app, "c0001")
        body = json.dumps({"customer": "c0001", "lines": [{"sku": "lamp-storm", "quantity": 1}]})
        self.assertEqual(app.request("POST", "/api/checkout/orders", body=body, headers=headers | {"Idempotency-Key": order}).status, 201)
        self.assertEqual(app.get(f"/api/checkout/orders/{order}", headers=headers).status, 200)
        denied = app.run("exec", "checkout", "--", "/usr/bin/node", "-e", "require('http').get('http://accounts/admin', (answer) => console.log(answer.statusCode))")
        self.assertIn("403", denied.stdout)
        harness.until(lambda: "console-1" in app.run("traces", "--text", order).stdout, what="the order among the traces")
        harness.until(lambda: re.search(r"checkout +accounts +\d+ +\d+ +\d+ +1 ", app.run("edges").stdout), what="what was denied")
        broken = app.request("POST", "/api/checkout/orders", body=body.replace('"lines"', '"total": 1, "lines"'), headers=headers | {"Idempotency-Key": "broken"})
        self.assertEqual(broken.status, 422)
        url = app.run("console").stdout.split()[0].replace("localhost", "127.0.0.1")
        shop = {"url": url, "order": order, "broken": broken.headers["x-request-id"], "skewed": self.skewed(app, headers, body), "get": f"https://127.0.0.1:{app.port}/api/catalog/items"}
        done = subprocess.run(["node", "--test", "shop.test.mjs"], cwd=HERE, env={**os.environ, "BULKHEAD_BUILD": str(console_test.BUILD.resolve()), "CONSOLE_SHOP": json.dumps(shop)},
                              capture_output=True, text=True, timeout=250)
        print("\n".join(line for line in done.stdout.splitlines() if " ms from " in line))
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])

    def skewed(self, app, headers, body):
        """An order of which the program tells by a clock that is ten minutes behind."""
        placed = app.request("POST", "/api/checkout/orders", body=body, headers=headers | {"Idempotency-Key": "skewed"})
        request = placed.headers["x-request-id"]
        trace = lambda: json.loads(app.run("trace", request, "--json", check=False).stdout or "{}").get("trace", {})
        spans = lambda: trace().get("spans", [])
        inner = harness.until(lambda: next((span for span in spans() if span["hop"] == "inner" and span["service"] == "checkout"), None), what="its span")
        start = (inner["start_us"] - 600_000_000) * 1000
        span = {"traceId": trace()["id"], "spanId": "aaaaaaaaaaaaaaa1", "parentSpanId": inner["id"], "name": "price the basket", "kind": 1,
                "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 3_000_000)}
        told = json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]})
        program = f"""const body = JSON.stringify({told});
        const headers = {{ 'content-type': 'application/json', 'content-length': body.length }};
        require('http').request('http://localhost:4318/v1/traces', {{ method: 'POST', headers }}, (answer) => {{ console.log(answer.statusCode); answer.resume(); }}).end(body);"""
        self.assertEqual(app.run("exec", "checkout", "--", "/usr/bin/node", "-e", program).stdout.strip(), "200")
        harness.until(lambda: any("skew_us" in span for span in spans()), what="what the program told")
        return request

    def token(self, app, name):
        password = base64.urlsafe_b64encode(hmac.digest(PASSWORDS.read_bytes(), name.encode(), "sha256")).decode().rstrip("=")
        answer = app.request("POST", "/api/login", body=json.dumps({"name": name, "password": password}), headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 200, answer.text)
        return {"Authorization": f"Bearer {answer.json['token']}", "Content-Type": "application/json"}


if __name__ == "__main__":
    harness.main()
