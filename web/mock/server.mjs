#!/usr/bin/env node
// A collector that is not there: serves the console and its API (docs/api.md) with an estate made up from a seed.
//   node mock/server.mjs --root dist [--services 6|40|200] [--seed N] [--port N]      prints its address, ends with its standard input
// For tests: POST /mock/mode?is=normal|away|ended|empty, POST /mock/deny (a denial happens now), POST /mock/drop (ends the streams).
import {createReadStream, existsSync, statSync} from "node:fs";
import {createServer} from "node:http";
import {extname, join, normalize} from "node:path";
import {parseArgs} from "node:util";
import {answers, usage} from "./answers.mjs";
import {estate} from "./estate.mjs";
import {denial, tick} from "./traffic.mjs";

const {values: given} = parseArgs({options: {root: {type: "string", default: "dist"}, services: {type: "string", default: "6"}, seed: {type: "string", default: "1"}, port: {type: "string", default: "0"}, stay: {type: "boolean", default: false}}});
const kTypes = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"};
// As strict as it can be: what the console does without, the collector's own policy may forbid.
const kPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const began = Date.now();
const application = estate(Number(given.services), Number(given.seed), began);
const told = []; // every decision that was news: later answers have it too
const api = answers(application, began, told);
const streams = new Set();
let mode = "normal";
let asked = 0;
let denials = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://mock");
  if (url.pathname.startsWith("/mock/")) return steer(url, response);
  if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
  if (mode === "away") return request.socket.destroy();
  if (mode === "ended") return problem(response, 401, "This login has ended.");
  if (url.pathname === "/api/v1/events") return stream(request, response);
  const answer = api(url.pathname.slice("/api/v1/".length), url.searchParams, mode === "empty");
  if (!answer) return problem(response, 404, `Nothing is known of ${url.pathname.slice(8)}.`);
  response.writeHead(200, {"content-type": "application/json", "cache-control": "no-store"});
  response.end(JSON.stringify(answer));
});

function problem(response, status, detail) {
  response.writeHead(status, {"content-type": "application/problem+json"});
  response.end(JSON.stringify({type: "about:blank", title: "Problem", status, detail}));
}

function file(path, response) {
  const at = normalize(join(given.root, path === "/" ? "index.html" : path));
  if (!at.startsWith(normalize(given.root)) || !existsSync(at) || !statSync(at).isFile()) return problem(response, 404, `There is no ${path}.`);
  response.writeHead(200, {"content-type": kTypes[extname(at)] ?? "application/octet-stream", "content-security-policy": kPolicy, "x-content-type-options": "nosniff"});
  createReadStream(at).pipe(response);
}

function stream(request, response) {
  response.writeHead(200, {"content-type": "text/event-stream", "cache-control": "no-store"});
  response.write(": hello\n\n");
  streams.add(response);
  request.on("close", () => streams.delete(response));
}

function tell(event, data) {
  for (const response of streams) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function decide(decision) {
  told.unshift(decision);
  told.length = Math.min(told.length, 500);
  tell("decision", decision);
}

function steer(url, response) {
  if (url.pathname === "/mock/mode") mode = url.searchParams.get("is");
  if (url.pathname === "/mock/deny") decide({...denial(application, Date.now(), 0), action: `POST /charges/${++asked}`});
  if (url.pathname === "/mock/drop" || mode === "away") for (const each of streams) each.destroy();
  response.end("ok\n");
}

setInterval(() => mode === "normal" && tell("usage", usage(application, Date.now())), 5000).unref();
setInterval(() => mode === "normal" && tell("tick", tick(application, Date.now())), 500).unref();
setInterval(() => mode === "normal" && decide(denial(application, Date.now(), ++denials)), 9000).unref();
server.listen(Number(given.port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
if (!given.stay) process.stdin.on("end", () => process.exit(0)).resume();
