// Who may call whom: callers down, callees across. Only what is declared or was tried has an element; the lines of the grid are a
// background, so that two hundred services are a thousand elements rather than forty thousand.
import {useMemo, useRef, useState, type KeyboardEvent} from "react";
import type {Application, Graph} from "../api/types";
import {count, plural} from "../format";
import {build, kClients, type MapEdge, type MapModel} from "../map/model";
import {learned, undeclared} from "../map/looks";
import {href} from "../route";
import {permissions} from "../service/neighbours";
import {Empty} from "../ui/states";

interface Grid {
  rows: string[];
  columns: string[];
  cells: {edge: MapEdge; row: number; column: number}[];
}

export function Matrix({application, graph}: {application: Application; graph: Graph | undefined}) {
  const model = useMemo(() => build(application, graph), [application, graph]);
  const grid = useMemo(() => gridOf(model), [model]);
  const [near, setNear] = useState<MapEdge>();
  const box = useRef<HTMLDivElement>(null);
  const size = grid.columns.length > 60 ? 18 : grid.columns.length > 25 ? 22 : grid.columns.length > 14 ? 30 : 40;
  const keys = (event: KeyboardEvent) => {
    const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    const here = grid.cells.find(({edge}) => edge.id === (event.target as HTMLElement).dataset.cell);
    if (!way || !here) return;
    event.preventDefault();
    const to = next(grid, here, way[0]!, way[1]!);
    if (to) box.current?.querySelector<HTMLElement>(`[data-cell="${CSS.escape(to.edge.id)}"]`)?.focus();
  };
  if (grid.cells.length === 0) {
    return (
      <Empty title="No service may call another">
        <p>What a service may call stands under `calls:` in the manifest.</p>
      </Empty>
    );
  }
  return (
    <section className="panel matrixpanel" aria-label="Matrix">
      <header>
        <h2>
          {plural(grid.rows.length, "caller")}, {plural(grid.columns.length, "callee")}
        </h2>
        <ul className="legend flat">
          <li>
            <i className="cell used" /> declared and used
          </li>
          <li>
            <i className="cell unused" /> declared, not used
          </li>
          <li>
            <i className="cell denied" /> tried and denied
          </li>
        </ul>
      </header>
      <p className="matrixsaid" aria-hidden="true">
        {near ? said(near) : <span className="quiet">Point at a cell, or walk with the arrow keys. The same as a list: Rules.</span>}
      </p>
      <div className="scroll matrixscroll" ref={box} onKeyDown={keys}>
        <div className="matrix" style={{gridTemplateColumns: `max-content ${grid.columns.length * size}px`}}>
          <div />
          <div className="across" style={{height: 118}} aria-hidden="true">
            {grid.columns.map((name, at) => (
              <span key={name} style={{left: at * size + size / 2 - 8}} className={near?.to === name ? "near" : ""}>
                {plain(name)}
              </span>
            ))}
          </div>
          <div className="down" aria-hidden="true">
            {grid.rows.map((name) => (
              <span key={name} style={{height: size, lineHeight: `${size}px`}} className={near?.from === name ? "near" : ""}>
                {plain(name)}
              </span>
            ))}
          </div>
          <ul className="cells" style={{height: grid.rows.length * size, backgroundSize: `${size}px ${size}px`}} aria-label="Declared ways and attempts" onMouseLeave={() => setNear(undefined)}>
            {grid.cells.map(({edge, row, column}, at) => (
              <li key={edge.id}>
                <a
                  href={href(["map"], {edge: edge.id})}
                  data-cell={edge.id}
                  tabIndex={at === 0 ? 0 : -1}
                  className={`cell ${kind(edge)}`}
                  style={{left: column * size, top: row * size, width: size, height: size}}
                  aria-label={said(edge)}
                  onMouseEnter={() => setNear(edge)}
                  onFocus={() => setNear(edge)}
                  data-count={size >= 30 && edge.declared.length > 0 ? permissionCount(edge) : undefined}
                />
              </li>
            ))}
          </ul>
        </div>
      </div>
    </section>
  );
}

const plain = (id: string) => id.replace("outside ", "");

function kind(edge: MapEdge): string {
  if (undeclared(edge)) return "denied";
  if (learned(edge)) return "learned";
  return `${edge.requests > 0 ? "used" : "unused"}${edge.denied + edge.attempted > 0 ? " some" : ""}`;
}

function permissionCount(edge: MapEdge): string {
  const all = edge.declared.some((declared) => !declared.permissions || declared.permissions.length === 0);
  return all ? "∗" : String(edge.declared.reduce((sum, declared) => sum + (declared.permissions?.length ?? 0), 0));
}

function said(edge: MapEdge): string {
  const who = `${plain(edge.from)} → ${plain(edge.to)}`;
  if (undeclared(edge)) return `${who}: not declared; tried and denied ${plural(edge.attempted, "time")}`;
  if (learned(edge)) return `${who}: not declared, and used: ${plural(edge.requests, "request")}`;
  const used = edge.requests > 0 ? plural(edge.requests, "request") : "not used";
  return `${who}: ${permissions(edge)}; ${used}${edge.denied + edge.attempted > 0 ? `, ${count(edge.denied + edge.attempted)} denied` : ""}`;
}

function gridOf(model: MapModel): Grid {
  const edges = model.edges.filter((edge) => edge.from !== kClients);
  const order = (ids: Set<string>) => [...ids].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const rows = order(new Set(edges.map((edge) => edge.from)));
  const columns = order(new Set(edges.map((edge) => edge.to)));
  const rowOf = new Map(rows.map((id, at) => [id, at]));
  const columnOf = new Map(columns.map((id, at) => [id, at]));
  const cells = edges.map((edge) => ({edge, row: rowOf.get(edge.from)!, column: columnOf.get(edge.to)!}));
  cells.sort((a, b) => a.row - b.row || a.column - b.column);
  return {rows, columns, cells};
}

// The gateway first, what is outside last.
function rank(id: string): number {
  return id === "gateway" ? 0 : id.startsWith("outside ") ? 2 : 1;
}

function next(grid: Grid, from: Grid["cells"][number], dx: number, dy: number) {
  const along = (cell: Grid["cells"][number]) => (cell.column - from.column) * dx + (cell.row - from.row) * dy;
  const aside = (cell: Grid["cells"][number]) => Math.abs((cell.column - from.column) * dy) + Math.abs((cell.row - from.row) * dx);
  return grid.cells.filter((cell) => along(cell) > 0).sort((a, b) => along(a) + 3 * aside(a) - along(b) - 3 * aside(b))[0];
}
