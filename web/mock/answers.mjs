// Answers to questions about an estate, as docs/api.md has them.
import {attempts, denial, flow, forbidden, series} from "./traffic.mjs";
import {numberOf, numbersIn, row, trace, traceId, why} from "./traces.mjs";

const kKept = 6 * 3_600_000;
const kUnits = {s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3};
const kEvery = 6000;

function moment(text, otherwise, now) {
  const ago = /^(\d+)([smhd])$/.exec(text ?? "");
  if (ago) return now - Number(ago[1]) * kUnits[ago[2]];
  return text ? Number(text) : otherwise;
}

/** The function that answers: (path, parameters, whether nothing was recorded yet) → an answer, or undefined. `told`: decisions that were news. */
export function answers(application, began, told) {
  const oldest = began - kKept;
  const startOf = (n, now) => {
    const turn = Math.floor(Math.floor(now / kEvery) / 2 ** 32) * 2 ** 32;
    return (turn + n) * kEvery;
  };
  const windowOf = (parameters, empty) => {
    const now = Date.now();
    const to = moment(parameters.get("to"), now, now);
    const from = moment(parameters.get("from"), to - 900_000, now);
    return {from_ms: from, to_ms: to, oldest_ms: empty ? 0 : oldest, not_seen: []};
  };
  const seen = (window) => (window.oldest_ms === 0 ? [0, 0] : [Math.max(window.from_ms, window.oldest_ms), Math.max(window.to_ms, window.oldest_ms)]);

  const asked = {
    application: (parameters, empty) => ({...application, window: windowOf(parameters, empty)}),
    graph(parameters, empty) {
      const window = windowOf(parameters, empty);
      const [from, to] = seen(window);
      return {window, edges: application.edges.map((edge) => flow(edge, from, to)), attempts: to > from ? [...attempts(application, from, to), ...tried(told, from, to)] : []};
    },
    series(parameters, empty) {
      const window = windowOf(parameters, empty);
      const [from, to] = seen(window);
      const is = (edge) => (parameters.has("service") ? edge.to === parameters.get("service") : edge.from === parameters.get("caller") && edge.to === parameters.get("callee"));
      const step = Number(parameters.get("step") ?? 5);
      return {window, step_ms: step * 1000, points: series(application.edges.filter(is), from, to, step)};
    },
    traces(parameters, empty) {
      const window = windowOf(parameters, empty);
      const limit = Math.min(500, Number(parameters.get("limit") ?? 50));
      const found = [];
      const [from, to] = seen(window);
      let looked = 0;
      for (const n of to > from ? numbersIn(from, to) : []) {
        if (found.length > limit || ++looked > 3000) break;
        const made = row(trace(application, n, startOf(n, window.to_ms)));
        if (matches(made, parameters)) found.push(made);
      }
      return {window, more: found.length > limit, traces: found.slice(0, limit)};
    },
    decisions(parameters, empty) {
      const window = windowOf(parameters, empty);
      const [from, to] = seen(window);
      const asked = (made) => {
        const service = parameters.get("service");
        if (service && made.subject !== service && made.object !== service) return false;
        return !parameters.get("verdict") || parameters.get("verdict") === made.verdict;
      };
      const found = told.filter((made) => made.at_us >= from * 1000 && made.at_us < to * 1000 && asked(made));
      for (let at = Math.floor(Math.min(to, began) / 45_000) * 45_000; at > from && found.length < 200; at -= 45_000) {
        const n = Math.floor(at / 45_000);
        const near = [...numbersIn(at - 120_000, at)].find((each) => each % 11 === 5);
        const made = denial(application, at, n, near === undefined ? undefined : traceId(near));
        if (asked(made)) found.push(made);
      }
      return {window, more: false, decisions: found};
    },
    logs(parameters, empty) {
      const window = windowOf(parameters, empty);
      const [from, to] = seen(window);
      const lines = [];
      const only = parameters.get("trace") ? [numberOf(parameters.get("trace"))] : numbersIn(from, to);
      for (const n of to > from ? only : []) {
        if (n === undefined || lines.length > 300) break;
        for (const line of trace(application, n, startOf(n, window.to_ms)).logs) {
          if (parameters.get("service") && line.service !== parameters.get("service")) continue;
          if (parameters.get("q") && !line.text.includes(parameters.get("q"))) continue;
          if (parameters.get("stream") && line.stream !== parameters.get("stream")) continue;
          lines.push(line);
        }
      }
      return {window, more: false, lines: lines.sort((a, b) => a.at_us - b.at_us)};
    },
    calls(parameters, empty) {
      const window = windowOf(parameters, empty);
      const [from, to] = seen(window);
      const calls = application.edges.flatMap((edge) => {
        const {requests, last_ms} = flow(edge, from, to);
        if (requests === 0) return [];
        const texts = edge.permissions?.map(({text}) => text) ?? [""];
        return texts.map((text) => ({from: edge.from, to: edge.to, port: edge.port, protocol: "http/1.1", ...(text ? {method: text.split(" ")[0], path: text.split(" ").slice(1).join(" ").replace("*", "17")} : {}), verdict: "allowed", count: Math.ceil(requests / texts.length), first_ms: from, last_ms, traces: []}));
      });
      const denied = to > from ? attempts(application, from, to).map((each) => ({from: each.from, to: each.to, method: each.target.split(" ")[0], path: each.target.split(" ")[1] ?? "", verdict: "denied", count: each.count, first_ms: from, last_ms: each.last_ms, allow: each.allow, traces: []})) : [];
      return {window, calls: [...denied, ...calls]};
    },
    usage: () => usage(application, Date.now()),
    reach: (parameters) => reach(application, parameters.get("service")),
  };

  return (path, parameters, empty) => {
    const [what, id] = path.split("/");
    if (id === undefined) return asked[what]?.(parameters, empty);
    const n = numberOf(decodeURIComponent(id));
    if (n === undefined || empty) return undefined;
    const made = trace(application, n, startOf(n, Date.now()));
    if (what === "traces") return {window: windowOf(parameters, empty), trace: made};
    return what === "why" ? {window: windowOf(parameters, empty), ...why(made)} : undefined;
  };
}

// What was tried in other words than the usual ones.
function tried(told, from, to) {
  return told.filter((made) => made.at_us >= from * 1000 && made.at_us < to * 1000 && made.action.startsWith("POST /charges/")).map((made) => ({from: made.subject, to: made.object, target: made.action, protocol: "http", reason: made.reason, count: made.count, last_ms: Math.floor(made.at_us / 1000), allow: made.allow}));
}

function matches(made, parameters) {
  const q = parameters.get("q");
  if (q && ![made.id, made.request_id, made.path, made.user].some((text) => text?.includes(q))) return false;
  if (parameters.get("service") && !made.services.includes(parameters.get("service"))) return false;
  if (parameters.get("min_ms") && made.duration_us < 1000 * Number(parameters.get("min_ms"))) return false;
  if (parameters.get("error") && made.errors === 0) return false;
  return !parameters.get("denied") || made.denied > 0;
}

// What instances use, of what they may.
export function usage(application, at_ms) {
  const instances = application.services.flatMap((service) =>
    (service.instances ?? []).map(({id}, i) => {
      const share = 0.2 + 0.75 * Math.abs(Math.sin(at_ms / 60_000 + i + id.length));
      return {id, service: service.name, cpu: Math.round(1000 * share * (service.limits?.cpu ?? 0.4)) / 1000, cpu_us: at_ms, memory_bytes: Math.round(share * (service.limits?.memory_bytes ?? 1.2e8)), pids: 3 + i};
    }),
  );
  return {at_ms, instances};
}

function reach(application, service) {
  if (!application.services.some((each) => each.name === service)) return undefined;
  const by = new Map([[service, []]]);
  const outside = [];
  for (const queue = [service]; queue.length > 0; ) {
    const from = queue.shift();
    for (const edge of application.edges) {
      if (edge.from !== from || by.has(edge.to)) continue;
      const path = [...by.get(from), edge.id];
      if (edge.kind === "egress") {
        if (!outside.some(({name}) => name === edge.to)) outside.push({name: edge.to, by: path});
        continue;
      }
      by.set(edge.to, path);
      queue.push(edge.to);
    }
  }
  by.delete(service);
  return {service, reaches: [...by].map(([name, path]) => ({service: name, by: path})), outside, not_seen: forbidden(application).some(([from]) => from === service) ? ["What it tries without being allowed is among the decisions."] : []};
}
