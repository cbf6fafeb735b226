'use strict';
// As much of protocol buffers as the inventory's messages need: varints, texts, nested messages, repeated or not.
// A message is described as {fieldNumber: [name, kind, 'repeated'?]}, its kind 'uint', 'text' or another description.

function encodeVarint(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  bytes.push(value);
  return Buffer.from(bytes);
}

function encodeField(number, kind, value) {
  if (kind === 'uint') return [encodeVarint(number << 3), encodeVarint(value)];
  const bytes = kind === 'text' ? Buffer.from(value) : encode(kind, value);
  return [encodeVarint((number << 3) | 2), encodeVarint(bytes.length), bytes];
}

function encode(description, message) {
  const parts = [];
  for (const [number, [name, kind, repeated]] of Object.entries(description)) {
    const values = repeated ? message[name] || [] : [message[name]];
    for (const value of values) {
      if (repeated || (value !== undefined && value !== 0 && value !== '')) parts.push(...encodeField(number, kind, value));
    }
  }
  return Buffer.concat(parts);
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.position = 0;
  }

  get done() { return this.position >= this.bytes.length; }

  varint() {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      if (this.done || scale > Number.MAX_SAFE_INTEGER) throw new Error('protobuf: a number is cut off or too long');
      const byte = this.bytes[this.position++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  take(length) {
    if (length > this.bytes.length - this.position) throw new Error('protobuf: a field is cut off');
    this.position += length;
    return this.bytes.subarray(this.position - length, this.position);
  }

  // The raw value of a field: a number for a varint, bytes for everything else.
  value(wireType) {
    if (wireType === 0) return this.varint();
    if (wireType === 1) return this.take(8);
    if (wireType === 2) return this.take(this.varint());
    if (wireType === 5) return this.take(4);
    throw new Error(`protobuf: wire type ${wireType}`);
  }
}

function empty(description) {
  const message = {};
  for (const [name, kind, repeated] of Object.values(description)) {
    if (repeated) message[name] = [];
    else if (kind === 'uint') message[name] = 0;
    else if (kind === 'text') message[name] = '';
  }
  return message;
}

// Throws where the bytes are no message; skips fields that the description does not know.
function decode(description, bytes) {
  const message = empty(description);
  const reader = new Reader(bytes);
  while (!reader.done) {
    const key = reader.varint();
    const raw = reader.value(key & 7);
    const field = description[Math.floor(key / 8)];
    if (!field || (key & 7) !== (field[1] === 'uint' ? 0 : 2)) continue;
    const [name, kind, repeated] = field;
    const value = kind === 'uint' ? raw : kind === 'text' ? raw.toString('utf8') : decode(kind, raw);
    if (repeated) message[name].push(value);
    else message[name] = value;
  }
  return message;
}

module.exports = { encode, decode };
