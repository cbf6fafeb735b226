// An application on Node's own HTTP server. /ask?n=N makes N requests to itself's peer over kept connections.
"use strict";
const http = require("http");
const crypto = require("crypto");

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

function ask(path, body) {
  return new Promise((done, failed) => {
    const request = http.request(new URL(path, process.env.PEER_URL), { agent, method: body ? "POST" : "GET" }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part)).on("end", () => done({ status: response.statusCode, body: Buffer.concat(parts), port: request.socket.localPort }));
    });
    request.on("error", failed);
    request.end(body);
  });
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const pages = {
  async ask(url) {
    const count = Number(url.searchParams.get("n"));
    const answers = await Promise.all(Array.from({ length: count }, (_, n) => ask(`/x?n=${n}`)));
    await pause(1500);
    const last = await ask("/after-a-pause");
    return { right: answers.filter((answer, n) => answer.status === 200 && JSON.parse(answer.body).url === `/x?n=${n}`).length, connections: new Set(answers.map((answer) => answer.port)).size, last: last.status };
  },
  async upload() {
    const body = crypto.randomBytes(12 << 20);
    const answer = JSON.parse((await ask("/stored", body)).body);
    return { same: answer.digest === crypto.createHash("sha256").update(body).digest("hex") };
  },
};

async function answer(request, response) {
  const digest = crypto.createHash("sha256");
  for await (const part of request) digest.update(part);
  const url = new URL(request.url, "http://self");
  const page = pages[url.pathname.slice(1)];
  const value = page ? await page(url) : { url: request.url, headers: request.headers, digest: digest.digest("hex"), version: request.httpVersion };
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(value));
}

http.createServer((request, response) => answer(request, response).catch((error) => response.writeHead(500).end(String(error)))).listen(process.env.PORT);
