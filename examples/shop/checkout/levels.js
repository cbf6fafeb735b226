'use strict';
// What is left of an item, for as long as somebody wants to hear of it: a stream of inventory's for each of them.

const { insist } = require('web.js');

const LONGEST_S = 3600;

// Opens a stream to `sink`, of web.serve, for so many seconds. Returns what ends it.
function tellLevels(inventory, sku, seconds, headers, sink) {
  let over = false;
  let call;
  const end = () => {
    over = true;
    clearTimeout(clock);
    if (call) call.end(new Error('nobody listens any more'));
  };
  const clock = setTimeout(() => sink.end('time'), Math.min(seconds, LONGEST_S) * 1000);
  insist(async () => {
    if (over) return;
    call = inventory.watch(sku, headers, ({ left }) => { if (!over) sink.tell({ sku, left }); });
    try {
      await call.ended;
    } catch (error) {
      if (over) return;
      if (error.code !== 'NOT_FOUND') throw error;
      sink.end('unknown');
    }
  });
  return end;
}

module.exports = { tellLevels };
