// Numbers as people read them: three digits, a unit, and never more than the eye needs.

export function duration(us: number | undefined): string {
  if (us === undefined) return "–";
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${short(us / 1000)} ms`;
  if (us < 120e6) return `${short(us / 1e6)} s`;
  return span(us / 1000);
}

/// A length of time in its two largest units: "3 d 4 h".
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

function short(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}

export function count(value: number): string {
  if (value < 10_000) return value.toLocaleString("en");
  if (value < 1e6) return `${short(value / 1e3)}k`;
  if (value < 1e9) return `${short(value / 1e6)}M`;
  return `${short(value / 1e9)}G`;
}

export function rate(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  if (perSecond < 0.1) return `${short(perSecond * 60)}/min`;
  return perSecond < 10_000 ? `${short(perSecond)}/s` : `${count(perSecond)}/s`;
}

export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0 %";
  const value = (100 * part) / whole;
  return value < 0.01 ? "<0.01 %" : `${short(value)} %`;
}

export function bytes(value: number | undefined): string {
  if (value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at++;
  }
  return `${short(value)} ${units[at]}`;
}

const kClock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const kDay = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short"});
const kMoment = new Intl.DateTimeFormat("en-GB", {dateStyle: "medium", timeStyle: "medium"});

/// The time of day, with milliseconds where asked; the day before it where it is not today's.
export function clock(ms: number, fraction = false, now = Date.now()): string {
  const at = new Date(ms);
  const time = kClock.format(at) + (fraction ? `.${String(at.getMilliseconds()).padStart(3, "0")}` : "");
  return at.toDateString() === new Date(now).toDateString() ? time : `${kDay.format(at)} ${time}`;
}

export function moment(ms: number): string {
  return kMoment.format(new Date(ms));
}

export function ago(ms: number, now = Date.now()): string {
  const past = now - ms;
  return past < 1500 ? "now" : `${span(past).split(" ").slice(0, 2).join(" ")} ago`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
