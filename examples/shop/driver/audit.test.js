'use strict';
// The audit must find every way in which the books of a small shop can be wrong.

const assert = require('assert');
const { test } = require('node:test');

const { booksOf, compare, shopOf } = require('./audit.js');

// Two orders of rope (100 cents): one confirmed, one declined; and one that was refused for its closed account.
function shop() {
  const line = (quantity) => [{ sku: 'rope', quantity }];
  const order = (id, customer, quantity, outcome) => ({ id, customer, lines: line(quantity), outcome, total: quantity * 100 });
  return {
    placed: [order('r-1', 'c1', 2, 'confirmed'), { ...order('r-2', 'c2', 3, 'declined'), reason: 'card_expired' }, order('r-3', 'c3', 1, 'refused')],
    customers: [{ id: 'c1', status: 'active' }, { id: 'c2', status: 'active' }, { id: 'c3', status: 'closed' }],
    items: [{ sku: 'rope', price: 100 }],
    checkout: { unfinished: 0, revenue: 200, paid: { c1: 200 }, sold: { rope: 2 } },
    orders: [{ ...order('r-1', 'c1', 2, 'confirmed'), phase: 'settled' }, { ...order('r-2', 'c2', 3, 'declined'), phase: 'settled' }],
    payments: {
      counts: {},
      charged: { c1: 200 },
      cards: [{ customer: 'c1', limit: 900, left: 700, expired: false }, { customer: 'c2', limit: 900, left: 900, expired: true },
        { customer: 'c3', limit: 900, left: 900, expired: false }],
    },
    charges: [{ order: 'r-1', customer: 'c1', amount: 200, status: 'approved' }, { order: 'r-2', customer: 'c2', amount: 300, status: 'declined' }],
    stock: [{ sku: 'rope', received: 10, onHand: 8, reserved: 0, sold: 2 }],
    reservations: [{ order: 'r-1', state: 'committed', lines: line(2) }, { order: 'r-2', state: 'released', lines: line(3) }],
    index: { catalog: '"1"', skus: ['rope'] },
  };
}

function faulty({ placed, customers, items, checkout, orders, payments, charges, stock, reservations, index }) {
  const checks = compare({
    placed,
    shop: shopOf(customers, payments.cards, payments.counts, items, 1),
    books: booksOf(checkout, orders, payments, charges, stock, reservations, index),
  });
  return checks.filter(({ faults }) => faults.length > 0).map(({ name }) => name);
}

test('a shop whose books are right has no fault', () => assert.deepStrictEqual(faulty(shop()), []));

const WRONG = {
  'an order without an answer': ['no order is lost', (s) => { s.placed[0].outcome = 'lost'; }],
  'an unexpected status': ['every answer is the right one', (s) => { s.placed[2].outcome = 'unexpected'; }],
  'a refusal of a good customer': ['every answer is the right one', (s) => { s.customers[2].status = 'active'; }],
  'an order of a closed account': ['every answer is the right one', (s) => { s.customers[0].status = 'closed'; }],
  'a sale on an expired card': ['every answer is the right one', (s) => { s.payments.cards[0].expired = true; }],
  'a good card declined': ['every answer is the right one', (s) => { s.payments.cards[1].expired = false; }],
  'a wrong price': ['every answer is the right one', (s) => { s.items[0].price = 99; }],
  'a confirmed order that checkout forgot': ['checkout has every order once, as answered', (s) => { s.orders.shift(); }],
  'an order that is there twice': ['checkout has every order once, as answered', (s) => { s.orders.push(s.orders[0]); }],
  'an order that nobody placed': ['checkout has every order once, as answered', (s) => { s.orders.push({ ...s.orders[1], id: 'r-9' }); }],
  'another outcome than was answered': ['checkout has every order once, as answered', (s) => { s.orders[1].outcome = 'out_of_stock'; }],
  'an order that hangs': ['every order is settled', (s) => { s.orders[1].phase = 'decided'; }],
  'a confirmed order without a charge': ['a confirmed order is charged once, its total', (s) => { s.charges.shift(); }],
  'a charge of another amount': ['a confirmed order is charged once, its total', (s) => { s.charges[0].amount = 100; }],
  'a declined order that was charged': ['no other order keeps a charge', (s) => { s.charges[1].status = 'approved'; }],
  'a charge of an unknown order': ['no other order keeps a charge', (s) => { s.charges.push({ order: 'r-9', status: 'approved' }); }],
  'goods that never left': ['the goods of a confirmed order left, no other holds any', (s) => { s.reservations[0].state = 'reserved'; }],
  'goods that a declined order holds': ['the goods of a confirmed order left, no other holds any', (s) => { s.reservations[1].state = 'reserved'; }],
  'a shelf that lacks a piece': ['stock adds up, item by item', (s) => { s.stock[0].onHand = 7; }],
  'a piece that stays reserved': ['stock adds up, item by item', (s) => { s.stock[0].reserved = 1; }],
  'a sale that no order explains': ['stock adds up, item by item', (s) => { s.checkout.sold.rope = 1; }],
  'a card that lost more than was charged': ['money adds up, card by card', (s) => { s.payments.cards[0].left = 600; }],
  'a charge that no order explains': ['money adds up, card by card', (s) => { s.checkout.paid = {}; }],
  'revenue that nobody paid': ['money adds up, card by card', (s) => { s.checkout.revenue = 300; }],
  'an index that lacks an item': ['search knows what the catalog sells', (s) => { s.index.skus = []; }],
  'an index of an older catalog': ['search knows what the catalog sells', (s) => { s.index.catalog = '"0"'; }],
};

for (const [name, [check, spoil]] of Object.entries(WRONG)) {
  test(`${name} is found`, () => {
    const spoilt = shop();
    spoil(spoilt);
    assert.ok(faulty(spoilt).includes(check), `found only: ${faulty(spoilt).join('; ') || 'nothing'}`);
  });
}
