import assert from "node:assert/strict";
import {test} from "node:test";
import type {Application, Decision, Flow, Graph} from "../api/types";
import {build, edgeId, kClients, kNobody, withLive} from "./model";

const kWindow = {from_ms: 0, to_ms: 1000, oldest_ms: 0, not_seen: []};
const kApplication: Application = {
  app: "shop",
  version: 1,
  controller: null,
  services: [{name: "gateway", kind: "gateway"}, {name: "a", kind: "service", ports: [{port: 80, name: "", protocol: "http"}]}, {name: "db", kind: "service", ports: [{port: 5432, name: "", protocol: "tcp"}]}],
  edges: [
    {id: "gateway.routes.0", kind: "route", from: "gateway", to: "a"},
    {id: "gateway.routes.1", kind: "route", from: "gateway", to: "a"},
    {id: "a.calls.db", kind: "call", from: "a", to: "db"},
    {id: "a.egress.mail", kind: "egress", from: "a", to: "mail", outside: "https://mail.example"},
  ],
};

const flow = (from: string, to: string, more: Partial<Flow> = {}): Flow => ({from, to, port: 80, declared: true, requests: 10, errors: 1, denied: 0, ...more});
const graph = (edges: Flow[], attempts: Graph["attempts"] = []): Graph => ({window: kWindow, edges, attempts});
const edgeOf = (given: Graph | undefined, from: string, to: string) => build(kApplication, given).edges.find((edge) => edge.id === edgeId(from, to));

test("what is declared is drawn before anything flowed", () => {
  const {nodes, edges} = build(kApplication, undefined);
  assert.deepEqual(nodes.map(({id, place}) => [id, place]), [["gateway", "gateway"], ["a", "service"], ["db", "store"], [kClients, "clients"], ["outside mail", "outside"]]);
  assert.deepEqual(edges.map(({id}) => id), [`${kClients}>gateway`, "gateway>a", "a>db", "a>outside mail"]);
});

test("several routes to one service are one line", () => assert.equal(edgeOf(undefined, "gateway", "a")?.declared.length, 2));

test("flows of several ports add up, and the worst quantile is told", () => {
  const edge = edgeOf(graph([flow("gateway", "a", {p99_us: 5}), flow("gateway", "a", {port: 81, p99_us: 9})]), "gateway", "a");
  assert.deepEqual([edge?.requests, edge?.errors, edge?.p99_us], [20, 2, 9]);
});

test("clients call what the gateway routes", () => assert.equal(edgeOf(graph([flow("gateway", "a")]), kClients, "gateway")?.requests, 10));

test("egress leads outside, though flows name only what it is called", () => assert.equal(edgeOf(graph([flow("a", "mail")]), "a", "outside mail")?.requests, 10));

test("a service that is gone from the manifest still has its traffic", () => assert.ok(build(kApplication, graph([flow("a", "old")])).nodes.some(({id, note}) => id === "old" && note === "no longer declared")));

test("an attempt at nobody's address has a place of its own", () => {
  const model = build(kApplication, graph([], [{from: "a", to: "", target: "10.0.0.1:80", reason: "nobody", count: 3, last_ms: 5}]));
  assert.equal(model.edges.find((edge) => edge.to === kNobody)?.attempted, 3);
});

test("news is added to the answer, and the answer stays as it was", () => {
  const given = graph([flow("a", "db")]);
  const live = withLive(given, [{at_ms: 2000, edges: [{from: "a", to: "db", port: 80, requests: 5, errors: 0, denied: 0}]}], []);
  assert.equal(live.edges[0]?.requests, 15);
  assert.equal(given.edges[0]?.requests, 10);
});

test("the first denial of what is not declared draws its edge, later ones count", () => {
  const decision: Decision = {at_us: 5000, kind: "request", subject: "db", object: "a", action: "GET /", verdict: "denied", count: 1};
  const live = withLive(graph([flow("a", "db")]), [], [decision, decision]);
  assert.deepEqual(live.attempts.map(({from, to, count}) => [from, to, count]), [["db", "a", 2]]);
});

test("what both ends may learn is drawn where it was used, and nowhere else", () => {
  const learning = {...kApplication, edges: [...kApplication.edges, {id: "db.calls.a", kind: "call" as const, from: "db", to: "a", declared: false}]};
  assert.ok(!build(learning, undefined).edges.some(({id}) => id === "db>a"));
  assert.ok(!build(learning, graph([flow("db", "a", {declared: false, requests: 0})])).edges.some(({id}) => id === "db>a"));
  const used = build(learning, graph([flow("db", "a", {declared: false})])).edges.find(({id}) => id === "db>a");
  assert.deepEqual([used?.requests, used?.declared.length], [10, 0]);
});

for (const verdict of ["audited", "learned"] as const) {
  test(`what was ${verdict} was not denied, and is no attempt`, () => {
    const decision: Decision = {at_us: 5000, kind: "request", subject: "db", object: "a", verdict, count: 1};
    assert.deepEqual(withLive(graph([]), [], [decision]).attempts, []);
  });
}

test("a denial on a declared edge is no attempt at an undeclared one", () => {
  const decision: Decision = {at_us: 5000, kind: "request", subject: "a", object: "db", verdict: "denied", count: 1};
  assert.deepEqual(withLive(graph([flow("a", "db")]), [], [decision]).attempts, []);
});
