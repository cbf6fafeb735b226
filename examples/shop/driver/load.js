'use strict';
// Places the orders. Every order has an id of its own and is repeated under it until the shop says what became of it. Each
// attempt has an x-request-id of its own, so that the records of whoever carried it can be found.

const fs = require('fs');

const { cause, pause } = require('./client.js');

// A small generator of numbers in [0, 1), the same for the same seed.
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Baskets of one to three different items for any customer, good or bad: what must become of it is the audit's question.
class Baskets {
  constructor(seed, customers, skus) {
    this.random = random(seed);
    this.customers = customers;
    this.skus = skus;
  }

  pick(list) { return list[Math.floor(this.random() * list.length)]; }

  next() {
    const skus = new Set();
    for (let count = 1 + Math.floor(this.random() * 3); count > 0; --count) skus.add(this.pick(this.skus));
    const lines = [...skus].map((sku) => ({ sku, quantity: 1 + Math.floor(this.random() * 3) }));
    return { customer: this.pick(this.customers), lines };
  }
}

// What an answer says for good, or nothing where the order must be repeated.
function verdict(id, { status, content }) {
  const outcome = content && content.id === id && content.outcome;
  if ([201, 402, 409].includes(status) && outcome) return { outcome, reason: content.reason, total: content.total };
  if (status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status)) return { outcome: status === 422 ? 'refused' : 'unexpected', status, content };
  return null;
}

class Load {
  constructor(client, baskets, run, options) {
    Object.assign(this, { client, baskets, run, options });
    this.placed = [];
    this.repeated = {};  // how many attempts failed, by cause
    this.stopped = false;
    this.nextTurn = 0;
  }

  stop() { this.stopped = true; }

  async drive() {
    const { seconds, concurrency } = this.options;
    const begin = process.hrtime.bigint();
    const clock = seconds && setTimeout(() => this.stop(), seconds * 1000);
    await Promise.all(Array.from({ length: concurrency }, () => this.work()));
    clearTimeout(clock);
    this.seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  }

  async work() {
    while (!this.stopped && this.placed.length < this.options.orders) {
      const id = `${this.run}-${String(this.placed.length).padStart(7, '0')}`;
      const order = { id, ...this.baskets.next(), outcome: 'lost' };
      this.placed.push(order);
      await this.turn();
      await this.place(order);
    }
  }

  // At most `rate` orders a second begin.
  async turn() {
    if (!this.options.rate) return;
    const now = Date.now();
    const turn = Math.max(now, this.nextTurn);
    this.nextTurn = turn + 1000 / this.options.rate;
    if (turn > now) await pause(turn - now);
  }

  async place(order) {
    const begin = Date.now();
    const content = { customer: order.customer, lines: order.lines };
    for (let delay = 50, number = 0; ; delay = Math.min(delay * 2, 1000), ++number) {
      const began = Date.now();
      const attempt = { order: order.id, request_id: `${order.id}.${number}`, began };
      const failure = await this.attempt(order, content, attempt);
      order.ms = Date.now() - begin;
      if (!failure) return;
      this.repeated[failure] = (this.repeated[failure] || 0) + 1;
      this.note({ ...attempt, ended: Date.now(), failure });
      if (order.ms + delay > this.options.patience * 1000) return;
      await pause(delay);
    }
  }

  note(failed) {
    if (this.options.failures) fs.appendFileSync(this.options.failures, `${JSON.stringify(failed)}\n`);
  }

  // Why the attempt settled nothing, or nothing. Tells `attempt` which connection carried it, and what the shop said.
  async attempt(order, content, attempt) {
    try {
      const headers = { 'idempotency-key': order.id, 'x-request-id': attempt.request_id };
      const answer = await this.client.requestAs(order.customer, 'POST', 'checkout', '/orders', { headers, content });
      const final = verdict(order.id, answer);
      if (!final) {
        Object.assign(attempt, { port: answer.port, status: answer.status, said: answer.content && answer.content.error });
        return cause(answer);
      }
      Object.assign(order, final);
      return undefined;
    } catch (error) {
      attempt.port = error.port;
      return error.code || error.message;
    }
  }
}

module.exports = { Baskets, Load, random };
