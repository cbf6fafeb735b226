'use strict';

const assert = require('assert');
const { test } = require('node:test');

const { decode, encode } = require('./protobuf.js');

const Line = { 1: ['sku', 'text'], 2: ['quantity', 'uint'] };
const Basket = { 1: ['order', 'text'], 2: ['lines', Line, 'repeated'], 3: ['first', Line], 9: ['count', 'uint'] };

test('bytes are those that the protocol buffers encoding guide gives', () => {
  assert.deepStrictEqual(encode({ 1: ['a', 'uint'] }, { a: 150 }).toString('hex'), '089601');
  assert.deepStrictEqual(encode({ 2: ['b', 'text'] }, { b: 'testing' }).toString('hex'), '120774657374696e67');
  assert.deepStrictEqual(encode({ 3: ['c', { 1: ['a', 'uint'] }] }, { c: { a: 150 } }).toString('hex'), '1a03089601');
});

test('what is encoded is decoded', () => {
  const basket = { order: 'Bö-1', lines: [{ sku: 'rope', quantity: 3 }, { sku: 'lamp', quantity: 2 ** 40 }], first: { sku: 'x', quantity: 0 }, count: 127 };
  assert.deepStrictEqual(decode(Basket, encode(Basket, basket)), basket);
});

test('absent fields have their defaults', () => {
  assert.deepStrictEqual(decode(Basket, Buffer.alloc(0)), { order: '', lines: [], count: 0 });
});

test('unknown fields are skipped, whatever their wire type', () => {
  const unknown = Buffer.from('2801' + '310000000000000000' + '3a0161' + '3d00000000', 'hex');
  assert.deepStrictEqual(decode(Line, Buffer.concat([unknown, encode(Line, { sku: 'rope', quantity: 1 })])), { sku: 'rope', quantity: 1 });
});

test('bytes that are no message are refused', () => {
  for (const hex of ['08', '0896', '1207746573', '0b', '08ffffffffffffffffff01', '12ffffffff0f61']) {
    assert.throws(() => decode(Line, Buffer.from(hex, 'hex')), /protobuf/, hex);
  }
});
