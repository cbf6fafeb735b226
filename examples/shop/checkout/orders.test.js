'use strict';
// Checkout dies after every record of its journal, and is started again: whatever was left, each order must end whole.

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { test } = require('node:test');

const { Orders } = require('./orders.js');

const LINES = [{ sku: 'rope', quantity: 2 }];

// Peers that keep what they were told, and fail as often as they are asked to.
class Peers {
  constructor({ decline = false, short = false, failures = 0, noCharges = false } = {}) {
    Object.assign(this, { decline, short, failures, noCharges });
    this.goods = new Map();
    this.charges = new Map();
    this.inventory = {
      reserve: (id) => this.step(() => {
        if (this.short) return { state: 'out_of_stock', shortOf: 'rope' };
        if (!this.goods.has(id)) this.goods.set(id, 'reserved');
        return { state: this.goods.get(id) };
      }),
      commit: (id) => this.step(() => this.goods.set(id, 'committed')),
      release: (id) => this.step(() => this.goods.set(id, 'released')),
    };
    this.charge = (id) => this.step(() => {
      if (this.noCharges) throw new Error('payments is away');
      if (!this.charges.has(id)) this.charges.set(id, this.decline ? 'declined' : 'approved');
      return { status: this.charges.get(id), reason: this.decline ? 'card_expired' : undefined };
    });
    this.refund = (id) => this.step(() => this.charges.set(id, 'refunded'));
  }

  async step(change) {
    if (this.failures-- > 0) throw new Error('away');
    return change();
  }
}

function inDirectory(body) {
  return async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'shop-orders-'));
    try {
      await body(path.join(directory, 'orders.log'));
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  };
}

async function place(file, peers, patience) {
  const orders = new Orders(file, peers, patience);
  const { outcome } = await orders.place('a', 'c0001', '1 Quay Street', LINES, 3180, {});
  await written(orders);
  return outcome;
}

// Until all that the order wrote is in the file, of which nobody waits for the last record.
const written = (orders) => orders.journal.append({ id: 'a', phase: 'settled' });

test('an order that is paid gets its goods', inDirectory(async (file) => {
  const peers = new Peers();
  assert.strictEqual(await place(file, peers), 'confirmed');
  assert.deepStrictEqual([peers.goods.get('a'), peers.charges.get('a')], ['committed', 'approved']);
}));

test('a declined order holds no goods', inDirectory(async (file) => {
  const peers = new Peers({ decline: true });
  assert.strictEqual(await place(file, peers), 'declined');
  assert.strictEqual(peers.goods.get('a'), 'released');
}));

test('an order that is short of goods is not charged', inDirectory(async (file) => {
  const peers = new Peers({ short: true });
  assert.strictEqual(await place(file, peers), 'out_of_stock');
  assert.strictEqual(peers.charges.size, 0);
}));

test('a peer that fails is asked again', inDirectory(async (file) => {
  const peers = new Peers({ failures: 4 });
  assert.strictEqual(await place(file, peers), 'confirmed');
  assert.deepStrictEqual([peers.goods.get('a'), peers.charges.get('a')], ['committed', 'approved']);
}));

test('an order that nobody decides in time is cancelled, its money given back', inDirectory(async (file) => {
  const peers = new Peers({ noCharges: true });
  assert.strictEqual(await place(file, peers, 0), 'cancelled');
  assert.deepStrictEqual([peers.goods.get('a'), peers.charges.get('a')], ['released', 'refunded']);
}));

for (const decline of [false, true]) {
  test(`wherever checkout dies, a ${decline ? 'declined' : 'paid'} order ends whole`, inDirectory(async (file) => {
    await place(file, new Peers({ decline }));
    const bytes = fs.readFileSync(file);
    for (let length = bytes.indexOf('}\n') + 2; length < bytes.length; ++length) {  // every torn line, too
      for (const started of [new Peers({ decline }), await halfway(file, decline)]) {
        fs.writeFileSync(file, bytes.subarray(0, length));
        const orders = new Orders(file, started);
        orders.resume();
        const order = await orders.settled('a');
        await written(orders);
        assert.strictEqual(order.phase, 'settled', `after ${length} bytes`);
        const goods = bytes.subarray(0, length).includes('settled"}\n') ? undefined : decline ? 'released' : 'committed';
        if (goods) assert.strictEqual(started.goods.get('a'), goods, `after ${length} bytes`);
      }
    }
  }));
}

// Peers as a process that died after the charge leaves them.
async function halfway(file, decline) {
  const peers = new Peers({ decline });
  await peers.inventory.reserve('a');
  await peers.charge('a');
  return peers;
}

test('two that share the journal tell one story of each order', inDirectory(async (file) => {
  const peers = new Peers();
  const [old, young] = [new Orders(file, peers), new Orders(file, peers)];
  const placed = await Promise.all(['a', 'b', 'c', 'd'].map((id, at) => (
    (at % 2 ? old : young).place(id, 'c0001', '1 Quay Street', LINES, 3180, {}))));
  await written(old);
  await written(young);
  assert.deepStrictEqual(placed.map(({ outcome }) => outcome), Array(4).fill('confirmed'));
  for (const orders of [old, young, new Orders(file, peers)]) {
    orders.refresh();
    assert.deepStrictEqual([...orders.orders], [...old.orders]);
    assert.strictEqual(orders.totals().unfinished, 0);
  }
}));

test('of two decisions about an order the first one counts, for both', inDirectory(async (file) => {
  const peers = new Peers({ noCharges: true });
  const slow = new Orders(file, peers, 30_000);
  const begun = slow.place('a', 'c0001', '1 Quay Street', LINES, 3180, {});
  await slow.journal.append({ id: 'b', phase: 'begun' });  // so the line about a is there, too
  const other = new Orders(file, peers, 0);
  assert.strictEqual((await other.settled('a')).outcome, 'cancelled');
  peers.noCharges = false;
  peers.charge = async () => ({ status: 'approved' });  // late: it would have been confirmed
  assert.strictEqual((await begun).outcome, 'cancelled');
  await written(slow);
  assert.deepStrictEqual([peers.goods.get('a'), peers.charges.get('a')], ['released', 'refunded']);
}));

test('what another process left behind a torn line is taken up', inDirectory(async (file) => {
  const peers = new Peers();
  const lives = new Orders(file, peers);
  fs.appendFileSync(file, JSON.stringify({ id: 'a', phase: 'begun', customer: 'c0001', lines: LINES, total: 3180 }) + '\n{"id": "b", "pha');
  assert.strictEqual(await lives.place('c', 'c0001', '1 Quay Street', LINES, 3180, {}).then(({ outcome }) => outcome), 'confirmed');
  assert.strictEqual(lives.resume(), 1);
  assert.strictEqual((await lives.settled('a')).outcome, 'confirmed');
  assert.deepStrictEqual([...lives.orders.keys()], ['a', 'c']);
  await written(lives);
}));
