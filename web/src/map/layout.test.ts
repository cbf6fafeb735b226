import assert from "node:assert/strict";
import {test} from "node:test";
import {application as estate} from "../testing";
import {curves, nearest, pointAt} from "./curves";
import {kNodeHeight, kNodeWidth, layout, type Layout, type LayoutEdge, type LayoutNode} from "./layout";

const kSizes = [6, 40, 200];

function given(size: number): {nodes: LayoutNode[]; edges: LayoutEdge[]} {
  const {services, edges} = estate(size);
  const calls = edges.filter((edge) => edge.kind !== "egress");
  return {nodes: services.map(({name}) => ({id: name})), edges: calls.map(({id, from, to}) => ({id, from, to}))};
}

function overlapping(placed: Layout): string[] {
  const spots = [...placed.spots];
  const found: string[] = [];
  spots.forEach(([a, at], n) => {
    for (const [b, other] of spots.slice(n + 1)) {
      if (Math.abs(at.x - other.x) < kNodeWidth && Math.abs(at.y - other.y) < kNodeHeight) found.push(`${a} and ${b}`);
    }
  });
  return found;
}

for (const size of kSizes) {
  test(`of ${size} services none covers another, and all lie within the drawing`, () => {
    const {nodes, edges} = given(size);
    const placed = layout(nodes, edges);
    assert.equal(placed.spots.size, nodes.length);
    assert.deepEqual(overlapping(placed), []);
    for (const {x, y} of placed.spots.values()) {
      assert.ok(x >= kNodeWidth / 2 && x <= placed.width - kNodeWidth / 2 + 0.01);
      assert.ok(y >= kNodeHeight / 2 - 0.01 && y <= placed.height - kNodeHeight / 2 + 0.01);
    }
  });

  test(`${size} services are drawn the same twice`, () => {
    const {nodes, edges} = given(size);
    assert.deepEqual(layout(nodes, edges), layout(nodes, edges));
  });
}

test("callers stand left of whom they call, cycles apart", () => {
  const edges = [["a", "b"], ["b", "c"], ["c", "b"], ["a", "c"]].map(([from, to]) => ({id: `${from}${to}`, from: from!, to: to!}));
  const {spots} = layout([{id: "a"}, {id: "b"}, {id: "c"}], edges);
  assert.ok(spots.get("a")!.x < spots.get("b")!.x && spots.get("b")!.x < spots.get("c")!.x);
});

test("an edge that passes a column has a bend in it", () => {
  const edges = [["a", "b"], ["b", "c"], ["a", "c"]].map(([from, to]) => ({id: `${from}${to}`, from: from!, to: to!}));
  assert.equal(layout([{id: "a"}, {id: "b"}, {id: "c"}], edges).bends.get("ac")?.length, 1);
});

test("what is outside stands in the last column", () => {
  const {spots} = layout([{id: "a"}, {id: "b"}, {id: "c"}, {id: "mail", last: true}], [{id: "ab", from: "a", to: "b"}, {id: "bc", from: "b", to: "c"}, {id: "am", from: "a", to: "mail"}]);
  assert.equal(spots.get("mail")!.x, spots.get("c")!.x);
});

test("a service more leaves the order of the others in its column", () => {
  const fan = (names: string[]) => layout([{id: "a"}, ...names.map((id) => ({id}))], names.map((to) => ({id: `a${to}`, from: "a", to})), before);
  let before: ReadonlyMap<string, {x: number; y: number}> | undefined;
  before = fan(["p", "q", "r"]).spots;
  const {spots} = fan(["z", "r", "q", "p"]);
  const order = ["p", "q", "r"].sort((a, b) => spots.get(a)!.y - spots.get(b)!.y);
  assert.deepEqual(order, ["p", "q", "r"]);
});

test("nothing at all is drawn as nothing", () => assert.deepEqual(layout([], []), {spots: new Map(), bends: new Map(), width: 0, height: 0}));

test("a line begins and ends at its nodes, and is found by who points at it", () => {
  const {nodes, edges} = given(6);
  const placed = layout(nodes, edges);
  const lines = curves(placed, edges);
  for (const edge of edges) {
    const line = lines.get(edge.id)!;
    assert.ok(Math.abs(pointAt(line, 0).x - placed.spots.get(edge.from)!.x - kNodeWidth / 2) < 0.01);
    assert.ok(Math.abs(pointAt(line, 1).x - placed.spots.get(edge.to)!.x + kNodeWidth / 2) < 0.01);
  }
  const some = lines.get(edges[0]!.id)!;
  const {x, y} = pointAt(some, 0.02);
  assert.equal(nearest(new Map([[edges[0]!.id, some]]), x, y, 3), edges[0]!.id);
  assert.equal(nearest(lines, -500, -500, 3), undefined);
});
