'use strict';
// Customers who look on: each holds a stream open that tells what is left of an item, half of them as server-sent events,
// half over WebSockets. Two of four want it for a few seconds, the others for an hour, or until the shop says that it
// closes. A stream that ends must end with a word; one that was refused, cut or closed before its few seconds were over has
// failed, and another is opened.

const { pause } = require('./client.js');

const SHORT_S = 2;
const LONG_S = 3600;

class Watchers {
  // `note({stream, began, ended, failure})` hears of each that failed.
  constructor(client, skus, random, number, note) {
    Object.assign(this, { client, skus, random, number, note });
    this.counts = { opened: 0, told: 0, time: 0, closing: 0, stopped: 0 };
    this.cut = {};        // how many ended otherwise, by how
    this.open = new Set();
    this.stopped = false;
  }

  start() {
    const each = Array.from({ length: this.number }, (_, number) => this.watch(number));
    this.done = Promise.all(each);
  }

  async stop() {
    this.stopped = true;
    for (const end of this.open) end();
    await this.done;
  }

  async watch(number) {
    const long = number % 4 >= 2;
    while (!this.stopped) {
      const sku = this.skus[Math.floor(this.random() * this.skus.length)];
      const seconds = long ? LONG_S : 0.5 + this.random() * (SHORT_S - 0.5);
      const kind = number % 2 === 0 ? 'events' : 'socket';
      const began = Date.now();
      const said = await this.once(kind, sku, seconds);
      const why = said === 'closing' && !long ? `${kind} closed before its time` : said;
      if (why in this.counts) ++this.counts[why];
      else await this.fail({ stream: `${kind} ${sku} for ${seconds.toFixed(1)} s`, began, ended: Date.now(), failure: why });
    }
  }

  async fail(failed) {
    this.cut[failed.failure] = (this.cut[failed.failure] || 0) + 1;
    this.note(failed);
    await pause(200);
  }

  // Holds one stream until it ends; resolves to how.
  async once(kind, sku, seconds) {
    let said;
    const hear = (content) => {
      if (content.why) said = content.why;
      else ++this.counts.told;
    };
    let end;
    try {
      const stream = await this.client[kind](`/levels/${sku}?seconds=${seconds.toFixed(3)}`, hear);
      ++this.counts.opened;
      end = () => { said = 'stopped'; stream.end(); };
      this.open.add(end);
      if (this.stopped) end();
      const whole = await stream.ended;
      if (said === 'stopped') return said;
      return said && whole ? said : `${kind} cut off after ${said || 'no word'}`;
    } catch (error) {
      return `${kind}: ${error.message}`;
    } finally {
      this.open.delete(end);
    }
  }

  summary() {
    const { time, closing, ...more } = this.counts;
    return { ...more, ended: { time, closing }, cut: this.cut };
  }
}

module.exports = { Watchers };
