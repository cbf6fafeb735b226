// For the tests of the console: a mock of the collector, Chromium, and pages that are watched for mistakes.
import assert from "node:assert/strict";
import {spawn} from "node:child_process";
import {existsSync, mkdirSync} from "node:fs";
import {createRequire} from "node:module";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

const top = join(dirname(fileURLToPath(import.meta.url)), "../..");
const build = process.env.BULKHEAD_BUILD ?? join(top, "build/release");
export const bundle = process.env.CONSOLE ?? join(build, "console");
export const shots = join(build, "console-screenshots");
const require = createRequire(join(top, "web/package.json"));
const {chromium} = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");

/** A collector with an estate of so many services; `at(hash)` is the address of a view, `post` steers it. */
export async function mock(services = 6) {
  const process_ = spawn(process.execPath, [join(top, "web/mock/server.mjs"), "--root", bundle, "--services", String(services)], {stdio: ["pipe", "pipe", "inherit"]});
  const base = await new Promise((resolve, reject) => {
    process_.stdout.once("data", (text) => resolve(String(text).trim()));
    process_.once("exit", (code) => reject(new Error(`the mock ended with ${code}`)));
  });
  return {
    base,
    at: (hash = "") => `${base}#/${hash}`,
    post: (path) => fetch(`${base}mock/${path}`, {method: "POST"}),
    get: async (path) => (await fetch(`${base}api/v1/${path}`)).json(),
    end: () => process_.stdin.end(),
  };
}

export function launch() {
  const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
  return chromium.launch({executablePath, args: ["--no-sandbox"]});
}

/** A page that remembers what the console complained of, and what was asked of anybody else. `expect` names complaints that a test causes. */
export async function open(browser, {theme = "light", width = 1440, height = 900, ...more} = {}) {
  const context = await browser.newContext({viewport: {width, height}, colorScheme: theme, reducedMotion: "reduce", ...more});
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("request", (request) => {
    const {hostname} = new URL(request.url());
    if (hostname !== "127.0.0.1") page.complaints.push(`asked ${request.url()}`);
  });
  return page;
}

export function quiet(page, expected = /^$/) {
  assert.deepEqual(page.complaints.filter((text) => !expected.test(text)), []);
}

/** What axe finds wrong, as lines: rule, and where. */
export async function violations(page) {
  // Through the debugger, which no policy of the page forbids: the page itself may run no script that was written into it.
  await page.evaluate(require("node:fs").readFileSync(axe, "utf8"));
  const {violations: found} = await page.evaluate(() => globalThis.axe.run({resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}));
  return found.flatMap(({id, help, nodes}) => nodes.slice(0, 4).map((node) => `${id}: ${help}: ${node.html.slice(0, 140)} ${node.failureSummary?.split("\n")[1]?.slice(0, 160) ?? ""}`));
}

export async function shot(page, name) {
  mkdirSync(shots, {recursive: true});
  await page.screenshot({path: join(shots, `${name}.png`)});
}

/** Waits until a view shows what it was opened for, and has nothing left that loads. */
export async function settled(page, text) {
  if (text) await page.getByText(text).first().waitFor();
  await page.waitForFunction(() => !document.querySelector(".shimmer, [aria-busy=true]"));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
