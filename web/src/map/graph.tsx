// The drawn map: nodes are links in the page (crisp, focusable, read aloud), edges lie on a canvas below them.
import {memo, useEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent, type Ref, useImperativeHandle} from "react";
import {useTheme} from "../theme";
import {curves, nearest} from "./curves";
import {LabelRoom} from "./labels";
import {layout, type Layout} from "./layout";
import {labelOf, lookOf, palette, undeclared, type Colouring} from "./looks";
import {kNobody, type MapEdge, type MapModel, type MapNode} from "./model";
import {NodeCard} from "./node";
import {Stage} from "./stage";

export interface GraphHandle {
  fit(): void;
  zoom(by: number): void;
}

export interface GraphProps {
  model: MapModel;
  colouring: Colouring;
  seconds: number; // that the flows are of
  selected: {node?: string; edge?: string};
  lit: {nodes: ReadonlySet<string>; edges: ReadonlySet<string>} | null; // e.g. what a service can reach
  found: string; // text that is looked for in names
  hideUnused: boolean;
  hrefOf: (node: MapNode) => string;
  onEdge: (edge: MapEdge | undefined) => void;
  ref?: Ref<GraphHandle>;
}

export const Graph = memo(function Graph({model, colouring, seconds, selected, lit, found, hideUnused, hrefOf, onEdge, ref}: GraphProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const layer = useRef<HTMLDivElement>(null);
  const stage = useRef<Stage>(null);
  const [hover, setHover] = useState<{node?: string; edge?: string; x: number; y: number}>({x: 0, y: 0});
  const theme = useTheme();
  const drawing = useDrawing(model);
  const byId = useMemo(() => new Map(model.edges.map((edge) => [edge.id, edge])), [model]);

  // What the pointer handlers read is what was rendered last.
  const now = useRef({drawing, byId, onEdge, hideUnused});
  now.current = {drawing, byId, onEdge, hideUnused};

  useEffect(() => {
    const made = new Stage(box.current!, canvas.current!, layer.current!, {
      hover: (x, y) => {
        const edge = Number.isNaN(x) ? undefined : nearest(now.current.drawing.lines, x, y, 7 / made.view.k);
        setHover((before) => (before.edge === edge ? before : {...before, edge, x, y}));
      },
      press: (x, y) => {
        const id = nearest(now.current.drawing.lines, x, y, 9 / made.view.k);
        now.current.onEdge(id ? now.current.byId.get(id) : undefined);
      },
    });
    stage.current = made;
    return () => made.close();
  }, []);
  useImperativeHandle(ref, () => ({fit: () => stage.current?.fit(), zoom: (by) => stage.current?.zoom(by)}), []);

  useEffect(() => stage.current?.extend(drawing.placed.width, drawing.placed.height), [drawing]);

  const focus = useMemo(() => {
    if (hover.node) return around(model, hover.node);
    if (hover.edge) return ofEdge(byId.get(hover.edge));
    if (lit) return lit;
    if (selected.node) return around(model, selected.node);
    if (selected.edge) return ofEdge(byId.get(selected.edge));
    if (found) {
      const nodes = new Set(model.nodes.filter((node) => node.name.includes(found)).map((node) => node.id));
      return {nodes, edges: new Set<string>()};
    }
    return null;
  }, [model, byId, hover.node, hover.edge, lit, selected.node, selected.edge, found]);

  useEffect(() => {
    const colours = palette();
    const style = getComputedStyle(document.documentElement);
    const looks = new Map<string, ReturnType<typeof lookOf>>();
    const labels = new Map<string, {text: string; x: number; y: number}>();
    const shown = new Map(drawing.lines);
    const room = new LabelRoom(drawing.placed.spots.values());
    for (const edge of model.edges) {
      const line = drawing.lines.get(edge.id);
      if (!line) continue;
      if (hideUnused && edge.requests === 0 && edge.denied === 0 && edge.attempted === 0) {
        shown.delete(edge.id);
        continue;
      }
      const look = lookOf(edge, colouring, seconds, colours, model.edges.length);
      const marked = edge.id === selected.edge || edge.id === hover.edge;
      looks.set(edge.id, marked ? {...look, width: look.width + 1.5, opacity: 1, rank: 10} : look);
      if (model.edges.length > 30 && !focus?.edges.has(edge.id)) continue;
      const text = labelOf(edge, colouring, seconds);
      const spot = text ? room.take(line, text) : undefined;
      if (spot) labels.set(edge.id, {text, ...spot});
    }
    stage.current?.show({
      curves: shown,
      looks,
      labels,
      lit: focus ? focus.edges : null,
      background: style.getPropertyValue("--bg").trim(),
      labelColour: style.getPropertyValue("--text-2").trim(),
    });
  }, [drawing, model, colouring, seconds, focus, selected.edge, hover.edge, hideUnused, theme]);

  const order = drawing.order;
  const tabbed = selected.node && drawing.placed.spots.has(selected.node) ? selected.node : order[0];
  useEffect(() => {
    const spot = selected.node ? now.current.drawing.placed.spots.get(selected.node) : undefined;
    if (spot) stage.current?.reveal(spot.x, spot.y);
  }, [selected.node]);

  const step = (event: KeyboardEvent) => {
    const here = (event.target as HTMLElement).dataset.node;
    const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (!way || !here) return;
    event.preventDefault();
    const to = neighbour(drawing.placed, here, way[0]!, way[1]!);
    const element = to && layer.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(to)}"]`);
    if (element) element.focus({preventScroll: true});
  };
  const over = (event: MouseEvent) => {
    const node = (event.target as HTMLElement).closest<HTMLElement>("[data-node]")?.dataset.node;
    setHover((before) => (before.node === node ? before : {...before, node, edge: node ? undefined : before.edge}));
  };
  const focused = (event: {target: EventTarget}) => {
    const spot = drawing.placed.spots.get((event.target as HTMLElement).dataset.node ?? "");
    if (spot && (event.target as HTMLElement).matches(":focus-visible")) stage.current?.reveal(spot.x, spot.y);
  };
  const tip = hover.edge ? byId.get(hover.edge) : undefined;
  return (
    <div className={`graph${tip ? " pointing" : ""}`} ref={box} role="group" aria-label="Map. Arrow keys go from place to place, Enter opens one." onKeyDown={step} onMouseOver={over} onMouseLeave={() => setHover({x: 0, y: 0})}>
      <canvas ref={canvas} aria-hidden="true" />
      <div className="nodes" ref={layer} onFocus={focused}>
        {order.map((id) => {
          const node = drawing.nodes.get(id)!;
          const spot = drawing.placed.spots.get(id)!;
          return (
            <NodeCard key={id} node={node} x={spot.x} y={spot.y} stats={drawing.stats.get(id)} seconds={seconds} href={hrefOf(node)} selected={selected.node === id} faint={focus !== null && !focus.nodes.has(id)} tabbed={id === tabbed} />
          );
        })}
      </div>
      {tip && !hover.node && <EdgeTip edge={tip} seconds={seconds} />}
    </div>
  );
});

function EdgeTip({edge, seconds}: {edge: MapEdge; seconds: number}) {
  return (
    <div className="tip" aria-hidden="true">
      <b>
        {edge.from.replace("outside ", "")} → {edge.to.replace("outside ", "")}
      </b>
      {undeclared(edge) ? <span className="bad">not declared, denied ×{edge.attempted}</span> : edge.requests === 0 ? <span>declared, not used</span> : null}
      {edge.requests > 0 && (
        <span>
          {labelOf(edge, "rate", seconds)} · errors {labelOf(edge, "errors", seconds) || "0 %"} · p99 {labelOf(edge, "latency", seconds)}
        </span>
      )}
      {edge.denied > 0 && <span className="bad">{edge.denied} denied</span>}
    </div>
  );
}

export interface NodeStats {
  requests: number;
  errors: number;
  denied: number;
  p99_us?: number;
}

interface Drawing {
  placed: Layout;
  lines: ReturnType<typeof curves>;
  nodes: Map<string, MapNode>;
  order: string[]; // as one would read them: column by column
  stats: Map<string, NodeStats>;
}

// The layout is of what is declared: traffic never moves anything. A place that appears undeclared (an attempt at nobody's address) has
// its spot below the last column.
function useDrawing(model: MapModel): Drawing {
  const kept = useRef<{key: string; placed: Layout}>(null);
  const lines = useRef<{key: string; lines: ReturnType<typeof curves>}>(null);
  return useMemo(() => {
    const declared = model.edges.filter((edge) => edge.declared.length > 0 || edge.from === "outside clients");
    const fixed = model.nodes.filter((node) => node.id !== kNobody);
    const key = `${fixed.map((node) => node.id).join(" ")}\n${declared.map((edge) => edge.id).join(" ")}`;
    if (kept.current?.key !== key) {
      kept.current = {key, placed: layout(fixed.map((node) => ({id: node.id, last: node.place === "outside"})), declared, kept.current?.placed.spots)};
    }
    let placed = kept.current.placed;
    if (model.nodes.some((node) => node.id === kNobody)) {
      const spots = new Map(placed.spots);
      spots.set(kNobody, {x: placed.width - 86, y: placed.height + 62});
      placed = {...placed, spots, height: placed.height + 85};
    }
    const drawn = `${key}\n${model.edges.map((edge) => edge.id).join(" ")}`;
    if (lines.current?.key !== drawn) lines.current = {key: drawn, lines: curves(placed, model.edges)};
    const spot = (id: string) => placed.spots.get(id)!;
    const nodes = new Map(model.nodes.map((node) => [node.id, node]));
    const order = [...nodes.keys()].filter((id) => placed.spots.has(id)).sort((a, b) => spot(a).x - spot(b).x || spot(a).y - spot(b).y);
    return {placed, lines: lines.current.lines, nodes, order, stats: statsOf(model)};
  }, [model]);
}

function statsOf(model: MapModel): Map<string, NodeStats> {
  const stats = new Map<string, NodeStats>();
  for (const edge of model.edges) {
    const into = stats.get(edge.to) ?? {requests: 0, errors: 0, denied: 0};
    into.requests += edge.requests;
    into.errors += edge.errors;
    into.denied += edge.denied + edge.attempted;
    if (edge.p99_us !== undefined) into.p99_us = Math.max(into.p99_us ?? 0, edge.p99_us);
    stats.set(edge.to, into);
  }
  return stats;
}

function around(model: MapModel, id: string): {nodes: Set<string>; edges: Set<string>} {
  const nodes = new Set([id]);
  const edges = new Set<string>();
  for (const edge of model.edges) {
    if (edge.from !== id && edge.to !== id) continue;
    edges.add(edge.id);
    nodes.add(edge.from).add(edge.to);
  }
  return {nodes, edges};
}

function ofEdge(edge: MapEdge | undefined): {nodes: Set<string>; edges: Set<string>} | null {
  return edge ? {nodes: new Set([edge.from, edge.to]), edges: new Set([edge.id])} : null;
}

// The nearest node in a direction; what lies straight ahead is nearer than what lies aside.
function neighbour(placed: Layout, id: string, dx: number, dy: number): string | undefined {
  const here = placed.spots.get(id);
  if (!here) return undefined;
  let found: string | undefined;
  let best = Infinity;
  for (const [other, spot] of placed.spots) {
    const along = (spot.x - here.x) * dx + (spot.y - here.y) * dy;
    if (other === id || along < 10) continue;
    const aside = Math.abs((spot.x - here.x) * dy) + Math.abs((spot.y - here.y) * dx);
    const far = along + aside * 2;
    if (far < best) {
      best = far;
      found = other;
    }
  }
  return found;
}
