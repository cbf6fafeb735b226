'use strict';
// Compares what the driver was told with the books of every service, and the books with each other.

const { pause } = require('./client.js');

const SETTLE_SECONDS = 60;

// What is true before the first order and stays so: who may buy, with which card, at what price.
async function readShop(client) {
  const [{ customers }, { cards, counts }, { items, version }] = await Promise.all([
    client.read('accounts', '/books/customers'), client.read('payments', '/books/totals'), client.read('catalog', '/items')]);
  return shopOf(customers, cards, counts, items, version);
}

function shopOf(customers, cards, counts, items, version) {
  return {
    version,
    refunds: counts.refunded || 0,
    accounts: new Map(customers.map(({ id, status }) => [id, status])),
    cards: new Map(cards.map((card) => [card.customer, card])),
    prices: new Map(items.map(({ sku, price }) => [sku, price])),
  };
}

async function readBooks(client, run) {
  for (let waited = 0; waited < SETTLE_SECONDS; waited += 0.2) {
    if ((await client.read('checkout', '/books/totals')).unfinished === 0) break;
    await pause(200);
  }
  const [checkout, orders, payments, charges, stock, reservations, index] = await Promise.all([
    client.read('checkout', '/books/totals'), client.readAll('checkout', '/books/orders', run),
    client.read('payments', '/books/totals'), client.readAll('payments', '/books/charges', run),
    client.stock(), client.reservations(run), client.read('search', '/books/index')]);
  return booksOf(checkout, orders, payments, charges, stock, reservations, index);
}

function booksOf(checkout, orders, payments, charges, stock, reservations, index) {
  const by = (list, key) => new Map(list.map((entry) => [entry[key], entry]));
  return { checkout, orderList: orders, orders: by(orders, 'id'), payments, charges: by(charges, 'order'), stock,
    reservations: by(reservations, 'order'), index };
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// A check gives every fault to `fault(text)` and returns how many things it looked at.
const CHECKS = {
  'every answer is the right one'({ placed, shop }, fault) {
    for (const order of placed) {
      const wrong = wrongAnswer(order, shop);
      if (wrong) fault(`${order.id}: ${wrong}`);
    }
    return placed.length;
  },

  'no order is lost'({ placed }, fault) {
    for (const { id, outcome } of placed) if (outcome === 'lost') fault(`${id}: never got an answer`);
    return placed.length;
  },

  'checkout has every order once, as answered'({ placed, books }, fault) {
    if (books.orders.size !== books.orderList.length) fault('an order is there twice');
    const asked = new Map(placed.map((order) => [order.id, order]));
    for (const { id } of books.orderList) if (!asked.has(id)) fault(`${id}: nobody placed it`);
    for (const { id, customer, lines, outcome, total } of placed) {
      const book = books.orders.get(id);
      if (outcome === 'lost') continue;
      if (outcome === 'refused' || outcome === 'unexpected') {
        if (book) fault(`${id}: answered ${outcome}, but there as ${book.outcome}`);
      } else if (!book) {
        fault(`${id}: answered ${outcome}, but not there`);
      } else if (!same([book.outcome, book.customer, book.lines, book.total], [outcome, customer, lines, total])) {
        fault(`${id}: answered ${outcome} over ${total}, there as ${book.outcome} over ${book.total}`);
      }
    }
    return books.orderList.length;
  },

  'every order is settled'({ books }, fault) {
    for (const { id, phase } of books.orderList) if (phase !== 'settled') fault(`${id}: ${phase}`);
    if (books.checkout.unfinished > 0) fault(`${books.checkout.unfinished} orders are unfinished`);
    return books.orderList.length;
  },

  'a confirmed order is charged once, its total'({ books }, fault) {
    const confirmed = books.orderList.filter(({ outcome }) => outcome === 'confirmed');
    for (const { id, customer, total } of confirmed) {
      const { status, customer: payer, amount } = books.charges.get(id) || { status: 'not charged' };
      if (!same([status, payer, amount], ['approved', customer, total])) fault(`${id}: ${status} ${amount} of ${payer}, not ${total} of ${customer}`);
    }
    return confirmed.length;
  },

  'no other order keeps a charge'({ books }, fault) {
    const approved = [...books.charges.values()].filter(({ status }) => status === 'approved');
    for (const { order } of approved) {
      const { outcome } = books.orders.get(order) || { outcome: 'unknown to checkout' };
      if (outcome !== 'confirmed') fault(`${order}: charged, but ${outcome}`);
    }
    return books.charges.size;
  },

  'the goods of a confirmed order left, no other holds any'({ books }, fault) {
    for (const { id, outcome, lines } of books.orderList) {
      const { state, lines: held } = books.reservations.get(id) || { state: 'absent' };
      if (outcome === 'confirmed' && !(state === 'committed' && same(held, lines))) fault(`${id}: confirmed, goods ${state}`);
      if (outcome !== 'confirmed' && ['reserved', 'committed'].includes(state)) fault(`${id}: ${outcome}, goods ${state}`);
    }
    for (const order of books.reservations.keys()) if (!books.orders.has(order)) fault(`${order}: goods of no order`);
    return books.reservations.size;
  },

  'stock adds up, item by item'({ books }, fault) {
    for (const { sku, received, onHand, reserved, sold } of books.stock) {
      const ordered = books.checkout.sold[sku] || 0;
      if (received !== onHand + sold) fault(`${sku}: received ${received}, on hand ${onHand}, sold ${sold}`);
      if (reserved !== 0) fault(`${sku}: ${reserved} still reserved`);
      if (sold !== ordered) fault(`${sku}: sold ${sold}, but checkout's orders have ${ordered}`);
    }
    return books.stock.length;
  },

  'money adds up, card by card'({ books }, fault) {
    for (const { customer, limit, left } of books.payments.cards) {
      const charged = books.payments.charged[customer] || 0;
      const paid = books.checkout.paid[customer] || 0;
      if (limit - left !== charged) fault(`${customer}: the card lost ${limit - left}, the charges are ${charged}`);
      if (charged !== paid) fault(`${customer}: charged ${charged}, but checkout's orders come to ${paid}`);
    }
    const charged = sum(Object.values(books.payments.charged));
    if (charged !== books.checkout.revenue) fault(`charged ${charged}, revenue ${books.checkout.revenue}`);
    return books.payments.cards.length;
  },

  'search knows what the catalog sells'({ books, shop }, fault) {
    if (books.index.catalog !== `"${shop.version}"`) fault(`indexed ${books.index.catalog}, the catalog is at "${shop.version}"`);
    if (!same([...books.index.skus].sort(), [...shop.prices.keys()].sort())) fault('the items differ');
    return books.index.skus.length;
  },
};

function wrongAnswer({ customer, lines, outcome, reason, total, status, content }, { accounts, cards, prices, refunds }) {
  const price = sum(lines.map(({ sku, quantity }) => prices.get(sku) * quantity));
  const active = accounts.get(customer) === 'active';
  const { expired, left } = cards.get(customer);
  if (outcome === 'lost' || outcome === 'cancelled') return null;
  if (outcome === 'unexpected') return `HTTP ${status} ${JSON.stringify(content)}`;
  if (outcome === 'refused') return active ? `refused: ${content && content.error}` : null;
  if (!active) return `${outcome}, but the account is closed`;
  if (total !== price) return `a total of ${total}, but the prices come to ${price}`;
  if (outcome === 'confirmed' && expired) return 'confirmed with an expired card';
  if (outcome === 'declined' && reason === 'card_expired' && !expired) return 'declined for a card that is good';
  if (outcome === 'declined' && reason === 'insufficient_funds' && left >= price && !refunds) return 'declined for money that was there';
  if (outcome === 'out_of_stock' && !lines.some(({ sku }) => sku === reason)) return `short of ${reason}, which nobody ordered`;
  return null;
}

// [{name, looked, faults}], a pure function of what was answered and what the books say.
function compare(all) {
  return Object.entries(CHECKS).map(([name, check]) => {
    const faults = [];
    const looked = check(all, (text) => faults.push(text));
    return { name, looked, faults };
  });
}

// What compare() says. Books that disagree are read again, for another customer may have been buying.
async function audit(client, run, placed) {
  let checks;
  for (let time = 0; time < 3; ++time) {
    const [books, shop] = [await readBooks(client, run), await readShop(client)];
    checks = compare({ placed, shop, books });
    if (checks.every(({ faults }) => faults.length === 0)) break;
    await pause(1000);
  }
  return checks;
}

module.exports = { audit, booksOf, compare, readShop, shopOf };
