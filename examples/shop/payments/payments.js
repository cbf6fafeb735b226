'use strict';
// Payments: charges a customer's card for an order, or declines, or gives the money back.

const web = require('web.js');
const { page } = require('page.js');
const { Ledger } = require('./ledger.js');

const ledger = new Ledger(web.dataFile('payments.log'));

async function charge({ headers, content }) {
  const order = headers['idempotency-key'];
  const { customer, amount } = content || {};
  if (!order || typeof customer !== 'string' || !Number.isSafeInteger(amount) || amount <= 0) {
    throw new web.Refusal(400, { error: 'an Idempotency-Key, a customer and an amount of cents' });
  }
  const charged = await ledger.charge(order, customer, amount);
  if (charged === null) throw new web.Refusal(422, { error: 'this key was used for another charge' });
  return [{ approved: 201, declined: 402 }[charged.status] || 409, charged];
}

function respond(request) {
  const { method, path, query } = request;
  const [, order, refund] = /^\/charges\/([^/]+)(\/refund)?$/.exec(path) || [];
  if (method === 'GET' && path === '/healthz') return [200, { status: 'ok' }];
  if (method === 'POST' && path === '/charges') return charge(request);
  if (method === 'POST' && refund) return ledger.refund(order).then((charged) => [200, charged]);
  if (method === 'GET' && order && !refund && ledger.charges.has(order)) return [200, ledger.charges.get(order)];
  if (method === 'GET' && path === '/books/totals') return [200, ledger.totals()];
  if (method === 'GET' && path === '/books/charges') return [200, page(ledger.charges, query)];
  return web.notFound;
}

web.serve('payments', respond);
