// Every view, in both themes, at several sizes: nothing is complained of, axe finds nothing, nothing is wider than the window.
import assert from "node:assert/strict";
import {after, before, describe, test} from "node:test";
import {launch, mock, open, quiet, settled, shot, violations} from "./browser.mjs";

const kThemes = ["light", "dark"];

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

function views(traces, service) {
  return [
    ["map", "map", "Busiest"],
    ["map-errors", "map?colour=errors", "Failing|Busiest"],
    ["map-node", `map?node=${service}`, "Called by"],
    ["map-table", "map?as=table", "Declared"],
    ["traces", "traces", "Started"],
    ["trace-failed", `traces/${traces.failed}`, "attempts?|upstream"],
    ["trace-denied", `traces/${traces.denied}`, "denied"],
    ["services", "services", "Slowest p99"],
    ["service", `services/${service}`, "Instances"],
    ["matrix", "access/matrix", "callers"],
    ["rules", "access/rules", "Written at"],
    ["reach", `access/reach?service=${service}`, "could reach"],
    ["calls", "access/calls", "Would allow it"],
    ["decisions", "access/decisions", "not declared"],
    ["past", `services/${service}?from=${Date.now() - 7_200_000}&to=${Date.now() - 3_600_000}`, "Instances"],
  ];
}

async function someTraces(collector) {
  const {traces} = await collector.get("traces?from=6h&limit=500");
  return {failed: traces.find((trace) => trace.attempts > 1)?.id ?? traces.find((trace) => trace.errors > 0).id, denied: traces.find((trace) => trace.denied > 0).id};
}

for (const theme of kThemes) {
  describe(`of 6 services, ${theme}`, () => {
    let collector;
    let list;
    before(async () => {
      collector = await mock(6);
      list = views(await someTraces(collector), "checkout");
    });
    after(() => collector?.end());

    for (const [at, name] of views({}, "").map(([name], at) => [at, name])) {
      test(`${name} is accessible and quiet`, async () => {
        const [, hash, text] = list[at];
        const page = await open(browser, {theme});
        await page.goto(collector.at(hash));
        await settled(page, new RegExp(text));
        await shot(page, `6-${theme}-${name}`);
        assert.deepEqual(await violations(page), []);
        quiet(page);
        await page.context().close();
      });
    }

    test("a chosen span, an open decision and the list of keys are accessible too", async () => {
      const page = await open(browser, {theme});
      await page.goto(collector.at(list.find(([name]) => name === "trace-failed")[1]));
      await page.locator("[data-row]").nth(1).click();
      await page.getByRole("complementary", {name: "Span"}).waitFor();
      await shot(page, `6-${theme}-span`);
      assert.deepEqual(await violations(page), []);
      await page.goto(collector.at("access/decisions"));
      await page.locator(".decisions summary").first().click();
      await page.locator(".decisions details[open] .more").waitFor();
      await shot(page, `6-${theme}-decision`);
      assert.deepEqual(await violations(page), []);
      await page.keyboard.press("?");
      await page.getByRole("heading", {name: "Keys"}).waitFor();
      await shot(page, `6-${theme}-keys`);
      assert.deepEqual(await violations(page), []);
      await page.keyboard.press("Escape");
      await page.getByRole("button", {name: /Time range/}).click();
      await page.getByRole("dialog", {name: "Choose a time range"}).waitFor();
      await shot(page, `6-${theme}-range`);
      assert.deepEqual(await violations(page), []);
      quiet(page);
      await page.context().close();
    });
  });
}

for (const services of [40, 200]) {
  test(`of ${services} services every view is quiet`, async () => {
    const collector = await mock(services);
    try {
      const {services: all} = await collector.get("application");
      const page = await open(browser, {theme: services === 40 ? "dark" : "light", width: 1680, height: 1050});
      for (const [name, hash, text] of views(await someTraces(collector), all[3].name)) {
        await page.goto(collector.at(hash));
        await settled(page, new RegExp(text));
        await shot(page, `${services}-${name}`);
      }
      assert.deepEqual(await violations(page), []);
      quiet(page);
      await page.context().close();
    } finally {
      collector.end();
    }
  });
}

test("nothing is wider than a narrow window", async () => {
  const collector = await mock(6);
  try {
    const page = await open(browser, {width: 390, height: 844});
    for (const [name, hash, text] of views(await someTraces(collector), "checkout")) {
      await page.goto(collector.at(hash));
      await settled(page, new RegExp(text));
      await shot(page, `narrow-${name}`);
      const {wide, inner} = await page.evaluate(() => ({wide: document.documentElement.scrollWidth, inner: innerWidth}));
      assert.ok(wide <= inner, `${name} is ${wide} wide in a window of ${inner}`);
      const main = await page.evaluate(() => ({wide: document.querySelector("main").scrollWidth, inner: document.querySelector("main").clientWidth}));
      assert.ok(main.wide <= main.inner, `${name}: its view is ${main.wide} wide in ${main.inner}`);
    }
    assert.deepEqual(await violations(page), []);
    quiet(page);
  } finally {
    collector.end();
  }
});
