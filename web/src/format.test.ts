import assert from "node:assert/strict";
import {test} from "node:test";
import {bytes, count, duration, percent, plural, rate, span} from "./format";

for (const [given, written] of [
  [duration(812), "812 µs"],
  [duration(1400), "1.4 ms"],
  [duration(2_100_345), "2.1 s"],
  [duration(180_000_000), "3 min"],
  [duration(undefined), "–"],
  [span(273_600_000), "3 d 4 h"],
  [span(3_600_000), "1 h"],
  [span(-5), "0 s"],
  [count(9999), "9,999"],
  [count(1_234_567), "1.2M"],
  [rate(0), "0/s"],
  [rate(0.05), "3/min"],
  [rate(12.34), "12.3/s"],
  [percent(0, 0), "0 %"],
  [percent(1, 100_000), "<0.01 %"],
  [percent(3, 812), "0.37 %"],
  [bytes(134_217_728), "128 MiB"],
  [plural(1, "service"), "1 service"],
  [plural(2, "process", "processes"), "2 processes"],
] as const) {
  test(`${written}`, () => assert.equal(given, written));
}
