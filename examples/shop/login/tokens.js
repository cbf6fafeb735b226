'use strict';
// JSON Web Tokens (RFC 7519), signed ES256 (RFC 7518, section 3.4), and passwords.

const crypto = require('crypto');

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// The public half of a private key, as a JWK (RFC 7517), named by its thumbprint (RFC 7638).
function publicKey(pem) {
  const { crv, kty, x, y } = crypto.createPublicKey(pem).export({ format: 'jwk' });
  const kid = crypto.createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' };
}

class Signer {
  constructor(pem) {
    this.key = crypto.createPrivateKey(pem);
    this.head = encoded({ alg: 'ES256', typ: 'JWT', kid: publicKey(pem).kid });
  }

  sign(claims) {
    const text = `${this.head}.${encoded(claims)}`;
    return `${text}.${crypto.sign('sha256', Buffer.from(text), { key: this.key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }
}

// A demonstration has no register of passwords: everybody's is made of a secret and their name.
const passwordOf = (secret, name) => crypto.createHmac('sha256', secret).update(name).digest('base64url');

function isPassword(secret, name, given) {
  const right = Buffer.from(passwordOf(secret, name));
  const tried = Buffer.from(given);
  return tried.length === right.length && crypto.timingSafeEqual(tried, right);
}

module.exports = { Signer, isPassword, passwordOf, publicKey };
