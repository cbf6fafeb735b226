import assert from "node:assert/strict";
import {test} from "node:test";
import {bounds, inAddress, inQuestion, lengthOf, rangeIn, refreshMs, shifted, spoken, stepSeconds} from "./range";

const at = (search: string) => rangeIn(new URLSearchParams(search));
const kNow = 10_000_000_000;

for (const [search, range] of [
  ["", {live: "15m"}],
  ["range=1h", {live: "1h"}],
  ["from=5&to=9", {from: 5, to: 9}],
  ["range=soon", {live: "15m"}],
  ["range=0m", {live: "15m"}],
  ["from=9&to=5", {live: "15m"}],
  ["from=x&to=5&range=5m", {live: "5m"}],
] as const) {
  test(`the address "${search}" is ${JSON.stringify(range)}`, () => assert.deepEqual(at(search), range));
}

test("what is written into an address is read out of it", () => {
  for (const range of [{live: "15m"}, {live: "3d"}, {from: 5, to: 9}]) assert.deepEqual(at(new URLSearchParams(inAddress(range)).toString()), range);
});
test("a length is a number and a unit", () => assert.deepEqual(["5m", "2h", "3d", "m", "5", "-5m", "5w"].map(lengthOf), [300_000, 7_200_000, 259_200_000, undefined, undefined, undefined, undefined]));
test("one of a unit is singular", () => assert.deepEqual([spoken("1h"), spoken("15m")], ["last hour", "last 15 minutes"]));
test("earlier is half its length, and past", () => assert.deepEqual(shifted({live: "1h"}, -1, kNow), {from: kNow - 5_400_000, to: kNow - 1_800_000}));
test("later than now is live again, as long as before", () => assert.deepEqual(shifted({from: kNow - 5_400_000, to: kNow - 1_800_000}, 1, kNow), {live: "1h"}));
test("a live range asks for so long ago", () => assert.deepEqual([inQuestion({live: "1h"}), inQuestion({from: 5, to: 9})], [{from: "1h"}, {from: "5", to: "9"}]));
test("charts have about 120 steps, never below a second", () => assert.deepEqual([stepSeconds({live: "15m"}, kNow), stepSeconds({from: 5, to: 9}, kNow)], [8, 1]));
test("what is past is not asked for again", () => assert.deepEqual([refreshMs({from: 5, to: 9}), refreshMs({live: "5m"}), refreshMs({live: "7d"})], [0, 5000, 30_000]));
test("a range has bounds", () => assert.deepEqual(bounds({live: "5m"}, kNow), [kNow - 300_000, kNow]));
