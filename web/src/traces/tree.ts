// Rows of a waterfall, of a trace's spans. Pure. A call between two services is recorded by both sidecars: that is one row, whose bar
// tells what passed on the way (waiting, connecting, retrying) from what the callee took. Every hop can be had as a row of its own.
import type {Span, Trace} from "../api/types";

export interface Row {
  id: string; // of the span that leads it
  span: Span;
  inner?: Span; // the callee's record of the same call
  depth: number;
  children: number;
  parents: string[]; // ids of the rows above it, outermost first
  at_us: number; // after the trace's start
  way_us: number; // until the callee's sidecar had it; 0 where that is not known
  attempt?: {n: number; of: number};
}

export function rows(trace: Trace, everyHop: boolean): Row[] {
  const known = new Map(trace.spans.map((span) => [span.id, span]));
  const below = new Map<string, Span[]>();
  const roots: Span[] = [];
  for (const span of trace.spans) {
    if (span.parent === undefined || !known.has(span.parent) || span.parent === span.id) roots.push(span);
    else below.set(span.parent, [...(below.get(span.parent) ?? []), span]);
  }
  const sorted = (spans: Span[]) => [...spans].sort((a, b) => a.start_us - b.start_us || a.id.localeCompare(b.id));
  const made: Row[] = [];
  const seen = new Set<string>();

  const visit = (span: Span, depth: number, parents: string[], attempt?: Row["attempt"]) => {
    if (seen.has(span.id)) return; // a circle among what was told by programs
    seen.add(span.id);
    const own = sorted(below.get(span.id) ?? []);
    const inner = everyHop ? undefined : merged(span, own);
    if (inner) seen.add(inner.id);
    const under = inner ? sorted([...own.filter((child) => child !== inner), ...(below.get(inner.id) ?? [])]) : own;
    const tries = under.filter((child) => child.kind === "hop" && child.hop === "inner" && isLeading(span) && child.callee === span.callee);
    made.push({
      id: span.id,
      span,
      inner,
      depth,
      children: under.length,
      parents,
      at_us: span.start_us - trace.start_us,
      way_us: inner ? Math.max(0, inner.start_us - span.start_us) : 0,
      attempt,
    });
    for (const child of under) {
      const n = tries.length > 1 ? tries.indexOf(child) : -1;
      visit(child, depth + 1, [...parents, span.id], n < 0 ? undefined : {n: n + 1, of: tries.length});
    }
  };
  for (const root of sorted(roots)) visit(root, 0, []);
  for (const span of sorted(trace.spans)) visit(span, 0, []); // whoever hangs in a circle
  return made;
}

function isLeading(span: Span): boolean {
  return span.kind === "hop" && (span.hop === "outer" || span.hop === "gateway");
}

// The callee's record of the call that `span` led, where there is exactly one.
function merged(span: Span, children: Span[]): Span | undefined {
  if (!isLeading(span)) return undefined;
  const inner = children.filter((child) => child.kind === "hop" && child.hop === "inner" && child.callee === span.callee);
  return inner.length === 1 ? inner[0] : undefined;
}

export function visible(all: Row[], closed: ReadonlySet<string>): Row[] {
  return all.filter((row) => !row.parents.some((id) => closed.has(id)));
}

export function failed(span: Span): boolean {
  return Boolean(span.error) || (span.status ?? 0) >= 500 || Boolean(span.grpc_status) || Boolean(span.cause && span.cause !== "denied");
}

export function titleOf(span: Span): string {
  if (span.kind === "program") return span.name ?? "span";
  if (span.protocol === "tcp") return `tcp ${span.port ?? ""}`.trim();
  return [span.method, span.path].filter(Boolean).join(" ") || "connection";
}

export function whoOf(span: Span): string {
  if (span.kind === "program") return span.service;
  return span.callee || span.service;
}
