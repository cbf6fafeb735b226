// The one time range of all views. Live: the last so long, moving. Past: from one moment to another.

export type Range = {live: string} | {from: number; to: number};

export const kChoices = ["5m", "15m", "1h", "3h", "12h", "1d", "3d", "7d"] as const;
const kDefault = "15m";
const kUnits: Record<string, number> = {s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3};
const kWords: Record<string, string> = {s: "seconds", m: "minutes", h: "hours", d: "days"};

/// "15m" in milliseconds; undefined where it is no such length.
export function lengthOf(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,5})([smhd])$/.exec(text);
  return match ? Number(match[1]) * kUnits[match[2]!]! : undefined;
}

export function spoken(live: string): string {
  const count = Number(live.slice(0, -1));
  const word = kWords[live.slice(-1)] ?? "";
  return count === 1 ? `last ${word.slice(0, -1)}` : `last ${count} ${word}`;
}

/// What the address says; what makes no sense there is the default.
export function rangeIn(parameters: URLSearchParams): Range {
  const from = Number(parameters.get("from"));
  const to = Number(parameters.get("to"));
  if (Number.isFinite(from) && Number.isFinite(to) && from > 0 && to > from) return {from, to};
  const live = parameters.get("range") ?? kDefault;
  return {live: lengthOf(live) ? live : kDefault};
}

export function inAddress(range: Range): Record<string, string> {
  if ("live" in range) return range.live === kDefault ? {} : {range: range.live};
  return {from: String(range.from), to: String(range.to)};
}

export function inQuestion(range: Range): {from: string; to?: string} {
  return "live" in range ? {from: range.live} : {from: String(range.from), to: String(range.to)};
}

export function bounds(range: Range, now: number): [number, number] {
  return "live" in range ? [now - (lengthOf(range.live) ?? 0), now] : [range.from, range.to];
}

/// Half its length earlier (-1) or later (1). Later than now is live again.
export function shifted(range: Range, by: -1 | 1, now: number): Range {
  const [from, to] = bounds(range, now);
  const step = ((to - from) / 2) * by;
  if (to + step >= now - Math.abs(step) / 8) return "live" in range ? range : {live: nearest(to - from)};
  return {from: Math.round(from + step), to: Math.round(to + step)};
}

function nearest(length: number): string {
  return kChoices.find((choice) => (lengthOf(choice) ?? 0) >= length * 0.99) ?? "7d";
}

/// Steps of charts: about 120 of them.
export function stepSeconds(range: Range, now: number): number {
  const [from, to] = bounds(range, now);
  return Math.max(1, Math.ceil((to - from) / 120_000));
}

export function refreshMs(range: Range): number {
  if (!("live" in range)) return 0;
  return Math.min(30_000, Math.max(5_000, (lengthOf(range.live) ?? 0) / 180));
}
