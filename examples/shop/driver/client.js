'use strict';
// How the driver reaches the shop: through the gateway's routes, or each service directly.

const http = require('http');
const https = require('https');

const { passwordOf } = require('../login/tokens.js');
const { Inventory } = require('../checkout/inventory.js');
const websocket = require('../lib/websocket.js');

const REQUEST_TIMEOUT_MS = 30_000;
const TOKEN_MARGIN_SECONDS = 30;
const AUDITOR = 'auditor';
// The gateway's path of a service's own path; bulkhead.yaml declares each of them.
const ROUTES = {
  login: (path) => `/api${path}`,
  catalog: (path) => `/api/catalog${path}`,
  checkout: (path) => `/api/checkout${path}`,
  search: (path) => `/api${path}`,
};
const BOOKS = (service, path) => `/api/books/${service}${path.replace(/^\/books/, '')}`;

class Client {
  constructor({ url, direct, ca, insecure, concurrency, passwords }) {
    this.url = url;
    this.logins = new Logins(this, passwords);
    this.direct = direct;
    const tls = { ca, rejectUnauthorized: !insecure };
    const pool = { keepAlive: true, maxSockets: concurrency };
    this.tls = tls;
    this.agents = { 'http:': new http.Agent(pool), 'https:': new https.Agent({ ...pool, ...tls }) };
    this.inventory = new Inventory(direct.inventory || url, tls);
  }

  locate(service, path) {
    if (this.direct[service]) return new URL(this.direct[service] + path);
    return new URL(this.url + (path.startsWith('/books/') ? BOOKS(service, path) : ROUTES[service](path)));
  }

  // As request(), for whoever has that name.
  async requestAs(name, method, service, path, { headers = {}, content } = {}) {
    const answer = await this.request(method, service, path, { headers: { ...headers, ...await this.logins.headers(name, service) }, content });
    if (answer.status === 401) this.logins.forget(name);
    return answer;
  }

  // Resolves to {status, headers, content, port}, content undefined where the body is no JSON; rejects where no whole answer
  // came. `port`, of the error too, is the own one of the connection.
  request(method, service, path, { headers = {}, content } = {}) {
    return new Promise((resolve, refuse) => {
      let port;
      const reject = (error) => refuse(Object.assign(error, { port }));
      const url = this.locate(service, path);
      const body = content === undefined ? undefined : Buffer.from(JSON.stringify(content));
      const all = body ? { ...headers, 'content-type': 'application/json', 'content-length': body.length } : headers;
      const options = { method, headers: all, agent: this.agents[url.protocol], timeout: REQUEST_TIMEOUT_MS };
      const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('aborted', () => reject(Object.assign(new Error('cut off'), { code: 'CUT_OFF' })));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, content: json(chunks), port }));
      });
      request.on('socket', (socket) => {
        const learn = () => { port = socket.localPort; };
        if (socket.connecting) socket.once('connect', learn);
        else learn();
      });
      request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })));
      request.on('error', reject);
      request.end(body);
    });
  }

  // Streams of checkout's, each on a connection of its own. Resolves when it is open to {ended, end}; `ended` to whether it
  // ended as such a stream should. Rejects where it is refused.
  events(path, hear) {
    return this.open(path, { accept: 'text/event-stream' }, (request, resolve, reject) => {
      request.on('response', (response) => {
        if (response.statusCode !== 200) return reject(refusal(response));
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          const events = (text + chunk).split('\n\n');
          text = events.pop();
          for (const event of events) hear(JSON.parse(event.slice(event.indexOf('data: ') + 6)));
        });
        const ended = new Promise((done) => response.on('close', () => done(response.complete)).on('error', () => done(false)));
        return resolve({ ended, end: () => request.destroy() });
      });
    });
  }

  socket(path, hear) {
    const { headers, accepted } = websocket.offer();
    return this.open(path, headers, (request, resolve, reject) => {
      request.on('response', (response) => reject(refusal(response)));
      request.on('upgrade', (response, socket, early) => {
        let end;
        const ended = new Promise((done) => {
          const opened = accepted(response, socket, early, { hear: (text) => hear(JSON.parse(text)), ended: (code) => done(code !== undefined) });
          end = () => { opened.close(1000); socket.end(); };
        });
        resolve({ ended, end });
      });
    });
  }

  open(path, headers, begin) {
    return new Promise((resolve, reject) => {
      const url = this.locate('checkout', path);
      const request = (url.protocol === 'https:' ? https : http).request(url, { headers, agent: false, ...this.tls });
      request.on('error', reject);
      begin(request, resolve, reject);
      request.end();
    });
  }

  // A part of a service's books; asks again for up to half a minute.
  async read(service, path) {
    return insist(async () => {
      const answer = await this.requestAs(AUDITOR, 'GET', service, path);
      if (answer.status === 200 && answer.content) return answer.content;
      throw new Error(`${service} ${path}: status ${answer.status}`);
    });
  }

  async readAll(service, path, prefix) {
    const entries = [];
    for (let from = 0; from !== null;) {
      const part = await this.read(service, `${path}?prefix=${prefix}&from=${from}`);
      entries.push(...part.entries);
      from = part.next;
    }
    return entries;
  }

  stock() { return insist(async () => this.inventory.stock(await this.logins.headers(AUDITOR, 'inventory'))); }
  reservations(prefix) {
    return insist(async () => this.inventory.reservations(prefix, await this.logins.headers(AUDITOR, 'inventory')));
  }

  close() {
    for (const agent of Object.values(this.agents)) agent.destroy();
    this.inventory.close();
  }
}

// Who is logged in, for as long as their tokens last. Whom a service is asked directly for needs none.
class Logins {
  constructor(client, passwords) {
    Object.assign(this, { client, passwords });
    this.tokens = new Map();  // by name: a promise of {token, until}
  }

  async headers(name, service) {
    if (this.client.direct[service]) return {};
    const known = await this.tokens.get(name);
    const login = known && known.until > Date.now() ? known : await this.begin(name);
    return { authorization: `Bearer ${login.token}` };
  }

  forget(name) { this.tokens.delete(name); }

  begin(name) {
    const login = this.login(name);
    this.tokens.set(name, login);
    login.catch(() => this.forget(name));
    return login;
  }

  async login(name) {
    if (!this.passwords) throw new Error('what passwords are made of is not known: build the shop, or say --passwords FILE');
    const content = { name, password: passwordOf(this.passwords, name) };
    const answer = await this.client.request('POST', 'login', '/login', { content });
    if (answer.status !== 200) throw Object.assign(new Error(`login: ${cause(answer)}`), { port: answer.port });
    return { token: answer.content.token, until: Date.now() + (answer.content.expires_in - TOKEN_MARGIN_SECONDS) * 1000 };
  }
}

function refusal(response) {
  response.resume();
  return new Error(cause({ status: response.statusCode, headers: response.headers }));
}

// What an answer that is no good says of why.
const cause = ({ status, headers }) => `HTTP ${status}${headers['proxy-status'] ? ` (${headers['proxy-status']})` : ''}`;

function json(chunks) {
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function insist(step, seconds = 30) {
  for (const until = Date.now() + seconds * 1000; ;) {
    try {
      return await step();
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    await pause(300);
  }
}

module.exports = { Client, cause, pause };
