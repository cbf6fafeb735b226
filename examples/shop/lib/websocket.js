'use strict';
// WebSockets (RFC 6455) as far as the shop needs them: whole text messages, ping and close, over node's own sockets.

const crypto = require('crypto');

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const LONGEST = 1 << 16;
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const acceptOf = (key) => crypto.createHash('sha1').update(key + MAGIC).digest('base64');

function frame(opcode, payload, masked) {
  const { length } = payload;
  const head = length < 126 ? Buffer.from([0x80 | opcode, length]) : Buffer.from([0x80 | opcode, 126, length >> 8, length & 0xff]);
  if (!masked) return Buffer.concat([head, payload]);
  head[1] |= 0x80;
  const mask = crypto.randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, at) => byte ^ mask[at % 4])]);
}

// The frame at the beginning of `bytes`, or nothing where it is not whole.
function unframe(bytes) {
  if (bytes.length < 2) return null;
  const long = (bytes[1] & 0x7f) === 126;
  const masked = bytes[1] & 0x80;
  const begin = 2 + (long ? 2 : 0) + (masked ? 4 : 0);
  if (bytes.length < begin) return null;
  const length = long ? bytes.readUInt16BE(2) : bytes[1] & 0x7f;
  if (length > LONGEST || !(bytes[0] & 0x80)) throw new Error('a frame that is too long, or a part of a message');
  if (bytes.length < begin + length) return null;
  const payload = Buffer.from(bytes.subarray(begin, begin + length));
  if (masked) payload.forEach((byte, at) => { payload[at] = byte ^ bytes[begin - 4 + at % 4]; });
  return { opcode: bytes[0] & 0x0f, payload, rest: bytes.subarray(begin + length) };
}

class WebSocket {
  // `socket` after the handshake, `early` what came behind it. `hear(text)` gets messages; `ended(code)` is called once, with
  // the peer's or our own close code, or nothing where the connection ended without one.
  constructor(socket, early, isClient, { hear = () => {}, ended = () => {} }) {
    Object.assign(this, { socket, isClient, hear, ended, code: undefined, over: false });
    let rest = Buffer.alloc(0);
    const read = (chunk) => {
      try {
        rest = this.take(Buffer.concat([rest, chunk]));
      } catch {
        socket.destroy();
      }
    };
    socket.on('data', read);
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => this.finish());
    if (early.length > 0) read(early);
  }

  take(bytes) {
    for (let next; (next = unframe(bytes)); bytes = next.rest) {
      if (next.opcode === TEXT) this.hear(next.payload.toString('utf8'));
      if (next.opcode === PING) this.send(PONG, next.payload);
      if (next.opcode === CLOSE) this.answerClose(next.payload);
    }
    return bytes;
  }

  send(opcode, payload) {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(frame(opcode, payload, this.isClient));
  }

  tell(text) { this.send(TEXT, Buffer.from(text)); }

  close(code) {
    if (this.code !== undefined) return;
    this.code = code;
    this.send(CLOSE, Buffer.from([code >> 8, code & 0xff]));
  }

  // Who was asked to close says so too; the server ends the connection.
  answerClose(payload) {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    if (this.code === undefined) this.send(CLOSE, payload);
    this.code = this.code === undefined ? code : this.code;
    if (!this.isClient) this.socket.end();
  }

  finish() {
    if (this.over) return;
    this.over = true;
    this.ended(this.code);
  }
}

// Answers a request to upgrade; nothing where it is none for a WebSocket.
function accept(request, socket, early, on) {
  const key = request.headers['sec-websocket-key'];
  if ((request.headers.upgrade || '').toLowerCase() !== 'websocket' || !key) return null;
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`);
  return new WebSocket(socket, early, false, on);
}

// The headers with which a client asks, and what turns its answer into a WebSocket.
function offer() {
  const key = crypto.randomBytes(16).toString('base64');
  return {
    headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': key, 'sec-websocket-version': '13' },
    accepted: (response, socket, early, on) => {
      if (response.headers['sec-websocket-accept'] !== acceptOf(key)) throw new Error('the answer is to another WebSocket');
      return new WebSocket(socket, early, true, on);
    },
  };
}

module.exports = { accept, offer };
