'use strict';
// A gRPC client on node's own http2: unary calls and streams of answers, each with a deadline.

const http2 = require('http2');
const { decode, encode } = require('./protobuf.js');

const NAMES = ['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS',
  'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL',
  'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'];

class GrpcError extends Error {
  constructor(code, message) {
    super(`${NAMES[code] || code}: ${message}`);
    this.code = NAMES[code] || 'UNKNOWN';
  }
}

function frame(message) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function unframe(bytes) {
  const messages = [];
  for (let position = 0; position < bytes.length;) {
    if (bytes.length - position < 5 || bytes[position] !== 0) throw new GrpcError(13, 'a message is cut off or compressed');
    const end = position + 5 + bytes.readUInt32BE(position + 1);
    if (end > bytes.length) throw new GrpcError(13, 'a message is cut off');
    messages.push(bytes.subarray(position + 5, end));
    position = end;
  }
  return messages;
}

class GrpcClient {
  // `url` is http://host:port for HTTP/2 in the clear, or https://; `options` are those of http2.connect().
  constructor(url, options = {}) {
    this.url = url;
    this.options = options;
    this.session = null;
  }

  // One connection carries all calls. A new one is made where it ended, or was told to take no more.
  connection() {
    if (this.session && !this.session.closed && !this.session.destroyed) return this.session;
    const session = http2.connect(this.url, this.options);
    session.on('error', () => session.destroy());  // each call on it hears of it by itself
    session.on('goaway', () => session.close());
    session.unref();  // a call keeps the process alive, a connection does not
    this.session = session;
    return session;
  }

  close() {
    if (this.session) this.session.close();
  }

  // Resolves to the answers, decoded by `replyType`; rejects with a GrpcError for every status but OK.
  async stream(path, requestType, request, replyType, { headers = {}, timeout = 5000 } = {}) {
    const body = await this.exchange(path, frame(encode(requestType, request)), headers, timeout);
    return unframe(body).map((message) => decode(replyType, message));
  }

  async unary(...call) {
    const replies = await this.stream(...call);
    if (replies.length !== 1) throw new GrpcError(13, `${replies.length} answers to a call that has one`);
    return replies[0];
  }

  exchange(path, body, headers, timeout) {
    return new Promise((resolve, reject) => {
      const session = this.connection();
      const stream = session.request({ ...headers, ':method': 'POST', ':path': path, 'content-type': 'application/grpc',
        te: 'trailers', 'grpc-timeout': `${timeout}m` });
      const chunks = [];
      let status;
      const clock = setTimeout(() => {
        reject(new GrpcError(4, `no answer within ${timeout} ms`));
        stream.close(http2.constants.NGHTTP2_CANCEL);
        if (this.session === session) session.close();  // perhaps its peer has gone without a word
      }, timeout);
      const read = (fields) => {
        if ('grpc-status' in fields) status = { code: Number(fields['grpc-status']), message: fields['grpc-message'] || '' };
        else if (fields[':status'] && fields[':status'] !== 200) status = { code: 14, message: `HTTP ${fields[':status']}` };
      };
      stream.on('response', read);
      stream.on('trailers', read);
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('error', (error) => reject(new GrpcError(14, error.message)));
      stream.on('close', () => {
        clearTimeout(clock);
        if (status && status.code === 0) resolve(Buffer.concat(chunks));
        else reject(new GrpcError(status ? status.code : 14, status ? status.message : 'the answer was cut off'));
      });
      stream.end(body);
    });
  }
}

module.exports = { GrpcClient, GrpcError };
