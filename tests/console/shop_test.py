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
        url = app.run("console").stdout.split()[0].replace("localhost", "127.0.0.1")
        shop = {"url": url, "order": order, "get": f"https://127.0.0.1:{app.port}/api/catalog/items"}
        done = subprocess.run(["node", "--test", "shop.test.mjs"], cwd=HERE, env={**os.environ, "BULKHEAD_BUILD": str(console_test.BUILD.resolve()), "CONSOLE_SHOP": json.dumps(shop)},
                              capture_output=True, text=True, timeout=250)
        print("\n".join(line for line in done.stdout.splitlines() if " ms from " in line))
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])

    def token(self, app, name):
        password = base64.urlsafe_b64encode(hmac.digest(PASSWORDS.read_bytes(), name.encode(), "sha256")).decode().rstrip("=")
        answer = app.request("POST", "/api/login", body=json.dumps({"name": name, "password": password}), headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 200, answer.text)
        return {"Authorization": f"Bearer {answer.json['token']}", "Content-Type": "application/json"}


if __name__ == "__main__":
    harness.main()
