// The console of the running shop: shop_test.py has started it, made calls and one that is denied, and says what in CONSOLE_SHOP (JSON):
// {"url": a fresh address, "order": the path of an order that was asked for, "get": the address of the gateway}.
import assert from "node:assert/strict";
import {request} from "node:https";
import {after, before, test} from "node:test";
import {launch, open, quiet, settled, shot, violations} from "./browser.mjs";

const shop = JSON.parse(process.env.CONSOLE_SHOP);
let browser;
let page;
let base;
before(async () => {
  browser = await launch();
  page = await open(browser);
  await page.goto(shop.url);
  base = new URL(page.url()).origin;
});
after(() => browser?.close());

const at = (hash) => `${base}/#/${hash}`;
const side = () => page.getByRole("complementary", {name: "Details"});

for (const [name, hash, text] of [
  ["map", "map", "Busiest"],
  ["traces", "traces", "Started"],
  ["services", "services", "checkout"],
  ["service", "services/checkout", "Instances"],
  ["matrix", "access", "declared and used"],
  ["decisions", "access/decisions", "GET /admin"],
]) {
  test(`the ${name} of the running shop`, async () => {
    await page.goto(at(hash));
    await settled(page, text);
    await shot(page, `shop-${name}`);
    assert.deepEqual(await violations(page), []);
    quiet(page);
  });
}

test("a denied call leads to its rule", async () => {
  await page.goto(at("map"));
  await side().getByRole("link", {name: "checkout → accounts"}).first().click();
  await page.goto(at("access/decisions"));
  await page.locator(".decisions summary", {hasText: "/admin"}).first().click();
  const decision = page.locator(".decisions details[open]").first();
  await decision.getByText("bulkhead.yaml:").first().waitFor();
  await decision.getByRole("link", {name: "checkout.calls.accounts"}).click();
  const row = page.locator("tr[aria-current=true]");
  await row.waitFor();
  assert.match(await row.innerText(), /bulkhead\.yaml:\d+:\d+/);
  await shot(page, "shop-rule");
  quiet(page);
});

test("a trace is found by an order's number, and shows the way through the services", async () => {
  await page.goto(at(`traces?q=${encodeURIComponent(shop.order)}`));
  await page.locator("table.traces tbody tr").first().waitFor();
  await page.getByRole("link", {name: new RegExp(`GET .*${shop.order}`)}).first().click();
  await page.getByText(/was answered 200/).waitFor();
  await page.getByText("checkout").first().waitFor();
  await shot(page, "shop-trace");
  assert.deepEqual(await violations(page), []);
  quiet(page);
});

test("what happens is on the map soon", async (context) => {
  await page.goto(at("map"));
  await settled(page, "Busiest");
  await page.evaluate(() => {
    globalThis.arrived = 0;
    const stream = new EventSource("api/v1/events");
    stream.addEventListener("tick", ({data}) => {
      if (JSON.parse(data).edges.some(({from, to, requests}) => from === "gateway" && to === "catalog" && requests > 0)) globalThis.arrived ||= Date.now();
    });
    return new Promise((done) => stream.addEventListener("open", done));
  });
  const asked = Date.now();
  await new Promise((done, failed) => request(shop.get, {rejectUnauthorized: false}, (answer) => answer.resume().on("end", done)).on("error", failed).end());
  await page.waitForFunction(() => globalThis.arrived > 0);
  context.diagnostic(`${(await page.evaluate(() => globalThis.arrived)) - asked} ms from the request to the browser`);
  quiet(page);
});
