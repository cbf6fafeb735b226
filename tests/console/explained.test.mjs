// The trace view of faults in the running shop: explained_test.py has started it, and says where in CONSOLE_FAULTS (JSON):
// {"url": a fresh address, "traces": the trace of each fault}.
import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {launch, open, quiet, settled, shot, violations} from "./browser.mjs";

const given = JSON.parse(process.env.CONSOLE_FAULTS);
let browser;
let page;
let base;
before(async () => {
  browser = await launch();
  page = await open(browser);
  await page.goto(given.url);
  base = new URL(page.url()).origin;
});
after(() => browser?.close());

const why = () => page.getByRole("region", {name: "Why"});
const guilty = () => page.locator(".spanrow.cause");

async function show(fault) {
  await page.goto(`${base}/#/traces/${given.traces[fault]}`);
  await settled(page, "What helps:");
  await shot(page, `why-${fault}`);
  assert.deepEqual(await violations(page), []);
  quiet(page);
  // It stands above the spans.
  const [above, below] = [await why().boundingBox(), await page.getByRole("region", {name: "Waterfall"}).boundingBox()];
  assert.ok(above.y + above.height <= below.y);
  return why().innerText();
}

async function leadsToRule(rule) {
  const link = why().getByRole("link", {name: rule});
  await link.click();
  const row = page.locator("tr[aria-current=true]");
  await row.waitFor();
  assert.match(await row.innerText(), /\.yaml:\d+:\d+/);
}

async function leadsToService(name) {
  assert.match(await why().getByRole("link", {name, exact: true}).getAttribute("href"), new RegExp(`services/${name}$`));
}

test("a retry storm: how many tries, who made them, and that the budget was spent", async () => {
  const text = await show("storm");
  assert.match(text, /was answered 503/);
  assert.match(text, /checkout called accounts \d+ times for this request, and its sidecar tried again: \d+ tries in all/);
  assert.match(text, /The retry budget was spent/);
  assert.equal(await guilty().count(), 1);
  assert.match(await page.getByRole("treegrid").innerText(), /\d attempts, (tried enough|budget is spent)/);
  await leadsToService("accounts");
  await leadsToRule("checkout.calls.accounts");
});

test("an undeclared call: who may not call whom, and the line that would allow it", async () => {
  const text = await show("undeclared");
  assert.match(text, /checkout may not call accounts:8080 GET \/healthz/);
  assert.match(text, /calls: \{accounts: \[GET \/healthz\]\}/);
  assert.match(await guilty().innerText(), /accounts/);
  await leadsToService("checkout");
  await leadsToRule("checkout.calls.accounts");
});

test("a request against the contract: where in it, and by which line of the contract", async () => {
  const text = await show("contract");
  assert.match(text, /is not what the contract of checkout describes: \/lines is not of the right type \(#\/paths/);
  assert.match(await guilty().innerText(), /checkout/);
  await leadsToService("checkout");
  await leadsToRule("gateway.routes[1]");
});

test("one bad instance: which of how many", async () => {
  const text = await show("instance");
  const [, instance] = /of catalog's 3 instances only (catalog-\d) fails/.exec(text) ?? assert.fail(text);
  await guilty().click();
  assert.match(await page.getByRole("complementary", {name: "Span"}).innerText(), new RegExp(instance));
  await leadsToService("catalog");
});

test("a wrong clock: its span stands within what caused it, and says that it was moved", async () => {
  const text = await show("skew");
  assert.match(text, /the clock of checkout's program is 300 s behind its sidecar's/);
  assert.match(await guilty().innerText(), /read the journal[\s\S]*moved: clock .* behind/);
  const [bar, whole] = [await guilty().locator(".spanbar").boundingBox(), await page.locator(".spanrow .spanbar").first().boundingBox()];
  assert.ok(bar.x >= whole.x - 1 && bar.x + bar.width <= whole.x + whole.width + 1);
});

test("an open breaker leads to the trace that opened it", async () => {
  assert.match(await show("breaker"), /gateway's breaker for search was open/);
  await why().getByRole("link", {name: "The trace before it"}).click();
  await page.waitForURL(new RegExp(given.traces.opening));
});

test("a mistyped name stands among the spans, with how surely it belongs there", async () => {
  await show("typo");
  assert.match(await page.getByRole("treegrid").innerText(), /inferred \d+ ?%[\s\S]*dns acounts/);
  assert.equal(await guilty().count(), 1);
});

for (const fault of ["slow", "queue", "token"]) {
  test(`the cause of ${fault} stands on top, and its span is marked`, async () => {
    await show(fault);
    assert.equal(await guilty().count(), 1);
  });
}
