#!/usr/bin/node
'use strict';
// Makes what login needs, in a folder of its own, once: the key that tokens are signed with, its public half for the gateway,
// and the secret that the passwords of this shop's people are made of. Nothing of it is in the repository.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const { publicKey } = require('./tokens.js');

const folder = process.argv[2];
const write = (name, text, mode) => fs.writeFileSync(path.join(folder, name), text, { mode });

if (!folder) {
  console.error('usage: keys.js FOLDER');
  process.exit(2);
}
fs.mkdirSync(folder, { recursive: true });
if (!fs.existsSync(path.join(folder, 'jwks.json'))) {
  const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
  write('key.pem', privateKey, 0o600);
  write('passwords', crypto.randomBytes(32).toString('hex'), 0o600);
  write('jwks.json', `${JSON.stringify({ keys: [publicKey(privateKey)] })}\n`, 0o644);
}
