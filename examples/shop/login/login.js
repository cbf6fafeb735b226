'use strict';
// Login: tells who somebody is. Whoever knows the password of a customer, or of the shop's auditor, gets a token that the
// gateway believes for five minutes.
//
//   POST /login  {"name": "c0001", "password": "..."}      200 {"token": "...", "expires_in": 300}, or 401

const fs = require('fs');

const web = require('web.js');
const { Signer, isPassword } = require('./tokens.js');

const SECRETS = process.env.SECRETS || '/run/secrets';
const LIFE_SECONDS = 300;
const secret = (name) => fs.readFileSync(`${SECRETS}/${name}`, 'utf8');

const signer = new Signer(secret('signing-key'));
const passwords = secret('passwords').trim();
const roleOf = (name) => (name === 'auditor' ? 'staff' : /^c\d{4}$/.test(name) ? 'customer' : undefined);

function login({ name, password } = {}) {
  if (typeof name !== 'string' || typeof password !== 'string') throw new web.Refusal(400, { error: 'a name and a password' });
  const role = roleOf(name);
  if (!role || !isPassword(passwords, name, password)) throw new web.Refusal(401, { error: 'nobody of that name has that password' });
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'https://login.shop.example', aud: 'shop', sub: name, role, iat: now, exp: now + LIFE_SECONDS };
  return [200, { token: signer.sign(claims), expires_in: LIFE_SECONDS }];
}

function respond({ method, path, content }) {
  if (method === 'GET' && path === '/healthz') return [200, { status: 'ok' }];
  if (method === 'POST' && path === '/login') return login(content);
  return web.notFound;
}

web.serve('login', respond);
