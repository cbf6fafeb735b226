'use strict';
// The orders, and what must become of each. An order is journalled before it touches any other service, its outcome is
// journalled before anything follows from it, and every step may be taken twice. So checkout may die anywhere: its next
// start takes each unfinished order up where the journal has it.
//
//   begun ──reserve, charge──▶ decided: confirmed ──commit the goods────────────────▶ settled
//                                       declined, out_of_stock ──release the goods──▶ settled
//                                       cancelled (no answer in time) ──refund, release──▶ settled

const { Journal } = require('journal.js');
const { insist } = require('web.js');

class Orders {
  // `peers` as in peers.js; an order that could not be decided within `patience` ms is cancelled.
  constructor(path, peers, patience = 30_000) {
    this.peers = peers;
    this.patience = patience;
    this.orders = new Map();  // in the order in which they came
    this.runs = new Map();    // what is not settled yet: the promise of its end
    this.journal = new Journal(path, (record) => this.apply(record));
  }

  // Takes up what the last process left; returns how many orders that were.
  resume() {
    const unfinished = [...this.orders.values()].filter((order) => order.phase !== 'settled');
    for (const order of unfinished) this.follow(order, {});
    return unfinished.length;
  }

  get(id) { return this.orders.get(id); }

  apply({ id, ...change }) {
    const order = this.orders.get(id);
    if (order) Object.assign(order, change);
    else this.orders.set(id, { id, ...change });
    return this.orders.get(id);
  }

  // Applied once it is durable, so that nobody is told of an outcome that a crash could undo.
  async write(change) {
    await this.journal.append(change);
    return this.apply(change);
  }

  // Begins an order; resolves to it when it is settled. The id must be new.
  async place(id, customer, shipTo, lines, total, headers) {
    const order = { phase: 'begun', customer, shipTo, lines, total };
    const placed = this.apply({ id, ...order });
    const durable = this.journal.append({ id, ...order });
    return this.follow(placed, headers, durable);
  }

  // Resolves to the order when it is settled; the order must be known.
  async settled(id) { return this.runs.get(id) || this.orders.get(id); }

  // The one run of an order in this process.
  follow(order, headers, durable) {
    const run = async () => {
      await durable;
      if (order.phase === 'begun') await this.decide(order, headers);
      if (order.phase === 'decided') await this.settle(order, headers);
      this.runs.delete(order.id);
      return order;
    };
    const settled = run();
    this.runs.set(order.id, settled);
    return settled;
  }

  async decide(order, headers) {
    const until = Date.now() + this.patience;
    let outcome;
    try {
      outcome = await insist(() => this.tryToBuy(order, headers), until);
    } catch (error) {
      console.error(`checkout: order ${order.id} is cancelled: ${error.message}`);
      outcome = { outcome: 'cancelled', reason: 'a service did not answer in time' };
    }
    await this.write({ id: order.id, phase: 'decided', ...outcome });
  }

  async tryToBuy(order, headers) {
    const reservation = await this.peers.inventory.reserve(order.id, order.lines, headers);
    if (reservation.state === 'out_of_stock') return { outcome: 'out_of_stock', reason: reservation.shortOf };
    if (!['reserved', 'committed'].includes(reservation.state)) return { outcome: 'cancelled', reason: 'nothing is held' };
    const charge = await this.peers.charge(order.id, order.customer, order.total, headers);
    if (charge.status === 'approved') return { outcome: 'confirmed' };
    return { outcome: 'declined', reason: charge.reason || charge.status };
  }

  async settle(order, headers) {
    const { inventory, refund } = this.peers;
    const { id, outcome } = order;
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
