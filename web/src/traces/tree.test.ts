import assert from "node:assert/strict";
import {test} from "node:test";
import type {Span, Trace} from "../api/types";
import {lines} from "./lines";
import {rows, visible} from "./tree";

const hop = (id: string, parent: string | undefined, which: Span["hop"], callee: string, start: number, more: Partial<Span> = {}): Span => ({id, ...(parent ? {parent} : {}), kind: "hop", hop: which, service: "s", caller: "c", callee, start_us: start, duration_us: 100, ...more});
const trace = (spans: Span[], more: Partial<Trace> = {}): Trace => ({id: "t", start_us: 0, duration_us: 1000, spans, ...more});
const told = (given: Trace, everyHop = false) => rows(given, everyHop).map(({id, depth, inner}) => `${"  ".repeat(depth)}${id}${inner ? `+${inner.id}` : ""}`);

const kCall = trace([hop("1", undefined, "gateway", "a", 0), hop("2", "1", "inner", "a", 10), hop("3", "2", "outer", "b", 20), hop("4", "3", "inner", "b", 25)]);

test("both records of a call are one row", () => assert.deepEqual(told(kCall), ["1+2", "  3+4"]));
test("every hop has a row of its own where that is asked", () => assert.deepEqual(told(kCall, true), ["1", "  2", "    3", "      4"]));
test("the way to the callee is what passed until its record begins", () => assert.deepEqual(rows(kCall, false).map((row) => row.way_us), [10, 5]));

test("attempts that reached the callee are rows below their call", () => {
  const given = rows(trace([hop("1", undefined, "outer", "a", 0, {attempts: 2}), hop("2", "1", "inner", "a", 10), hop("3", "1", "inner", "a", 50)]), false);
  assert.deepEqual(given.map(({id, attempt}) => [id, attempt?.n, attempt?.of]), [["1", undefined, undefined], ["2", 1, 2], ["3", 2, 2]]);
});

test("a span whose parent was not recorded is a root", () => assert.deepEqual(told(trace([hop("1", "gone", "outer", "a", 0)])), ["1"]));
test("spans that are each other's parents are told once", () => assert.deepEqual(told(trace([hop("1", "2", "outer", "a", 0), hop("2", "1", "outer", "b", 1)])).map((row) => row.trim()).sort(), ["1", "2"]));
test("a span that is its own parent is told once", () => assert.deepEqual(told(trace([hop("1", "1", "outer", "a", 0)])), ["1"]));
test("what is below a closed row is not shown", () => assert.deepEqual(visible(rows(kCall, true), new Set(["2"])).map(({id}) => id), ["1", "2"]));

const kLog = {at_us: 30, service: "b", stream: "stdout", text: "hello"};

test("a line stands below the span that it names, else below the innermost that was under way", () => {
  const given = trace(kCall.spans, {logs: [{...kLog, span: "2"}, kLog]});
  const all = rows(given, false);
  assert.deepEqual(lines(given, all, all, true).map((line) => ("row" in line ? line.row.id : "log" in line ? `log ${line.depth}` : "")), ["1", "log 1", "3", "log 2"]);
});

test("a line below a closed row stands below the row that is to be seen", () => {
  const given = trace(kCall.spans, {logs: [{...kLog, span: "4"}]});
  const all = rows(given, false);
  assert.deepEqual(lines(given, all, visible(all, new Set(["1"])), true).map((line) => ("row" in line ? line.row.id : "log")), ["1", "log"]);
});

test("denials are shown even where logs are not", () => {
  const given = trace(kCall.spans, {denied: [{at_us: 30, kind: "request", subject: "a", object: "x", verdict: "denied", count: 1}], logs: [kLog]});
  const all = rows(given, false);
  assert.equal(lines(given, all, all, false).filter((line) => "denial" in line).length, 1);
  assert.equal(lines(given, all, all, false).filter((line) => "log" in line).length, 0);
});
