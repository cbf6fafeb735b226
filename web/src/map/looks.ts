// How an edge looks: by rate, errors or latency, as chosen; what is denied, unused or undeclared looks the same whatever is chosen.
import {duration, percent, rate} from "../format";
import {kClients, type MapEdge} from "./model";
import type {Look} from "./paint";

export type Colouring = "rate" | "errors" | "latency";

export interface Palette {
  quiet: string;
  little: string;
  some: string;
  accent: string;
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
    little: colour("--chart-1"),
    some: colour("--chart-2"),
    accent: colour("--edge"),
    warn: colour("--warn-fill"),
    warnStrong: colour("--edge-failing"),
    bad: colour("--bad-fill"),
  };
}

export function undeclared(edge: MapEdge): boolean {
  return edge.attempted > 0 && edge.declared.length === 0 && edge.requests === 0;
}

/// Used though nobody declared it: its ends learn, or only audit.
export function learned(edge: MapEdge): boolean {
  return edge.requests > 0 && edge.declared.length === 0 && edge.from !== kClients;
}

/// `crowd`: how many edges there are. The more, the less ink each has; what went wrong keeps all of it.
export function lookOf(edge: MapEdge, colouring: Colouring, seconds: number, colours: Palette, crowd: number): Look {
  if (undeclared(edge)) return {colour: colours.bad, width: 1.8, opacity: 1, dash: "dashed", rank: 9, arrow: true};
  if (edge.requests === 0) {
    if (edge.denied > 0 || edge.attempted > 0) return {colour: colours.bad, width: 1.4, opacity: 1, dash: "dashed", rank: 8, arrow: true};
    return {colour: colours.quiet, width: 1.2, opacity: crowd > 200 ? 0.5 : 1, dash: "dashed", rank: 0, arrow: true};
  }
  const most = crowd > 200 ? 1 : crowd > 60 ? 2 : 3.2;
  const width = Math.round(2 * (1 + Math.min(most, Math.log10(1 + (edge.requests / seconds) * 4)))) / 2;
  if (learned(edge)) return {colour: colours.warn, width: Math.max(width, 1.8), opacity: 1, dash: "dotted", rank: 7, arrow: true};
  const shaded = shade(edge, colouring, seconds, colours);
  return {...shaded, width, opacity: shaded.rank >= 5 || crowd <= 60 ? 1 : crowd > 200 ? 0.42 : 0.8, dash: "", arrow: true};
}

function shade(edge: MapEdge, colouring: Colouring, seconds: number, colours: Palette): {colour: string; rank: number} {
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
  const perSecond = edge.requests / seconds;
  if (perSecond < 1) return {colour: colours.little, rank: 1};
  return perSecond < 20 ? {colour: colours.some, rank: 2} : {colour: colours.accent, rank: 3};
}

export function labelOf(edge: MapEdge, colouring: Colouring, seconds: number): string {
  if (undeclared(edge)) return `denied ×${edge.attempted}`;
  if (edge.requests === 0) return "";
  if (colouring === "errors") return edge.errors > 0 ? percent(edge.errors, edge.requests) : "";
  if (colouring === "latency") return duration(edge.p99_us);
  return rate(edge.requests / seconds);
}
