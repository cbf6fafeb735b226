'use strict';
// The orders, and what must become of each. An order is journalled before it touches any other service, its outcome is
// journalled before anything follows from it, and every step may be taken twice. So checkout may die anywhere: its next
// start takes each unfinished order up where the journal has it.
//
//   begun ──reserve, charge──▶ decided: confirmed ──commit the goods────────────────▶ settled
//                                       declined, out_of_stock ──release the goods──▶ settled
//                                       cancelled (no answer in time) ──refund, release──▶ settled
//
// Several processes may share the journal, an old version and a new one, say. An order is what the first line about each
// step says: where two took it up, both follow from the one decision that came first.

const { SharedJournal } = require('journal.js');
const { insist } = require('web.js');

const LOOK_EVERY_MS = 1000;
const LEFT_AFTER_MS = 5000;  // an order that is not settled by then was left by a process that has ended

class Orders {
  // `peers` as in peers.js; an order that could not be decided within `patience` ms is cancelled.
  constructor(path, peers, patience = 30_000) {
    this.peers = peers;
    this.patience = patience;
    this.orders = new Map();  // in the order in which they came
    this.open = new Map();    // when we first saw each that is not settled
    this.runs = new Map();    // those that this process works on: the promise of the end
    this.headers = new Map(); // of the request that asked last for each of these: for whom, and of which trace, its steps are
    this.journal = new SharedJournal(path, (record) => this.apply(record));
  }

  refresh() { this.journal.refresh(); }

  // Takes up what was left unfinished; returns how many orders that were.
  resume() { return this.takeUp([...this.open.keys()]); }

  // Goes on doing so, for what other processes leave.
  watch() {
    setInterval(() => {
      this.refresh();
      const left = [...this.open].filter(([, since]) => Date.now() - since >= LEFT_AFTER_MS);
      this.takeUp(left.map(([id]) => id));
    }, LOOK_EVERY_MS).unref();
  }

  takeUp(ids) {
    const idle = ids.filter((id) => !this.runs.has(id));
    for (const id of idle) this.follow(id, {});
    return idle.length;
  }

  get(id) { return this.orders.get(id); }

  // The first line about each step counts.
  apply({ id, phase, ...facts }) {
    const order = this.orders.get(id);
    if (!order && phase === 'begun') {
      this.orders.set(id, { id, phase, ...facts });
      this.open.set(id, Date.now());
    }
    if (!order || !(phase === 'decided' ? order.phase === 'begun' : phase === 'settled')) return;
    Object.assign(order, { phase, ...facts });
    if (phase === 'settled') this.open.delete(id);
  }

  // Begins an order; resolves to it when it is settled. The id must be new.
  place(id, customer, shipTo, lines, total, headers) {
    const begun = this.journal.append({ id, phase: 'begun', customer, shipTo, lines, total });
    return this.follow(id, headers, begun);
  }

  // Resolves to the order when it is settled; the order must be known. Whoever began it, we see to its end. One that was taken
  // up without its customer may be charged from now on.
  async settled(id, headers = {}) {
    const order = this.orders.get(id);
    if (!this.runs.has(id)) return order.phase === 'settled' ? order : this.follow(id, headers);
    this.headers.set(id, headers);
    return this.runs.get(id);
  }

  // The one run of an order in this process.
  follow(id, headers, begun) {
    this.headers.set(id, headers);
    const run = async () => {
      await begun;
      const order = this.orders.get(id);
      if (order.phase === 'begun') await this.decide(order);
      if (order.phase === 'decided') await this.settle(order);
      this.runs.delete(id);
      this.headers.delete(id);
      return order;
    };
    const settled = run();
    this.runs.set(id, settled);
    return settled;
  }

  async decide(order) {
    const until = Date.now() + this.patience;
    let outcome;
    try {
      outcome = await insist(() => this.tryToBuy(order, this.headers.get(order.id)), until);
    } catch (error) {
      console.error(`checkout: order ${order.id} is cancelled: ${error.message}`);
      outcome = { outcome: 'cancelled', reason: 'a service did not answer in time' };
    }
    await this.journal.append({ id: order.id, phase: 'decided', ...outcome });
  }

  async tryToBuy(order, headers) {
    const reservation = await this.peers.inventory.reserve(order.id, order.lines, headers);
    if (reservation.state === 'out_of_stock') return { outcome: 'out_of_stock', reason: reservation.shortOf };
    if (!['reserved', 'committed'].includes(reservation.state)) return { outcome: 'cancelled', reason: 'nothing is held' };
    const charge = await this.peers.charge(order.id, order.customer, order.total, headers);
    if (charge.status === 'approved') return { outcome: 'confirmed' };
    return { outcome: 'declined', reason: charge.reason || charge.status };
  }

  async settle(order) {
    const { inventory, refund } = this.peers;
    const { id, outcome } = order;
    const headers = this.headers.get(id);
    if (outcome === 'confirmed') await insist(() => inventory.commit(id, headers));
    if (outcome === 'cancelled') await insist(() => refund(id, headers));
    if (outcome !== 'confirmed') await insist(() => inventory.release(id, headers));
    this.journal.append({ id, phase: 'settled' });  // need not be awaited: settling twice changes nothing
    this.apply({ id, phase: 'settled' });
  }

  // What all orders come to: by outcome, by customer and by item.
  totals() {
    const totals = { outcomes: {}, unfinished: 0, revenue: 0, paid: {}, sold: {} };
    for (const { phase, outcome, customer, lines, total } of this.orders.values()) {
      if (phase !== 'settled') ++totals.unfinished;
      if (!outcome) continue;
      totals.outcomes[outcome] = (totals.outcomes[outcome] || 0) + 1;
      if (outcome !== 'confirmed') continue;
      totals.revenue += total;
      totals.paid[customer] = (totals.paid[customer] || 0) + total;
      for (const { sku, quantity } of lines) totals.sold[sku] = (totals.sold[sku] || 0) + quantity;
    }
    return totals;
  }
}

module.exports = { Orders };
