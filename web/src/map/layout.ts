// Where places stand: columns from callers to callees, left to right. Pure and deterministic: the same declaration gives the same
// drawing, whatever flows, and a new declaration keeps the order of what it had.
//
// As Sugiyama has it: take cycles apart; a column for each node, by the longest path to it; the order within columns by the mean of the
// neighbours (several sweeps, the one with the fewest crossings is kept); heights by isotonic regression, which keeps order and distance.

export interface LayoutNode {
  id: string;
  last?: boolean; // in the last column, as what lies outside does
}
export interface LayoutEdge {
  id: string;
  from: string;
  to: string;
}
export interface Spot {
  x: number; // its centre
  y: number;
}
export interface Layout {
  spots: Map<string, Spot>;
  bends: Map<string, Spot[]>; // of edges that pass columns, what they pass through
  width: number;
  height: number;
}

export const kNodeWidth = 172;
export const kNodeHeight = 46;
const kRow = 60;
const kBend = 16;
const kColumn = 262;
const kDenseColumn = 226; // of many nodes
const kBendsUpTo = 60; // edges; with more of them, bends would need more room than the nodes
const kSweeps = 12;

interface Cell {
  id: string;
  layer: number;
  node: boolean;
  y: number;
  left: Cell[];
  right: Cell[];
}

export function layout(nodes: LayoutNode[], edges: LayoutEdge[], before?: ReadonlyMap<string, Spot>): Layout {
  const known = new Set(nodes.map((node) => node.id));
  const real = edges.filter((edge) => edge.from !== edge.to && known.has(edge.from) && known.has(edge.to));
  const layers = assignLayers(nodes, real);
  const {columns, paths} = makeCells(nodes, real, layers, before);
  orderColumns(columns);
  placeCells(columns, rowHeight(nodes.length));

  const step = nodes.length > 60 ? kDenseColumn : kColumn;
  const spots = new Map<string, Spot>();
  let top = Infinity;
  let bottom = -Infinity;
  for (const column of columns) {
    for (const cell of column) {
      top = Math.min(top, cell.y);
      bottom = Math.max(bottom, cell.y);
    }
  }
  const spot = (cell: Cell): Spot => ({x: cell.layer * step + kNodeWidth / 2, y: cell.y - top + kNodeHeight / 2});
  for (const column of columns) for (const cell of column) if (cell.node) spots.set(cell.id, spot(cell));
  const bends = new Map<string, Spot[]>();
  for (const [id, cells] of paths) bends.set(id, cells.map(spot));
  const empty = columns.length === 0;
  return {spots, bends, width: empty ? 0 : (columns.length - 1) * step + kNodeWidth, height: empty ? 0 : bottom - top + kNodeHeight};
}

// Few nodes would be a thin line in a wide window: they stand further apart.
function rowHeight(nodes: number): number {
  return nodes <= 14 ? kRow * 1.4 : nodes <= 60 ? kRow * 1.25 : kRow;
}

// Columns by the longest path, over edges that a depth-first walk does not close a cycle with; crowded columns become several.
function assignLayers(nodes: LayoutNode[], edges: LayoutEdge[]): Map<string, number> {
  const out = new Map<string, string[]>(nodes.map((node) => [node.id, []]));
  const incoming = new Set<string>();
  for (const edge of edges) {
    out.get(edge.from)!.push(edge.to);
    incoming.add(edge.to);
  }
  const layer = new Map<string, number>();
  const order: string[] = [];
  const state = new Map<string, "open" | "done">();
  const forward = new Map<string, string[]>(nodes.map((node) => [node.id, []]));
  const visit = (root: string) => {
    if (state.has(root)) return;
    const stack: {id: string; next: number}[] = [{id: root, next: 0}];
    state.set(root, "open");
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const to = out.get(top.id)![top.next++];
      if (to === undefined) {
        state.set(top.id, "done");
        order.push(top.id);
        stack.pop();
      } else if (state.get(to) !== "open") {
        forward.get(top.id)!.push(to);
        if (!state.has(to)) {
          state.set(to, "open");
          stack.push({id: to, next: 0});
        }
      }
    }
  };
  for (const node of nodes) if (!incoming.has(node.id)) visit(node.id);
  for (const node of nodes) visit(node.id);
  order.reverse();
  for (const id of order) {
    layer.set(id, layer.get(id) ?? 0);
    for (const to of forward.get(id)!) layer.set(to, Math.max(layer.get(to) ?? 0, layer.get(id)! + 1));
  }
  // Who is called by nobody stands right before whom it calls, rather than far to the left of it.
  for (const id of order) {
    const next = forward.get(id)!;
    if (!incoming.has(id) && next.length > 0) layer.set(id, Math.max(0, Math.min(...next.map((to) => layer.get(to)!)) - 1));
  }
  const deepest = Math.max(0, ...layer.values());
  for (const node of nodes) if (node.last) layer.set(node.id, Math.max(layer.get(node.id)!, deepest, 1));
  return splitCrowded(nodes, layer, out);
}

function splitCrowded(nodes: LayoutNode[], layer: Map<string, number>, out: Map<string, string[]>): Map<string, number> {
  const most = Math.max(7, Math.ceil(Math.sqrt(nodes.length * 3.6)));
  const deepest = Math.max(0, ...layer.values());
  const split = new Map<string, number>();
  let at = 0;
  for (let old = 0; old <= deepest; old++) {
    const here = nodes.filter((node) => layer.get(node.id) === old);
    if (here.length === 0) continue;
    const parts = Math.ceil(here.length / most);
    // Those that call many stand left of those that call few: fewer edges pass by.
    const sorted = here.map((node, index) => ({node, index})).sort((a, b) => out.get(b.node.id)!.length - out.get(a.node.id)!.length || a.index - b.index);
    const size = Math.ceil(here.length / parts);
    sorted.forEach(({node}, index) => split.set(node.id, at + Math.floor(index / size)));
    at += parts;
  }
  return split;
}

function makeCells(nodes: LayoutNode[], edges: LayoutEdge[], layers: Map<string, number>, before?: ReadonlyMap<string, Spot>) {
  const columns: Cell[][] = Array.from({length: Math.max(-1, ...layers.values()) + 1}, () => []);
  const cells = new Map<string, Cell>();
  const add = (id: string, layer: number, node: boolean): Cell => {
    const cell: Cell = {id, layer, node, y: 0, left: [], right: []};
    cells.set(id, cell);
    columns[layer]!.push(cell);
    return cell;
  };
  for (const node of nodes) add(node.id, layers.get(node.id)!, true);
  const link = (left: Cell, right: Cell) => {
    if (left.right.includes(right)) return;
    left.right.push(right);
    right.left.push(left);
  };
  const paths = new Map<string, Cell[]>();
  for (const edge of edges) {
    const from = cells.get(edge.from)!;
    const to = cells.get(edge.to)!;
    if (to.layer <= from.layer) continue; // backward, or within a column: drawn around, without a say in the order
    const path: Cell[] = [];
    let last = from;
    if (edges.length <= kBendsUpTo) {
      for (let layer = from.layer + 1; layer < to.layer; layer++) {
        const bend = add(`${edge.id}\n${layer}`, layer, false);
        link(last, bend);
        path.push(bend);
        last = bend;
      }
    }
    link(last, to);
    if (path.length > 0) paths.set(edge.id, path);
  }
  for (const column of columns) {
    if (before) stableSort(column, (cell) => before.get(cell.id)?.y ?? Infinity);
    column.forEach((cell, index) => (cell.y = index));
  }
  return {columns, paths};
}

function stableSort(cells: Cell[], key: (cell: Cell) => number): void {
  const keys = new Map(cells.map((cell) => [cell, key(cell)]));
  cells.sort((a, b) => {
    const ka = keys.get(a)!;
    const kb = keys.get(b)!;
    return ka === kb ? 0 : ka - kb;
  });
}

function mean(cells: Cell[], otherwise: number): number {
  if (cells.length === 0) return otherwise;
  let sum = 0;
  for (const cell of cells) sum += cell.y;
  return sum / cells.length;
}

function orderColumns(columns: Cell[][]): void {
  let best = columns.map((column) => [...column]);
  let fewest = crossings(columns);
  for (let sweep = 0; sweep < kSweeps && fewest > 0; sweep++) {
    const down = sweep % 2 === 0;
    const list = down ? columns : [...columns].reverse();
    for (const column of list) {
      stableSort(column, (cell) => mean(down ? cell.left : cell.right, cell.y));
      column.forEach((cell, index) => (cell.y = index));
    }
    const now = crossings(columns);
    if (now < fewest) {
      fewest = now;
      best = columns.map((column) => [...column]);
    }
  }
  best.forEach((column, at) => {
    columns[at] = column;
    column.forEach((cell, index) => (cell.y = index));
  });
}

// Pairs of edges between neighbouring columns that cross, counted by a Fenwick tree over the right ends.
function crossings(columns: Cell[][]): number {
  let total = 0;
  for (const column of columns) {
    const ends: number[] = [];
    for (const cell of column) ends.push(...cell.right.map((to) => to.y).sort((a, b) => a - b));
    const tree = new Array<number>(Math.max(0, ...ends) + 2).fill(0);
    ends.forEach((end, index) => {
      let below = 0;
      for (let at = end + 1; at > 0; at -= at & -at) below += tree[at]!;
      total += index - below;
      for (let at = end + 1; at < tree.length; at += at & -at) tree[at]!++;
    });
  }
  return total;
}

function placeCells(columns: Cell[][], row: number): void {
  for (const column of columns) {
    let y = 0;
    column.forEach((cell, index) => {
      if (index > 0) y += distance(column[index - 1]!, cell, row);
      cell.y = y;
    });
    const middle = y / 2;
    for (const cell of column) cell.y -= middle;
  }
  for (let sweep = 0; sweep < 10; sweep++) {
    const right = sweep % 2 === 1;
    for (const column of right ? [...columns].reverse() : columns) {
      settle(column, column.map((cell) => 0.5 * (mean(right ? cell.right : cell.left, cell.y) + mean([...cell.left, ...cell.right], cell.y))), row);
    }
  }
}

function distance(above: Cell, below: Cell, row: number): number {
  if (above.node && below.node) return row;
  return above.node || below.node ? (row + kBend) / 2 : kBend;
}

// As near to what is wished as order and distances let them: pool adjacent violators.
function settle(column: Cell[], wishes: number[], row: number): void {
  const offsets: number[] = [];
  column.forEach((cell, at) => offsets.push(at === 0 ? 0 : offsets[at - 1]! + distance(column[at - 1]!, cell, row)));
  const pools: {sum: number; weight: number; count: number}[] = [];
  column.forEach((cell, at) => {
    const weight = cell.node ? 1 : 2; // long edges are straightened first
    let pool = {sum: (wishes[at]! - offsets[at]!) * weight, weight, count: 1};
    for (let last = pools.at(-1); last && last.sum / last.weight > pool.sum / pool.weight; last = pools.at(-1)) {
      pools.pop();
      pool = {sum: pool.sum + last.sum, weight: pool.weight + last.weight, count: pool.count + last.count};
    }
    pools.push(pool);
  });
  let at = 0;
  for (const pool of pools) {
    for (let n = 0; n < pool.count; n++, at++) column[at]!.y = pool.sum / pool.weight + offsets[at]!;
  }
}
