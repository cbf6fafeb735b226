// What flows over an estate: rates, errors and latencies of each edge, what is tried and denied, and the news of it.
import {generator, hashed} from "./random.mjs";

/** What an edge carries: requests a second, the part that fails, microseconds. */
export function nature(edge) {
  const unused = edge.kind !== "route" && edge.declared !== false && hashed(edge.id, 1) < 0.14;
  const rate = unused ? 0 : 0.05 * 10 ** (3.2 * hashed(edge.id, 2) ** 1.3) * (edge.kind === "route" ? 3 : 1);
  const sick = hashed(edge.id, 3);
  return {rate, errors: sick < 0.05 ? 0.04 : sick < 0.14 ? 0.004 : 0, p50_us: 400 * 10 ** (2 * hashed(edge.id, 4)), tail: 3 + 12 * hashed(edge.id, 5)};
}

// Traffic breathes: between 70 and 130 % over some minutes, and a little by itself.
function breath(id, at_ms) {
  return 1 + 0.2 * Math.sin(at_ms / 97_000 + 6 * hashed(id)) + 0.1 * Math.sin(at_ms / 23_000 + 9 * hashed(id, 2));
}

export function flow(edge, from_ms, to_ms) {
  const {rate, errors, p50_us, tail} = nature(edge);
  const requests = Math.round(rate * ((to_ms - from_ms) / 1000) * breath(edge.id, to_ms));
  const failed = Math.round(requests * errors);
  const answer = {from: edge.from, to: edge.to, port: edge.port, protocol: edge.protocol, declared: edge.declared !== false, id: edge.id, requests, errors: failed, denied: edge.denies ? Math.round(requests / 400) : 0};
  if (requests === 0) return answer;
  return {
    ...answer,
    classes: [0, 0, requests - failed, 0, 0, failed],
    p50_us: Math.round(p50_us),
    p90_us: Math.round(p50_us * (1 + tail / 4)),
    p99_us: Math.round(p50_us * tail),
    sent: requests * 610,
    received: requests * 4200,
    open: Math.floor(4 * hashed(edge.id, to_ms / 1000)),
    last_ms: Math.round(to_ms - 3000 * hashed(edge.id, 7)),
  };
}

/** The calls that somebody tries though nobody declared them: [caller, callee or "", what, why]. */
export function forbidden(application) {
  const names = application.services.filter((service) => service.kind !== "gateway").map((service) => service.name);
  const declared = new Set(application.edges.map((edge) => `${edge.from}>${edge.to}`));
  const wanted = [[names[1], names[2]], [names[names.length > 10 ? 12 : 4], names[names.length > 10 ? 5 : 2]]].filter(([from, to]) => !declared.has(`${from}>${to}`));
  return [...wanted.map(([from, to]) => [from, to, "POST /charges", "not_declared"]), [names[3], "", "metadata.internal:80", "nobody"]];
}

export function attempts(application, from_ms, to_ms) {
  return forbidden(application).map(([from, to, target, reason], n) => ({
    from,
    to,
    target,
    protocol: to ? "http" : "tcp",
    reason,
    count: Math.max(1, Math.round(((to_ms - from_ms) / 60_000) * (0.4 + n * 0.3))),
    last_ms: Math.round(to_ms - 20_000 * hashed(from + to, Math.floor(to_ms / 30_000))),
    ...(to ? {allow: `${from}.calls.${to}: [${target}]`} : {}),
  }));
}

export function series(edges, from_ms, to_ms, step_s) {
  const step_ms = step_s * 1000;
  const points = [];
  for (let at = Math.floor(from_ms / step_ms) * step_ms; at < to_ms && points.length < 1000; at += step_ms) {
    const point = {at_ms: at, requests: 0, errors: 0, denied: 0};
    let slow = 0;
    let usual = 0;
    for (const edge of edges) {
      const {rate, errors, p50_us, tail} = nature(edge);
      const noise = 0.8 + 0.4 * hashed(edge.id, at / 1000);
      const n = Math.round(rate * step_s * breath(edge.id, at) * noise);
      point.requests += n;
      point.errors += Math.round(n * errors * 2 * hashed(edge.id, at / 1000 + 1));
      point.denied += edge.denies && hashed(edge.id, at / 1000 + 2) < 0.2 ? 1 : 0;
      if (n > 0) {
        usual = Math.max(usual, p50_us * noise);
        slow = Math.max(slow, p50_us * tail * (0.7 + 0.9 * hashed(edge.id, at / 1000 + 3) ** 3));
      }
    }
    if (point.requests > 0) Object.assign(point, {p50_us: Math.round(usual), p90_us: Math.round(usual + (slow - usual) * 0.3), p99_us: Math.round(slow)});
    points.push(point);
  }
  return points;
}

/** A decision against one of the forbidden calls, at a time. */
export function denial(application, at_ms, n, trace) {
  const all = forbidden(application);
  const [subject, object, action, reason] = all[n % all.length];
  const owner = application.services.find((service) => service.name === object)?.owner;
  const rule = object ? application.edges.find((edge) => edge.from === subject) : undefined;
  return {
    at_us: Math.round(at_ms * 1000),
    kind: object ? "request" : "name",
    subject,
    object,
    ...(owner ? {owner} : {}),
    action,
    verdict: "denied",
    ...(rule ? {rule: rule.id, rule_at: rule.at} : {}),
    reason,
    ...(object ? {allow: `${subject}.calls.${object}: [${action}]`} : {}),
    hop: "outer",
    user: "ann",
    ...(trace ? {trace} : {}),
    request_id: `req-${n}`,
    count: 1,
  };
}

/** What is new on each edge since half a second ago. */
export function tick(application, at_ms) {
  const random = generator(Math.floor(at_ms));
  const edges = [];
  for (const edge of application.edges) {
    const {rate, errors, p50_us, tail} = nature(edge);
    const expected = (rate / 2) * breath(edge.id, at_ms);
    const requests = Math.floor(expected) + (random.chance(expected % 1) ? 1 : 0);
    if (requests === 0) continue;
    edges.push({from: edge.from, to: edge.to, port: edge.port, requests, errors: random.chance(errors * requests) ? 1 : 0, denied: 0, p50_us: Math.round(random.around(p50_us)), p99_us: Math.round(random.around(p50_us * tail)), open: random.below(4)});
  }
  return {at_ms: Math.round(at_ms), edges};
}
