// Runs src/**/*.test.ts: bundled by esbuild into a folder that is thrown away, then given to Node's own test runner.
import {spawnSync} from "node:child_process";
import {mkdtempSync, readdirSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {buildSync} from "esbuild";

const source = join(dirname(fileURLToPath(import.meta.url)), "src");
const tests = readdirSync(source, {recursive: true}).filter((name) => name.endsWith(".test.ts"));
if (tests.length === 0) throw new Error(`there is no *.test.ts below ${source}`);
const into = mkdtempSync(join(tmpdir(), "console-"));
try {
  buildSync({entryPoints: tests.map((name) => join(source, name)), bundle: true, platform: "node", format: "esm", outdir: into, outExtension: {".js": ".mjs"}, jsx: "automatic", logLevel: "error"});
  const made = readdirSync(into, {recursive: true}).filter((name) => name.endsWith(".mjs")).map((name) => join(into, name));
  process.exitCode = spawnSync(process.execPath, ["--test", ...made], {stdio: "inherit"}).status ?? 1;
} finally {
  rmSync(into, {recursive: true});
}
