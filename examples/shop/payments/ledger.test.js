'use strict';

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { test } = require('node:test');

const { Ledger } = require('./ledger.js');

function inDirectory(body) {
  return async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'shop-ledger-'));
    try {
      await body(path.join(directory, 'payments.log'));
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  };
}

const left = (ledger, customer) => ledger.cards.get(customer).left;

test('an order is charged once, however often it is asked', inDirectory(async (file) => {
  const ledger = new Ledger(file);
  const charges = await Promise.all([1, 2, 3].map(() => ledger.charge('a', 'c0001', 500)));
  assert.deepStrictEqual(charges.map(({ status }) => status), ['approved', 'approved', 'approved']);
  assert.strictEqual(left(ledger, 'c0001'), 10_000_000 - 500);
}));

test('a key stands for one charge only', inDirectory(async (file) => {
  const ledger = new Ledger(file);
  await ledger.charge('a', 'c0001', 500);
  assert.strictEqual(await ledger.charge('a', 'c0001', 501), null);
}));

test('expired, unknown and empty cards are declined', inDirectory(async (file) => {
  const ledger = new Ledger(file);
  assert.strictEqual((await ledger.charge('a', 'c0007', 500)).reason, 'card_expired');
  assert.strictEqual((await ledger.charge('b', 'nobody', 500)).reason, 'no_card');
  assert.strictEqual((await ledger.charge('c', 'c0003', 15_001)).reason, 'insufficient_funds');
  assert.deepStrictEqual(ledger.totals().charged, {});
}));

test('a refund gives the money back once', inDirectory(async (file) => {
  const ledger = new Ledger(file);
  await ledger.charge('a', 'c0001', 500);
  assert.strictEqual((await ledger.refund('a')).status, 'refunded');
  assert.strictEqual((await ledger.refund('a')).status, 'refunded');
  assert.strictEqual(left(ledger, 'c0001'), 10_000_000);
}));

test('a charge that comes after its refund is refused', inDirectory(async (file) => {
  const ledger = new Ledger(file);
  assert.strictEqual((await ledger.refund('a')).status, 'void');
  assert.strictEqual((await ledger.charge('a', 'c0001', 500)).status, 'void');
  assert.strictEqual(left(ledger, 'c0001'), 10_000_000);
}));

test('the money outlives the process, but for a line that was torn', inDirectory(async (file) => {
  const before = new Ledger(file);
  await before.charge('a', 'c0001', 500);
  await before.charge('b', 'c0002', 700);
  await before.refund('b');
  fs.appendFileSync(file, '{"order":"c","customer":"c0001","amo');
  const after = new Ledger(file);
  assert.deepStrictEqual(after.totals(), before.totals());
  await after.charge('c', 'c0001', 100);
  assert.strictEqual(left(new Ledger(file), 'c0001'), 10_000_000 - 600);
}));
