'use strict';
// The money: a card for every customer, and every charge ever asked for. A charge is named by its order, so asking twice
// charges once. What is answered is on the disk first.

const { Journal } = require('journal.js');

const CARDS = 1000;

// The card of customer `number`, the same at every first start. Amounts are cents.
function card(number) {
  const limit = number % 50 === 3 ? 15_000 : 10_000_000;
  return { customer: `c${String(number).padStart(4, '0')}`, limit, left: limit, expired: number % 10 === 7 };
}

class Ledger {
  constructor(path) {
    this.cards = new Map();
    for (let number = 0; number < CARDS; ++number) this.cards.set(card(number).customer, card(number));
    this.charges = new Map();  // in the order in which they came
    this.writing = new Map();  // what is not durable yet: the promise that it is
    this.journal = new Journal(path, (record) => this.apply(record));
  }

  // The one place where money moves, at replay too.
  apply(record) {
    const { order, status } = record;
    const before = this.charges.get(order);
    const charge = { ...before, ...record };
    if (status === 'approved') this.cards.get(charge.customer).left -= charge.amount;
    if (status === 'refunded') this.cards.get(charge.customer).left += charge.amount;
    this.charges.set(order, charge);
  }

  // Applied at once, so that the next decision sees it; resolves when it is durable.
  async write(record) {
    this.apply(record);
    const durable = this.journal.append(record);
    this.writing.set(record.order, durable);
    await durable;
    if (this.writing.get(record.order) === durable) this.writing.delete(record.order);
    return this.charges.get(record.order);
  }

  async settled(order) {
    await this.writing.get(order);
    return this.charges.get(order);
  }

  // Resolves to the charge, approved or declined; to null where the order was charged before with something else.
  charge(order, customer, amount) {
    const known = this.charges.get(order);
    if (known && known.status === 'void') return this.settled(order);
    if (known) return known.customer === customer && known.amount === amount ? this.settled(order) : null;
    const reason = this.objection(this.cards.get(customer), amount);
    return this.write({ order, customer, amount, status: reason ? 'declined' : 'approved', reason });
  }

  objection(card, amount) {
    if (!card) return 'no_card';
    if (card.expired) return 'card_expired';
    return card.left < amount ? 'insufficient_funds' : undefined;
  }

  // Gives back what the order was charged. An order that was never charged is void: a charge that comes late is refused.
  refund(order) {
    const known = this.charges.get(order);
    if (!known) return this.write({ order, status: 'void' });
    if (known.status !== 'approved') return this.settled(order);
    return this.write({ order, status: 'refunded' });
  }

  // Money by card, counted from the charges, beside what the cards say themselves.
  totals() {
    const charged = {};
    const counts = {};
    for (const { customer, amount, status } of this.charges.values()) {
      counts[status] = (counts[status] || 0) + 1;
      if (status === 'approved') charged[customer] = (charged[customer] || 0) + amount;
    }
    return { counts, charged, cards: [...this.cards.values()] };
  }
}

module.exports = { Ledger };
