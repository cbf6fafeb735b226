// The lines of edges: cubic curves from the right side of one node to the left side of another, through the bends. In the map's own
// units. Ends are spread over a node's side in the order in which their other ends stand, so that they do not cross at the door.
import {kNodeHeight, kNodeWidth, type Layout, type LayoutEdge, type Spot} from "./layout";

/// [x0, y0, then six numbers for each cubic]
export type Curve = Float32Array;

export function curves(layout: Layout, edges: LayoutEdge[]): Map<string, Curve> {
  const ends = spreadEnds(layout, edges);
  const made = new Map<string, Curve>();
  for (const edge of edges) {
    const from = layout.spots.get(edge.from);
    const to = layout.spots.get(edge.to);
    if (!from || !to) continue;
    const start = {x: from.x + kNodeWidth / 2, y: from.y + (ends.get(`out ${edge.id}`) ?? 0)};
    const end = {x: to.x - kNodeWidth / 2, y: to.y + (ends.get(`in ${edge.id}`) ?? 0)};
    made.set(edge.id, to.x <= from.x ? around(start, end, from, to) : through([start, ...(layout.bends.get(edge.id) ?? []), end]));
  }
  return made;
}

function spreadEnds(layout: Layout, edges: LayoutEdge[]): Map<string, number> {
  const sides = new Map<string, {key: string; toward: number}[]>();
  const put = (side: string, key: string, toward: number) => {
    const there = sides.get(side) ?? [];
    there.push({key, toward});
    sides.set(side, there);
  };
  for (const edge of edges) {
    const bends = layout.bends.get(edge.id) ?? [];
    const from = layout.spots.get(edge.from);
    const to = layout.spots.get(edge.to);
    if (!from || !to) continue;
    put(`out ${edge.from}`, `out ${edge.id}`, (bends[0] ?? to).y);
    put(`in ${edge.to}`, `in ${edge.id}`, (bends.at(-1) ?? from).y);
  }
  const offsets = new Map<string, number>();
  for (const side of sides.values()) {
    side.sort((a, b) => a.toward - b.toward);
    const step = Math.min(7, (kNodeHeight - 14) / Math.max(1, side.length - 1));
    side.forEach(({key}, at) => offsets.set(key, (at - (side.length - 1) / 2) * step));
  }
  return offsets;
}

function through(points: Spot[]): Curve {
  const curve = new Float32Array(2 + 6 * (points.length - 1));
  curve.set([points[0]!.x, points[0]!.y]);
  for (let at = 1; at < points.length; at++) {
    const a = points[at - 1]!;
    const b = points[at]!;
    const pull = (b.x - a.x) * 0.5;
    curve.set([a.x + pull, a.y, b.x - pull, b.y, b.x, b.y], 2 + 6 * (at - 1));
  }
  return curve;
}

// Back to the left, or within a column: out on the right, over or under both, in from the left.
function around(start: Spot, end: Spot, from: Spot, to: Spot): Curve {
  const out = 56;
  if (Math.abs(from.x - to.x) < 1) {
    return new Float32Array([start.x, start.y, start.x + out, start.y, start.x + out, (start.y + end.y) / 2, (start.x + end.x) / 2, (start.y + end.y) / 2, end.x - out, (start.y + end.y) / 2, end.x - out, end.y, end.x, end.y]);
  }
  const under = Math.max(from.y, to.y) + kNodeHeight / 2 + 22;
  const middle = (start.x + end.x) / 2;
  return new Float32Array([start.x, start.y, start.x + out, start.y, start.x + out, under, middle, under, end.x - out, under, end.x - out, end.y, end.x, end.y]);
}

export function pointAt(curve: Curve, part: number): Spot {
  const cubics = (curve.length - 2) / 6;
  const at = Math.min(cubics - 1, Math.floor(part * cubics));
  const t = part * cubics - at;
  const base = 2 + 6 * at;
  const [x0, y0] = [curve[base - 2]!, curve[base - 1]!];
  const u = 1 - t;
  const mix = (a: number, b: number, c: number, d: number) => u * u * u * a + 3 * u * u * t * b + 3 * u * t * t * c + t * t * t * d;
  return {x: mix(x0, curve[base]!, curve[base + 2]!, curve[base + 4]!), y: mix(y0, curve[base + 1]!, curve[base + 3]!, curve[base + 5]!)};
}

/// The edge nearest to a point, if it is within `reach`.
export function nearest(all: ReadonlyMap<string, Curve>, x: number, y: number, reach: number): string | undefined {
  let found: string | undefined;
  let best = reach * reach;
  for (const [id, curve] of all) {
    const cubics = (curve.length - 2) / 6;
    let last = {x: curve[0]!, y: curve[1]!};
    for (let n = 1; n <= cubics * 12; n++) {
      const next = pointAt(curve, n / (cubics * 12));
      const d = toSegment(x, y, last, next);
      if (d < best) {
        best = d;
        found = id;
      }
      last = next;
    }
  }
  return found;
}

function toSegment(x: number, y: number, a: Spot, b: Spot): number {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / length));
  return (x - a.x - t * dx) ** 2 + (y - a.y - t * dy) ** 2;
}
