import assert from "node:assert/strict";
import {test} from "node:test";
import {alone} from "./series";

test("values without a neighbour are found", () => {
  assert.deepEqual(alone([1, null, 2, 3, null, 4, undefined, null, 5]), [0, 5, 8]);
  assert.deepEqual(alone([1, 2]), []);
  assert.deepEqual(alone([0]), [0]);
  assert.deepEqual(alone([]), []);
});
