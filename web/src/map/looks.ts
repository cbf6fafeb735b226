// How an edge looks: by rate, errors or latency, as chosen; what is denied, unused or undeclared looks the same whatever is chosen.
import {duration, percent, rate} from "../format";
import type {MapEdge} from "./model";
import type {Look} from "./paint";

export type Colouring = "rate" | "errors" | "latency";

export interface Palette {
  quiet: string;
  line: string;
  accent: string;
  strong: string;
  warn: string;
  warnStrong: string;
  bad: string;
}

/// Of the theme that is on now.
export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    quiet: colour("--line-2"),
    line: colour("--text-3"),
    accent: colour("--accent-fill"),
    strong: colour("--accent"),
    warn: colour("--warn-fill"),
    warnStrong: colour("--warn"),
    bad: colour("--bad-fill"),
  };
}

export function undeclared(edge: MapEdge): boolean {
  return edge.attempted > 0 && edge.declared.length === 0;
}

export function lookOf(edge: MapEdge, colouring: Colouring, seconds: number, colours: Palette): Look {
  if (undeclared(edge)) return {colour: colours.bad, width: 1.8, dash: "dashed", rank: 9, arrow: true};
  if (edge.requests === 0) {
    if (edge.denied > 0 || edge.attempted > 0) return {colour: colours.bad, width: 1.4, dash: "dashed", rank: 8, arrow: true};
    return {colour: colours.quiet, width: 1.2, dash: "dashed", rank: 0, arrow: true};
  }
  const width = Math.round(2 * (1 + Math.min(3.2, Math.log10(1 + (edge.requests / seconds) * 4)))) / 2;
  return {...shade(edge, colouring, colours), width, dash: "", arrow: true};
}

function shade(edge: MapEdge, colouring: Colouring, colours: Palette): {colour: string; rank: number} {
  if (colouring === "errors") {
    const part = edge.errors / edge.requests;
    if (part === 0) return {colour: colours.quiet, rank: 1};
    return part < 0.01 ? {colour: colours.warn, rank: 5} : {colour: colours.warnStrong, rank: 6};
  }
  if (colouring === "latency") {
    const us = edge.p99_us ?? 0;
    if (us < 10_000) return {colour: colours.quiet, rank: 1};
    if (us < 100_000) return {colour: colours.accent, rank: 3};
    return us < 1_000_000 ? {colour: colours.warn, rank: 5} : {colour: colours.warnStrong, rank: 6};
  }
  return {colour: edge.requests > 0 ? colours.accent : colours.quiet, rank: 2};
}

export function labelOf(edge: MapEdge, colouring: Colouring, seconds: number): string {
  if (undeclared(edge)) return `denied ×${edge.attempted}`;
  if (edge.requests === 0) return "";
  if (colouring === "errors") return edge.errors > 0 ? percent(edge.errors, edge.requests) : "";
  if (colouring === "latency") return duration(edge.p99_us);
  return rate(edge.requests / seconds);
}
