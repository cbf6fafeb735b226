'use strict';
// What the shop's JavaScript services share: JSON over HTTP/1.1 with node's own http, in and out, and an orderly end.

const http = require('http');

const websocket = require('websocket.js');

const LONGEST_BODY = 1 << 20;
const STOP_AT_LAST_MS = 9000;
const CLOSING = 'closing';
const GOING_AWAY = 1001;
const NORMAL_END = 1000;
const agent = new http.Agent({ keepAlive: true });

// An answer that is not the one hoped for: thrown by a handler, it goes to the client.
class Refusal extends Error {
  constructor(status, content) {
    super(content.error || `status ${status}`);
    this.status = status;
    this.content = content;
  }
}

// Headers that go on from a request to the requests it causes, so that a trace shows them as one, and for whom it is made.
function context(headers) {
  const carried = {};
  for (const name of ['traceparent', 'tracestate', 'x-request-id', 'txn-token']) if (headers[name]) carried[name] = headers[name];
  return carried;
}

// For whom a request is made, as whoever brought it here has verified; nothing where nobody says so.
function user(headers) {
  const token = headers['txn-token'];
  return token && JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString('utf8')).sub;
}

function readJson(stream, longest = Infinity) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let length = 0;
    stream.on('data', (chunk) => {
      length += chunk.length;
      if (length > longest) reject(new Refusal(413, { error: 'the body is too long' }));
      else chunks.push(chunk);
    });
    stream.on('aborted', () => reject(new Error('the body was cut off')));
    stream.on('error', reject);
    stream.on('end', () => {
      try {
        resolve(length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8')));
      } catch {
        reject(new Refusal(400, { error: 'the body is not JSON' }));
      }
    });
  });
}

// One request to a peer; resolves to {status, headers, content}. Rejects where no whole answer came within `timeout` ms.
function call(method, url, { headers = {}, content, timeout = 5000 } = {}) {
  return new Promise((resolve, reject) => {
    const body = content === undefined ? undefined : Buffer.from(JSON.stringify(content));
    const all = { ...headers };
    if (body) Object.assign(all, { 'content-type': 'application/json', 'content-length': body.length });
    const request = http.request(url, { method, agent, headers: all }, (response) => {
      readJson(response)
        .then((answer) => resolve({ status: response.statusCode, headers: response.headers, content: answer }))
        .catch(reject)
        .finally(() => clearTimeout(clock));
    });
    const clock = setTimeout(() => request.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
    request.on('error', (error) => {
      clearTimeout(clock);
      reject(error);
    });
    request.end(body);
  });
}

function parts({ url, method, headers }) {
  const { pathname: path, searchParams: query } = new URL(url, 'http://shop');
  return { method, path, query, headers };
}

// What somebody is told one thing after the other, as server-sent events or over a WebSocket.
function eventStream(response, gone) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'close' });
  response.on('close', gone);
  const tell = (name, content) => response.write(`event: ${name}\ndata: ${JSON.stringify(content)}\n\n`);
  return {
    tell: (content) => tell('level', content),
    end: (why) => { tell('end', { why }); response.end(); },
  };
}

function socketStream(request, socket, early, gone) {
  const opened = websocket.accept(request, socket, early, { ended: gone });
  return opened && {
    tell: (content) => opened.tell(JSON.stringify(content)),
    end: (why) => { opened.tell(JSON.stringify({ why })); opened.close(why === CLOSING ? GOING_AWAY : NORMAL_END); },
  };
}

// Answers on $PORT until SIGTERM; then what was begun is finished, and the process ends when nothing is left to do.
// `respond(request)` gets {method, path, query, headers, content} and resolves to [status, content].
// `stream(request)`, where there is one, says nothing, or how that request is told things: a function of {tell, end} that
// returns what is to be done when that is over. A stream that still goes on at SIGTERM is ended with a word.
function serve(name, respond, stream = () => undefined) {
  let stopping = false;
  const streams = new Set();

  // Whoever ends it first, it ends once.
  function begin(open, make) {
    let over = false;
    let stop = () => {};
    const finish = () => {
      over = true;
      streams.delete(sink);
      stop();
    };
    const made = make(finish);
    if (!made) return false;
    const sink = {
      tell: (content) => { if (!over) made.tell(content); },
      end: (why) => {
        if (over) return;
        finish();
        made.end(why);
      },
    };
    streams.add(sink);
    stop = open(sink);
    if (stopping) sink.end(CLOSING);
    return true;
  }

  async function handle(request, response) {
    let status, content;
    try {
      const body = request.method === 'GET' ? undefined : await readJson(request, LONGEST_BODY);
      const asked = parts(request);
      const open = stream(asked);
      if (open) return begin(open, (gone) => eventStream(response, gone));
      [status, content] = await respond({ ...asked, content: body });
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(`${name}: ${request.method} ${request.url}: ${error.stack}`);
      [status, content] = error instanceof Refusal ? [error.status, error.content] : [500, { error: 'internal error' }];
    }
    const bytes = Buffer.from(JSON.stringify(content));
    const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
    if (stopping || !request.complete) headers.connection = 'close';
    response.writeHead(status, headers);
    return response.end(bytes);
  }

  function upgrade(request, socket, early) {
    socket.on('error', () => socket.destroy());
    const open = stream(parts(request));
    if (open && begin(open, (gone) => socketStream(request, socket, early, gone))) return;
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  }

  const server = http.createServer({ keepAliveTimeout: 600_000 }, handle);
  server.on('upgrade', upgrade);
  server.listen(Number(process.env.PORT || 8080), process.env.LISTEN || '0.0.0.0', 512,
    () => console.log(`${name} listens on port ${server.address().port}`));

  function stop() {
    if (stopping) return;
    stopping = true;
    server.close();
    server.closeIdleConnections();
    for (const each of streams) each.end(CLOSING);
    setTimeout(() => process.exit(0), STOP_AT_LAST_MS).unref();
  }
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

const notFound = [404, { error: 'there is nothing here' }];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Repeats a step that may be taken twice until it succeeds, or until it failed and the time is over.
async function insist(step, until = Infinity) {
  for (let delay = 20; ; delay = Math.min(delay * 2, 1000)) {
    try {
      return await step();
    } catch (error) {
      if (Date.now() + delay > until) throw error;
    }
    await pause(delay * (0.5 + Math.random() / 2));
  }
}

const dataFile = (name) => `${process.env.HOME || '/data'}/${name}`;

module.exports = { Refusal, call, context, dataFile, insist, notFound, serve, user };
