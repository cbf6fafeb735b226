// Answers what it was asked. WHERE is the address that it listens on: programs choose all kinds of them.
"use strict";
const http = require("http");

function events(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  let sent = 0;
  const timer = setInterval(() => {
    response.write(`data: ${sent}\n\n`);
    if (++sent < 4) return;
    clearInterval(timer);
    response.end();
  }, 100);
}

http.createServer((request, response) => {
  let bytes = 0;
  request.on("data", (part) => (bytes += part.length)).on("end", () => {
    if (request.url === "/events") return events(response);
    response.end(`${request.method} ${request.url} ${request.headers.host} ${bytes}\n`);
  });
}).listen(process.env.PORT, process.env.WHERE);
