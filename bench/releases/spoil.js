'use strict';
// Loaded before checkout (node --require), it makes a bad version of it, as SPOIL says. Without SPOIL it does nothing.
//
//   unready  its health check never passes
//   fails    one request in ten is answered with 500
//   leaks    4 MiB more are held after each request
//   slow     every request waits for three seconds
//   hangs    no request is ever answered

const http = require('http');

const LEAK_BYTES = 4 << 20;
const kept = [];
let requests = 0;

const answer = (response, status) => response.writeHead(status, { 'content-length': 0 }).end();

const KINDS = {
  fails: (go, request, response) => (++requests % 10 === 0 ? request.on('end', () => answer(response, 500)).resume() : go()),
  leaks: (go) => { kept.push(Buffer.alloc(LEAK_BYTES, 1)); go(); },
  slow: (go) => setTimeout(go, 3000),
  hangs: () => {},
  unready: (go) => go(),
};

const kind = process.env.SPOIL;
if (kind) {
  const create = http.createServer;
  http.createServer = (options, handle) => create(options, (request, response) => {
    const go = () => handle(request, response);
    if (request.url !== '/healthz') return KINDS[kind](go, request, response);
    return kind === 'unready' ? answer(response, 503) : go();
  });
}
