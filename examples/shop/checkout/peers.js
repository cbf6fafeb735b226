'use strict';
// Whom checkout asks. Every function resolves to what the peer decided, and rejects where nobody knows what it decided;
// each may then be called again, since every request names its order.

const web = require('web.js');
const { Inventory } = require('./inventory.js');

const ACCOUNTS = process.env.ACCOUNTS_URL || 'http://accounts';
const CATALOG = process.env.CATALOG_URL || 'http://catalog';
const PAYMENTS = process.env.PAYMENTS_URL || 'http://payments';
const INVENTORY = process.env.INVENTORY_URL || 'http://inventory:50051';
const PRICES_AGE_MS = 2000;

function expect(answer, ...statuses) {
  if (!statuses.includes(answer.status)) throw new Error(`status ${answer.status}`);
  return answer.content;
}

// The customer, or null where there is none.
async function customer(id, headers) {
  const answer = await web.call('GET', `${ACCOUNTS}/customers/${encodeURIComponent(id)}`, { headers });
  return answer.status === 404 ? null : expect(answer, 200);
}

// What things cost: the catalog's list, asked for again where it is older than two seconds.
class Prices {
  constructor() {
    this.list = new Map();
    this.tag = undefined;
    this.read = 0;
    this.reading = null;
  }

  async current() {
    if (Date.now() - this.read < PRICES_AGE_MS) return this.list;
    if (!this.reading) this.reading = this.refresh().finally(() => { this.reading = null; });
    await this.reading;
    return this.list;
  }

  async refresh() {
    const headers = this.tag ? { 'if-none-match': this.tag } : {};
    const answer = await web.call('GET', `${CATALOG}/items`, { headers });
    const content = expect(answer, 200, 304);
    if (answer.status === 200) {
      this.list = new Map(content.items.map(({ sku, price }) => [sku, price]));
      this.tag = answer.headers.etag;
    }
    this.read = Date.now();
  }
}

// {status: approved | declined | void, reason}
async function charge(order, customerId, amount, headers) {
  const answer = await web.call('POST', `${PAYMENTS}/charges`,
    { headers: { ...headers, 'idempotency-key': order }, content: { customer: customerId, amount } });
  return expect(answer, 201, 402, 409);
}

async function refund(order, headers) {
  return expect(await web.call('POST', `${PAYMENTS}/charges/${order}/refund`, { headers }), 200);
}

module.exports = { charge, customer, inventory: new Inventory(INVENTORY), prices: new Prices(), refund };
