'use strict';
// A gRPC client on node's own http2: unary calls and streams of answers.

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

// The whole messages at the beginning of `bytes`, and what is left behind them.
function unframe(bytes) {
  const messages = [];
  let position = 0;
  while (bytes.length - position >= 5) {
    if (bytes[position] !== 0) throw new GrpcError(13, 'a message is compressed');
    const end = position + 5 + bytes.readUInt32BE(position + 1);
    if (end > bytes.length) break;
    messages.push(bytes.subarray(position + 5, end));
    position = end;
  }
  return { messages, rest: bytes.subarray(position) };
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
    const replies = [];
    const call = this.follow(path, requestType, request, replyType, (reply) => replies.push(reply),
      { ...headers, 'grpc-timeout': `${timeout}m` });
    const clock = setTimeout(() => call.end(new GrpcError(4, `no answer within ${timeout} ms`)), timeout);
    await call.ended.finally(() => clearTimeout(clock));
    return replies;
  }

  async unary(...call) {
    const replies = await this.stream(...call);
    if (replies.length !== 1) throw new GrpcError(13, `${replies.length} answers to a call that has one`);
    return replies[0];
  }

  // Gives each answer to `tell` as it comes. `ended` is the promise of the end, as of stream(); end(error) brings it about.
  follow(path, requestType, request, replyType, tell, headers = {}) {
    const session = this.connection();
    const stream = session.request({ ...headers, ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    let status, broken;
    let rest = Buffer.alloc(0);
    const end = (error) => {
      broken = broken || error;
      stream.close(http2.constants.NGHTTP2_CANCEL);
      if (error.code === 'DEADLINE_EXCEEDED' && this.session === session) session.close();  // perhaps its peer has gone without a word
    };
    const ended = new Promise((resolve, reject) => {
      const read = (fields) => {
        if ('grpc-status' in fields) status = { code: Number(fields['grpc-status']), message: fields['grpc-message'] || '' };
        else if (fields[':status'] && fields[':status'] !== 200) status = { code: 14, message: `HTTP ${fields[':status']}` };
      };
      stream.on('response', read);
      stream.on('trailers', read);
      stream.on('data', (chunk) => {
        try {
          const whole = unframe(Buffer.concat([rest, chunk]));
          rest = whole.rest;
          for (const message of whole.messages) tell(decode(replyType, message));
        } catch (error) {
          end(error);
        }
      });
      stream.on('error', (error) => { broken = broken || new GrpcError(14, error.message); });
      stream.on('close', () => {
        if (broken) reject(broken);
        else if (status && status.code === 0 && rest.length === 0) resolve();
        else if (status && status.code === 0) reject(new GrpcError(13, 'a message is cut off'));
        else reject(new GrpcError(status ? status.code : 14, status ? status.message : 'the answer was cut off'));
      });
    });
    stream.end(frame(encode(requestType, request)));
    return { ended, end };
  }
}

module.exports = { GrpcClient, GrpcError };
