'use strict';

const assert = require('assert');
const crypto = require('crypto');
const { test } = require('node:test');

const { Signer, isPassword, passwordOf, publicKey } = require('./tokens.js');

const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });

test('a token is signed by the key that its head names', () => {
  const jwk = publicKey(privateKey);
  assert.ok(!('d' in jwk));
  const [head, claims, signature] = new Signer(privateKey).sign({ sub: 'c0001' }).split('.');
  assert.strictEqual(JSON.parse(Buffer.from(head, 'base64url')).kid, jwk.kid);
  const key = { key: crypto.createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  assert.ok(crypto.verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url')));
});

test('a password is right for its name alone', () => {
  const password = passwordOf('secret', 'c0001');
  assert.ok(isPassword('secret', 'c0001', password));
  assert.ok(!isPassword('secret', 'c0002', password));
  assert.ok(!isPassword('other', 'c0001', password));
  assert.ok(!isPassword('secret', 'c0001', ''));
});
