// bench/console [--services N] [--minutes M] [--seconds S] [--json FILE]: what the console costs a browser: its size, first paint, frames
// while the map is panned and zoomed, news until it is on the page, and memory over minutes of news. Chromium without a graphics card.
import {readdirSync, readFileSync, writeFileSync} from "node:fs";
import {cpus, loadavg} from "node:os";
import {join} from "node:path";
import {parseArgs} from "node:util";
import {gzipSync} from "node:zlib";
import {bundle, launch, mock, open, settled} from "../../tests/console/browser.mjs";

const {values: given} = parseArgs({options: {services: {type: "string", default: "200"}, minutes: {type: "string", default: "3"}, seconds: {type: "string", default: "6"}, json: {type: "string"}}});
const services = Number(given.services);
const collector = await mock(services);
const browser = await launch();
const figures = {services, edges: (await collector.get("graph")).edges.length, machine: `${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}`};
try {
  figures.size = sizes();
  figures.paint = await firstPaint(7);
  figures.frames = await frames(Number(given.seconds) * 1000);
  figures.news_ms = await news(9);
  figures.memory = await memory(Number(given.minutes));
} finally {
  await browser.close();
  collector.end();
}
report(figures);
if (given.json) writeFileSync(given.json, `${JSON.stringify(figures, null, 2)}\n`);

function sizes() {
  const of = (suffix) => readdirSync(bundle).filter((name) => name.endsWith(suffix)).map((name) => readFileSync(join(bundle, name)));
  const sum = (files, size) => files.reduce((total, file) => total + size(file), 0);
  const kinds = {script: of(".js"), style: of(".css")};
  return Object.fromEntries(Object.entries(kinds).map(([kind, files]) => [kind, {bytes: sum(files, (file) => file.length), gzip: sum(files, (file) => gzipSync(file, {level: 9}).length)}]));
}

function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

// Each in a context of its own, so that nothing is cached.
async function firstPaint(rounds) {
  const first = [];
  const drawn = [];
  for (let n = 0; n < rounds; n++) {
    const page = await open(browser);
    await page.goto(collector.at("map"));
    await page.locator("[data-node]").first().waitFor({state: "attached"});
    first.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN));
    drawn.push(await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))));
    await page.context().close();
  }
  return {first_contentful_ms: quantile(first, 0.5), map_drawn_ms: quantile(drawn, 0.5)};
}

// The pointer moves once a frame, so that every frame has something to draw; what lies between two frames is counted.
async function frames(ms) {
  const page = await open(browser);
  await page.goto(collector.at("map"));
  await settled(page, "Busiest");
  const measure = (zooms) =>
    page.evaluate(
      async ([length, steps]) => {
        const graph = document.querySelector(".graph");
        const box = graph.getBoundingClientRect();
        const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
        const send = (type, dx, dy) => graph.dispatchEvent(new PointerEvent(type, {pointerId: 1, pointerType: "mouse", button: 0, buttons: 1, bubbles: true, clientX: x + dx, clientY: y + dy}));
        graph.setPointerCapture = () => {};
        for (let n = 0; n < steps; n++) graph.dispatchEvent(new WheelEvent("wheel", {deltaY: -140, clientX: x, clientY: y, bubbles: true, cancelable: true}));
        const between = [];
        let longest = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (longest = Math.max(longest, entry.duration)))).observe({type: "longtask"});
        send("pointerdown", 0, 0);
        const end = performance.now() + length;
        for (let last = performance.now(), n = 0; last < end; n++) {
          const now = await new Promise(requestAnimationFrame);
          if (n > 0) between.push(now - last);
          last = now;
          send("pointermove", 260 * Math.sin(n / 25), 160 * Math.sin(n / 17));
        }
        send("pointerup", 0, 0);
        return {between, longest};
      },
      [ms, zooms],
    );
  const result = {};
  for (const [name, zooms] of [["whole", 0], ["near", 4]]) {
    const {between, longest} = await measure(zooms);
    result[name] = {per_second: (1000 * between.length) / between.reduce((a, b) => a + b, 0), p50_ms: quantile(between, 0.5), p95_ms: quantile(between, 0.95), p99_ms: quantile(between, 0.99), longest_task_ms: longest};
  }
  await page.context().close();
  return result;
}

// From the denial until its row is in the page.
async function news(rounds) {
  const page = await open(browser);
  await page.goto(collector.at("access/decisions"));
  await page.getByText("Live", {exact: true}).waitFor();
  const took = [];
  for (let n = 0; n < rounds; n++) {
    await page.evaluate((action) => {
      globalThis.shown = new Promise((done) => {
        new MutationObserver((_, observer) => {
          if (![...document.querySelectorAll(".decisions code")].some((code) => code.textContent === action)) return;
          observer.disconnect();
          done(performance.timeOrigin + performance.now());
        }).observe(document.querySelector("main"), {subtree: true, childList: true});
      });
    }, `POST /charges/${n + 1}`);
    const began = performance.timeOrigin + performance.now();
    await collector.post("deny");
    took.push((await page.evaluate(() => globalThis.shown)) - began);
  }
  await page.context().close();
  return {p50: quantile(took, 0.5), worst: Math.max(...took)};
}

// The heap after a collection, every five seconds, while the map is live; the slope is that of a least-squares line after the first quarter.
async function memory(minutes) {
  const page = await open(browser);
  const debug = await page.context().newCDPSession(page);
  await page.goto(collector.at("map"));
  await settled(page, "Busiest");
  const points = [];
  for (const end = Date.now() + minutes * 60_000; Date.now() < end; ) {
    await debug.send("HeapProfiler.collectGarbage");
    const {usedSize} = await debug.send("Runtime.getHeapUsage");
    points.push([Date.now() / 60_000, usedSize / 2 ** 20]);
    await page.waitForTimeout(5000);
  }
  await page.context().close();
  const later = points.slice(Math.floor(points.length / 4));
  const mean = (of) => later.reduce((sum, point) => sum + of(point), 0) / later.length;
  const [x, y] = [mean(([at]) => at), mean(([, size]) => size)];
  const slope = later.reduce((sum, [at, size]) => sum + (at - x) * (size - y), 0) / later.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return {minutes, first_mib: points[0][1], last_mib: points.at(-1)[1], slope_mib_per_minute: slope};
}

function report({machine, edges, size, paint, frames: panned, news_ms, memory: heap}) {
  const n = (value, digits = 0) => value.toFixed(digits);
  const kib = ({bytes, gzip}) => `${n(bytes / 1024)} KiB, ${n(gzip / 1024)} KiB with gzip`;
  const of = (each) => `${n(each.per_second, 1)} frames/s (between frames p50 ${n(each.p50_ms, 1)}, p95 ${n(each.p95_ms, 1)}, p99 ${n(each.p99_ms, 1)} ms; longest task ${n(each.longest_task_ms)} ms)`;
  console.log(
    [
      `${services} services, ${edges} edges; ${machine}`,
      `script           ${kib(size.script)}`,
      `style            ${kib(size.style)}`,
      `first paint      ${n(paint.first_contentful_ms)} ms; the map ${n(paint.map_drawn_ms)} ms`,
      `panned, whole    ${of(panned.whole)}`,
      `panned, near     ${of(panned.near)}`,
      `a denial shown   after ${n(news_ms.p50)} ms, at worst ${n(news_ms.worst)} ms`,
      `heap             ${n(heap.first_mib, 1)} MiB, after ${heap.minutes} min ${n(heap.last_mib, 1)} MiB; ${n(heap.slope_mib_per_minute, 3)} MiB a minute`,
    ].join("\n"),
  );
}
