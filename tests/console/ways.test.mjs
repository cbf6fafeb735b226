// What one does with it: from a denied call to its rule, what happens now, by keyboard alone, and what stands there when nothing can.
import assert from "node:assert/strict";
import {after, afterEach, before, beforeEach, describe, test} from "node:test";
import {launch, mock, open, quiet, settled, shot, violations} from "./browser.mjs";

const kWithout = /Failed to load resource|ERR_|EventSource/; // what Chromium says of a collector that is away

let browser;
let collector;
let page;
before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => {
  collector = await mock(6);
  page = await open(browser);
});
afterEach(async () => {
  await page.context().close();
  collector.end();
});

const hash = () => new URL(page.url()).hash;
const side = () => page.getByRole("complementary", {name: "Details"});

describe("from one thing to the next", () => {
  test("a denied call on the map leads to its decision, and that to its rule and where it is written", async () => {
    const {edges, services} = await collector.get("application");
    await page.goto(collector.at("map"));
    await side().getByRole("link", {name: "search → payments"}).click();
    await side().getByText("not declared").waitFor();
    await side().getByText("search.calls.payments: [POST /charges]").waitFor();
    await side().getByRole("link", {name: "POST /charges"}).click();
    await page.locator(".decisions summary").first().click();
    const open = page.locator(".decisions details[open]").first();
    await open.getByText("search.calls.payments: [POST /charges]").waitFor();
    const rule = edges.find((edge) => edge.from === "search");
    await open.getByText(rule.at, {exact: true}).last().waitFor();
    await open.getByRole("link", {name: rule.id}).click();
    const row = page.locator("tr[aria-current=true]");
    await row.waitFor();
    assert.match(await row.innerText(), new RegExp(rule.at));
    assert.ok(services.length > 0);
    quiet(page);
  });

  test("the red line itself can be clicked", async () => {
    await page.goto(collector.at("map"));
    await page.locator("[data-node]").first().waitFor();
    await settled(page, "Busiest");
    // Where the line is, the map knows: the tip tells which edge the pointer is near.
    const box = await page.locator(".graph").boundingBox();
    let found = false;
    for (let y = box.y + 60; y < box.y + box.height - 40 && !found; y += 9) {
      for (let x = box.x + box.width * 0.55; x < box.x + box.width * 0.68 && !found; x += 9) {
        await page.mouse.move(x, y);
        found = (await page.locator(".graph .tip", {hasText: "not declared"}).count()) > 0;
        if (found) await page.mouse.click(x, y);
      }
    }
    assert.ok(found, "no denied line was found under the pointer");
    await side().getByText("Tried and denied").waitFor();
    assert.match(hash(), /edge=/);
  });

  test("a service on the map leads to its page, and that to its traces", async () => {
    await page.goto(collector.at("map?range=1h"));
    await page.locator("[data-node=checkout]").click();
    await side().getByRole("link", {name: "Open", exact: true}).click();
    await page.getByRole("heading", {name: "checkout", exact: true}).waitFor();
    await page.getByRole("link", {name: "Traces", exact: true}).last().click();
    await page.getByRole("link", {name: /POST \/api/}).first().waitFor();
    assert.equal(hash(), "#/traces?service=checkout&range=1h");
    await page.goBack();
    await page.getByRole("heading", {name: "checkout", exact: true}).waitFor();
    quiet(page);
  });

  test("a reach lights up what can be reached, and nothing else", async () => {
    await page.goto(collector.at("map?reach=search"));
    await page.getByText("Reach of search").waitFor();
    await page.locator("[data-node=checkout].faint").waitFor();
    const lit = await page.locator("[data-node]:not(.faint)").evaluateAll((nodes) => nodes.map((node) => node.dataset.node).sort());
    const {reaches} = await collector.get("reach?service=search");
    assert.deepEqual(lit, ["search", ...reaches.map(({service}) => service)].sort());
  });

  test("a trace says why on top, shows attempts and inferred joins, and the span that was the cause", async () => {
    const {traces} = await collector.get("traces?from=6h&limit=500");
    const failed = traces.find((trace) => trace.attempts > 1 && trace.inferred);
    await page.goto(collector.at(`traces/${failed.id}`));
    await page.getByText(/was answered 503/).waitFor();
    await page.getByText(/attempt 2 of 3/).waitFor();
    await page.getByText(/inferred \d+ %/).first().waitFor();
    await page.getByRole("button", {name: "Show the span"}).click();
    await page.getByRole("complementary", {name: "Span"}).getByText("Attempts").waitFor();
    await page.getByRole("complementary", {name: "Span"}).getByText("req-").waitFor();
  });

  test("a search is an address: what it asks is asked, and what it finds matches", async () => {
    await page.goto(collector.at("traces"));
    await page.getByLabel("With denials").check();
    await page.getByText(/1 denied/).first().waitFor();
    await page.getByRole("combobox", {name: "Service"}).selectOption("payments");
    await page.locator("[aria-busy=true]").waitFor({state: "detached"});
    assert.equal(hash(), "#/traces?denied=1&service=payments");
    await settled(page);
    for (const row of await page.locator("table.traces tbody tr").allInnerTexts()) assert.match(row, /payments[^]*denied/);
  });
});

describe("time", () => {
  test("the range stands in the address and goes along to other views", async () => {
    await page.goto(collector.at("map"));
    await page.getByRole("button", {name: /Time range/}).click();
    await page.getByRole("button", {name: "last 1h"}).click();
    assert.equal(hash(), "#/map?range=1h");
    await page.getByRole("link", {name: "Traces", exact: true}).click();
    assert.equal(hash(), "#/traces?range=1h");
    await page.getByRole("button", {name: "Earlier"}).click();
    assert.match(hash(), /from=\d+&to=\d+/);
    await page.getByText("Past").waitFor();
    const there = page.url();
    await page.goto("about:blank");
    await page.goto(there);
    await page.getByText("Past").waitFor();
    await page.getByRole("button", {name: "Later"}).click();
    assert.match(hash(), /range=1h/);
  });

  test("from one moment to another, and not the other way around", async () => {
    await page.goto(collector.at("traces"));
    await page.getByRole("button", {name: /Time range/}).click();
    await page.getByLabel("From", {exact: true}).fill("2026-01-02T10:00:01");
    await page.getByLabel("To", {exact: true}).fill("2026-01-02T09:00:01");
    assert.ok(await page.getByRole("button", {name: "Show", exact: true}).isDisabled());
    await page.getByLabel("To", {exact: true}).fill("2026-01-02T11:00:01");
    await page.getByRole("button", {name: "Show", exact: true}).click();
    await page.getByText("Older than what is kept").waitFor();
  });
});

describe("as it happens", () => {
  test("a denial is on the page as soon as it was decided", async (t) => {
    await page.goto(collector.at("access/decisions"));
    await page.getByText("Live", {exact: true}).waitFor();
    const began = Date.now();
    await collector.post("deny");
    await page.locator(".decisions code", {hasText: "POST /charges/1"}).waitFor();
    t.diagnostic(`shown after ${Date.now() - began} ms`);
    await page.getByRole("status").filter({hasText: "denied: catalog to payments"}).waitFor({state: "attached"});
    quiet(page);
  });

  test("a denial draws its line on the map, and figures move without being asked for", async (t) => {
    await page.goto(collector.at("map?edge=catalog%3Epayments"));
    await page.getByText("Live", {exact: true}).waitFor();
    await side().getByText("Tried and denied").waitFor();
    const began = Date.now();
    await collector.post("deny");
    await side().getByText("POST /charges/1").waitFor();
    t.diagnostic(`shown after ${Date.now() - began} ms`);
    const questions = [];
    page.on("request", (request) => questions.push(request.url()));
    await page.goto(collector.at("map?edge=gateway%3Esearch"));
    const open = side().locator(".signals div", {hasText: "Open now"});
    const first = await open.innerText();
    await page.waitForFunction((before) => [...document.querySelectorAll(".signals div")].some((each) => each.textContent.startsWith("Open now") && each.innerText !== before), first);
    assert.ok(questions.length < 6, questions.join("\n"));
  });

  test("a stream that ends is joined again", async () => {
    await page.goto(collector.at("access/decisions"));
    await page.getByText("Live", {exact: true}).waitFor();
    await collector.post("drop");
    await page.getByText("No news", {exact: true}).waitFor();
    await page.getByText("Live", {exact: true}).waitFor();
    await collector.post("deny");
    await page.locator(".decisions code", {hasText: "POST /charges/1"}).waitFor();
  });
});

describe("where nothing can be shown", () => {
  test("the collector is away: what it said stays, and it is asked again", async () => {
    await page.goto(collector.at("services"));
    await page.getByRole("link", {name: "checkout"}).waitFor();
    await collector.post("mode?is=away");
    await page.goto(collector.at("traces"));
    await page.getByText("The collector is away").first().waitFor();
    await page.getByText("bulkhead status").waitFor();
    assert.deepEqual(await violations(page), []);
    await shot(page, "state-away");
    await collector.post("mode?is=normal");
    await page.getByRole("link", {name: /POST \/api/}).first().waitFor();
    quiet(page, kWithout);
  });

  test("the session has ended: how to get another", async () => {
    await collector.post("mode?is=ended");
    await page.goto(collector.at("map"));
    await page.getByText("The session has ended").waitFor();
    await page.getByText("bulkhead console", {exact: true}).waitFor();
    assert.deepEqual(await violations(page), []);
    await shot(page, "state-ended");
    quiet(page, kWithout);
  });

  test("nothing was recorded yet: the map is drawn, and each list says so", async () => {
    await collector.post("mode?is=empty");
    await page.goto(collector.at("map"));
    await page.locator("[data-node=checkout]").waitFor();
    await side().getByText("Nothing recorded yet").waitFor();
    await shot(page, "state-empty");
    for (const view of ["traces", "services/checkout", "access/decisions"]) {
      await page.goto(collector.at(view));
      await page.getByText("Nothing recorded yet").waitFor();
    }
    assert.deepEqual(await violations(page), []);
    quiet(page);
  });

  test("a range before all that is kept leads to the oldest that is", async () => {
    const now = Date.now();
    await page.goto(collector.at(`traces?from=${now - 90 * 3_600_000}&to=${now - 80 * 3_600_000}`));
    await page.getByText("Older than what is kept").waitFor();
    await shot(page, "state-older");
    await page.getByRole("link", {name: "The oldest that is kept"}).click();
    await page.getByRole("link", {name: /POST \/api/}).first().waitFor();
    quiet(page);
  });

  for (const [what, view, text] of [
    ["a trace that is not kept", "traces/00", "Not there"],
    ["a service that is not declared", "services/nobody", "There is no service “nobody”"],
    ["a view that there is not", "nowhere", "There is no such view"],
    ["an address that is no address", "services/%E0%A4%A", "There is no service"],
  ]) {
    test(`${what} is said to be so`, async () => {
      await page.goto(collector.at(view));
      await page.getByText(text).waitFor();
      quiet(page, kWithout);
    });
  }
});

describe("by keyboard alone", () => {
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent?.trim() ?? "");
  const outlined = () => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none" && parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2);

  test("the order is that of the page, and where one is can be seen", async () => {
    await page.goto(collector.at("services"));
    await settled(page, "Slowest p99");
    const order = [];
    for (let n = 0; n < 10; n++) {
      await page.keyboard.press("Tab");
      order.push(await focused());
      assert.ok(await outlined(), `${order.at(-1)} has no outline`);
    }
    assert.deepEqual(order.slice(0, 7), ["Skip to the view", "Bulkhead consoleshopv7", "Map", "Traces", "Services", "Access", "Earlier"]);
  });

  test("keys lead to views, to the search and to the list of keys", async () => {
    await page.goto(collector.at("map"));
    await page.locator("[data-node]").first().waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.getByRole("search").waitFor();
    await page.keyboard.press("/");
    assert.match(await page.evaluate(() => document.activeElement.id), /search/);
    await page.keyboard.type("g s");
    assert.match(hash(), /^#\/traces/);
    await page.keyboard.press("Tab");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("?");
    await page.getByRole("heading", {name: "Keys"}).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("heading", {name: "Keys"}).waitFor({state: "hidden"});
    // A browser that is still closing the list may drop a key.
    const press = async (key, done) => {
      for (const end = Date.now() + 20_000; Date.now() < end && !done(hash()); await page.waitForTimeout(500)) await page.keyboard.press(key);
      assert.ok(done(hash()), `${key} leads to ${hash()}`);
    };
    await press("[", (address) => address.includes("from="));
    await press("l", (address) => !address.includes("from="));
  });

  test("arrows go over the map, Enter opens, Escape closes", async () => {
    await page.goto(collector.at("map"));
    await page.locator("[data-node=gateway]").focus();
    await page.keyboard.press("ArrowRight");
    const node = await page.evaluate(() => document.activeElement.dataset.node);
    assert.ok(["checkout", "search"].includes(node), node);
    assert.ok(await outlined());
    await page.keyboard.press("Enter");
    await side().getByRole("heading", {name: node}).waitFor();
    await page.keyboard.press("Escape");
    await side().getByText("Busiest").waitFor();
  });

  test("a trace is found, opened and walked", async () => {
    const {traces} = await collector.get("traces?from=1h&limit=500");
    await page.goto(collector.at(`traces?range=1h&q=${traces.find((trace) => trace.spans > 5).request_id}`));
    await page.getByRole("link", {name: /POST \/api/}).first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("treegrid").waitFor();
    await page.locator("[data-row]").first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", {name: "Span"}).waitFor();
    await page.locator("[data-row]").first().focus();
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.locator("[data-row]").first().getAttribute("aria-expanded"), "false");
    await page.keyboard.press("Escape");
    await page.getByRole("complementary", {name: "Span"}).waitFor({state: "hidden"});
  });

  test("the matrix is walked by arrows", async () => {
    await page.goto(collector.at("access/matrix"));
    await page.locator("[data-cell]").first().focus();
    const first = await focused();
    await page.keyboard.press("ArrowRight");
    assert.notEqual(await focused(), first);
  });
});

describe("dark and light", () => {
  test("the system's, until one is chosen; the choice is kept", async () => {
    const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.goto(collector.at("services"));
    await settled(page, "Slowest p99");
    const light = await colour();
    await page.emulateMedia({colorScheme: "dark"});
    const dark = await colour();
    assert.notEqual(dark, light);
    await page.getByRole("button", {name: "Light theme"}).click();
    assert.equal(await colour(), light);
    await page.reload();
    assert.equal(await colour(), light);
    quiet(page);
  });
});
