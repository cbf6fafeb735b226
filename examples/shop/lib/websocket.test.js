'use strict';

const assert = require('assert');
const http = require('http');
const { test } = require('node:test');

const { accept, offer } = require('./websocket.js');

// Opens a WebSocket to a server that does `serve(socket)`, and resolves to what its client heard, and both close codes, at the end.
async function converse(serve, speak = () => {}) {
  const server = http.createServer();
  const served = new Promise((ended) => {
    server.on('upgrade', (request, socket, early) => {
      let hear = () => {};
      const opened = accept(request, socket, early, { hear: (text) => hear(text), ended });
      hear = serve(opened) || hear;
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  const { headers, accepted } = offer();
  const request = http.request({ host: '127.0.0.1', port: server.address().port, headers });
  const heard = [];
  const code = await new Promise((done) => {
    request.on('upgrade', (response, socket, early) => speak(accepted(response, socket, early, { hear: (text) => heard.push(text), ended: done })));
    request.end();
  });
  server.close();
  return { heard, code, theirs: await served };
}

test('messages arrive whole, short and long, and the close code on both sides', async () => {
  const long = 'x'.repeat(60_000);
  const { heard, code, theirs } = await converse((socket) => {
    socket.tell('one');
    socket.tell(long);
    socket.close(1001);
  });
  assert.deepStrictEqual(heard, ['one', long]);
  assert.deepStrictEqual([code, theirs], [1001, 1001]);
});

test('a masked message of the client is read', async () => {
  const { heard, code } = await converse(
    (socket) => (text) => { socket.tell(`heard ${text}`); socket.close(1000); },
    (socket) => socket.tell('grüße'));
  assert.deepStrictEqual([heard, code], [['heard grüße'], 1000]);
});

test('a connection that breaks has no close code', async () => {
  const { code } = await converse((socket) => { socket.socket.destroy(); });
  assert.strictEqual(code, undefined);
});
