'use strict';
// Checkout: turns a basket into an order. It owns the orders and asks the others for everything else.
//
//   POST /orders        Idempotency-Key: <the order's id>   {"customer": "c0001", "lines": [{"sku": "...", "quantity": 1}]}
//     201 confirmed, 402 declined, 409 out of stock or cancelled, 422 makes no sense, 503 not finished: ask again
//   GET /orders/{id}    one's own
//   GET /levels/{sku}?seconds=60   what is left of an item, now and at each change, as server-sent events or over a WebSocket

const { isDeepStrictEqual } = require('util');

const { page } = require('page.js');
const web = require('web.js');
const { Orders } = require('./orders.js');
const { tellLevels } = require('./levels.js');
const peers = require('./peers.js');

const BEGIN_WITHIN_MS = 5_000;
const ANSWER_WITHIN_MS = 10_000;
const STATUS = { confirmed: 201, declined: 402, out_of_stock: 409, cancelled: 409 };
const refuse = (error) => { throw new web.Refusal(422, { error }); };

const orders = new Orders(web.dataFile('orders.log'), peers);
const arriving = new Map();  // orders whose customer and prices are being asked for

// The basket, checked and in one form: the same basket is always equal to itself.
function basket(content) {
  const { customer, lines } = content || {};
  if (typeof customer !== 'string' || !Array.isArray(lines) || lines.length < 1 || lines.length > 50) {
    refuse('an order has a customer and 1 to 50 lines');
  }
  const wrong = lines.find((line) => !line || typeof line.sku !== 'string' || !Number.isSafeInteger(line.quantity) ||
    line.quantity < 1 || line.quantity > 1000);
  if (wrong) refuse('a line has a sku and a quantity of 1 to 1000');
  if (new Set(lines.map(({ sku }) => sku)).size < lines.length) refuse('an item stands in one line');
  return { customer, lines: lines.map(({ sku, quantity }) => ({ sku, quantity })) };
}

function price(lines, prices) {
  const unknown = lines.find(({ sku }) => !prices.has(sku));
  if (unknown) refuse(`there is no item ${unknown.sku}`);
  return lines.reduce((sum, { sku, quantity }) => sum + prices.get(sku) * quantity, 0);
}

async function begin(id, { customer, lines }, headers) {
  const until = Date.now() + BEGIN_WITHIN_MS;
  const [account, prices] = await Promise.all([
    web.insist(() => peers.customer(customer, headers), until), web.insist(() => peers.prices.current(), until)]);
  if (!account) refuse(`there is no customer ${customer}`);
  if (account.status !== 'active') refuse(`the account ${customer} is ${account.status}`);
  return orders.place(id, customer, account.address, lines, price(lines, prices), headers);
}

// The order's run: the one that is under way, or the one that ended, or a new one.
async function run(id, wanted, headers) {
  orders.refresh();
  const known = arriving.get(id) || (orders.get(id) && orders.settled(id, headers));
  const settled = known || begin(id, wanted, headers).finally(() => arriving.delete(id));
  if (!known) arriving.set(id, settled);
  const { customer, lines } = orders.get(id) || await settled;
  if (!isDeepStrictEqual({ customer, lines }, wanted)) refuse('this key was used for another order');
  return settled;
}

async function place({ headers, content }) {
  const id = headers['idempotency-key'];
  if (!id || !/^[\w-]{1,64}$/.test(id)) throw new web.Refusal(400, { error: 'an Idempotency-Key of letters, digits, _ and -' });
  const settled = run(id, basket(content), web.context(headers));
  const order = await atMost(ANSWER_WITHIN_MS, within(settled));
  return order ? [STATUS[order.outcome], order] : [503, { id, error: 'not finished yet, ask again' }];
}

async function atMost(ms, promise) {
  let clock;
  const late = new Promise((resolve) => { clock = setTimeout(resolve, ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(clock));
}

// A peer that is away is no fault of the request: 503, and nothing was begun.
async function within(settled) {
  try {
    return await settled;
  } catch (error) {
    if (error instanceof web.Refusal) throw error;
    throw new web.Refusal(503, { error: `not begun, ask again: ${error.message}` });
  }
}

// Where there is no gateway before us, nobody says who asks.
const isFor = (order, user) => order && (user === undefined || order.customer === user);

function respond(request) {
  const { method, path, query, headers } = request;
  const [, id] = /^\/orders\/([\w-]+)$/.exec(path) || [];
  if (method === 'GET' && path === '/healthz') return [200, { status: 'ok' }];
  if (method === 'POST' && path === '/orders') return place(request);
  orders.refresh();
  if (method === 'GET' && id && isFor(orders.get(id), web.user(headers))) return [200, orders.get(id)];
  if (method === 'GET' && path === '/books/totals') return [200, orders.totals()];
  if (method === 'GET' && path === '/books/orders') return [200, page(orders.orders, query)];
  return web.notFound;
}

function stream({ method, path, query, headers }) {
  const [, sku] = /^\/levels\/([\w-]+)$/.exec(path) || [];
  const seconds = Number(query.get('seconds') || 60);
  if (method !== 'GET' || !sku || !(seconds > 0)) return undefined;
  return (sink) => tellLevels(peers.inventory, sku, seconds, web.context(headers), sink);
}

web.serve('checkout', respond, stream);
const taken = orders.resume();
if (taken > 0) console.log(`checkout takes up ${taken} unfinished orders`);
orders.watch();
