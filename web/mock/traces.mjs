// Traces of an estate: each by its number, always the same. Some fail, some are denied, some have joins that were inferred.
import {denial, nature} from "./traffic.mjs";
import {generator} from "./random.mjs";

const kEvery = 6000; // ms: one trace each
const kUsers = ["ann", "bob", "carla", "dee"];

export function traceId(n) {
  return `4bf92f35${"0".repeat(16)}${n.toString(16).padStart(8, "0")}`;
}

export function numberOf(id) {
  return /^4bf92f350{16}[0-9a-f]{8}$/.test(id) ? parseInt(id.slice(-8), 16) : /^req-\d+$/.test(id) ? Number(id.slice(4)) : undefined;
}

/** Numbers of the traces that began in a time, newest first. */
export function* numbersIn(from_ms, to_ms) {
  for (let n = Math.floor(to_ms / kEvery); n * kEvery >= from_ms; n--) yield n % 2 ** 32;
}

export function trace(application, number, start_ms) {
  const random = generator(number);
  const routes = application.edges.filter((edge) => edge.kind === "route");
  const route = random.pick(routes);
  const kind = number % 9 === 3 ? "fails" : number % 11 === 5 ? "denied" : number % 13 === 7 ? "slow" : "fine";
  const made = {id: traceId(number), start_us: start_ms * 1000, spans: [], denied: [], logs: []};
  const user = random.pick(kUsers);
  let next = 1;
  const spanId = () => ((number & 0xffffff) * 256 + next++).toString(16).padStart(16, "0");
  const write = (service, at_us, text, severity, span) => made.logs.push({at_us, service, instance: `${service}-1`, stream: severity === "error" ? "stderr" : "stdout", text, severity, trace: made.id, span});

  const visit = (edge, parent, at_us, depth, doomed) => {
    const calls = application.edges.filter((each) => each.from === edge.to && each.kind === "call" && nature(each).rate > 0);
    const way = Math.round(random.around(depth === 0 ? 180 : 120));
    const outer = {id: spanId(), ...(parent ? {parent} : {}), kind: "hop", hop: depth === 0 ? "gateway" : "outer", service: edge.from, caller: edge.from, callee: edge.to, instance: `${edge.from}-1`, port: edge.port, protocol: edge.protocol, start_us: at_us, attempts: 1, user, request_id: `req-${number}`};
    if (edge.protocol === "tcp") Object.assign(outer, {duration_us: Math.round(random.around(900)), sent: 210, received: 3400});
    else Object.assign(outer, named(edge, random));
    if (depth > 0 && random.chance(0.18)) outer.inferred = {confidence: Math.round((0.7 + 0.29 * random.next()) * 100) / 100};
    made.spans.push(outer);
    if (edge.protocol === "tcp") {
      made.spans.push({id: spanId(), parent: outer.id, kind: "program", service: edge.from, instance: `${edge.from}-1`, name: "SELECT orders", start_us: at_us + 60, duration_us: outer.duration_us - 120 > 0 ? outer.duration_us - 120 : 1, error: false, attributes: {"db.system": "postgresql", "db.statement": "SELECT * FROM orders WHERE id = $1"}, events: []});
      return at_us + outer.duration_us;
    }
    const tries = doomed && calls.length === 0 ? 3 : 1;
    let at = at_us + way;
    for (let attempt = 0; attempt < tries; attempt++) {
      const inner = {...outer, id: spanId(), parent: outer.id, hop: "inner", service: edge.to, instance: `${edge.to}-${attempt + 1}`, start_us: at};
      delete inner.inferred;
      made.spans.push(inner);
      let inside = at + Math.round(random.around(nature(edge).p50_us / 3));
      const below = calls.slice(0, depth > 3 ? 0 : 1 + random.below(3));
      for (const [n, call] of below.entries()) inside = visit(call, inner.id, inside + Math.round(random.around(150)), depth + 1, doomed && n === 0);
      if (kind === "slow" && depth === 1) inside += 1_400_000;
      inside += Math.round(random.around(nature(edge).p50_us / 2));
      const broken = doomed && (calls.length === 0 || depth > 3);
      Object.assign(inner, {duration_us: inside - at, status: doomed ? (broken ? 500 : 503) : 200, sent: 320, received: 2048});
      if (edge.protocol === "grpc") inner.grpc_status = doomed ? 14 : 0;
      write(edge.to, at + 40, `${outer.method ?? "call"} ${outer.path ?? ""} ${doomed ? "failed" : "answered"} in ${Math.round((inside - at) / 1000)} ms`, doomed ? "error" : "info", inner.id);
      at = inside + (attempt + 1 < tries ? 20_000 * (attempt + 1) : way);
    }
    Object.assign(outer, {duration_us: at - at_us, attempts: tries, status: doomed ? 503 : 200, sent: 320, received: 2048});
    if (doomed) outer.cause = tries > 1 ? "upstream_failed" : "upstream_answered";
    if (edge.protocol === "grpc") outer.grpc_status = doomed ? 14 : 0;
    return at;
  };
  const end = visit(route, undefined, made.start_us, 0, kind === "fails");
  made.duration_us = end - made.start_us;
  if (kind === "denied") made.denied.push(denial(application, start_ms + made.duration_us / 2000, number, made.id));
  return made;
}

function named(edge, random) {
  if (edge.protocol === "grpc") return {method: "POST", path: "/shop.v1.Stock/Reserve"};
  const text = edge.kind === "route" ? `POST /api/${edge.to}/orders` : random.pick(edge.permissions).text;
  const [method, path] = text.split(" ");
  return {method: method === "*" ? "GET" : method, path: path.replace("*", String(random.below(900) + 100))};
}

export function row(made) {
  const root = made.spans[0];
  const hops = made.spans.filter((span) => span.kind === "hop");
  return {
    id: made.id,
    start_us: made.start_us,
    duration_us: made.duration_us,
    method: root.method,
    path: root.path,
    service: root.service,
    status: root.status,
    spans: made.spans.length,
    errors: hops.filter((span) => (span.status ?? 0) >= 500).length,
    denied: made.denied.length,
    attempts: Math.max(...hops.map((span) => span.attempts)),
    services: [...new Set(hops.flatMap((span) => [span.caller, span.callee]))],
    user: root.user,
    request_id: root.request_id,
    inferred: hops.some((span) => span.inferred),
  };
}

export function why(made) {
  const root = made.spans[0];
  const took = made.duration_us < 1e6 ? `${Math.round(made.duration_us / 1000)} ms` : `${(made.duration_us / 1e6).toFixed(1)} s`;
  const answer = {trace: made.id, summary: `${root.method} ${root.path} took ${took} and was answered ${root.status}.`};
  const failed = [...made.spans].reverse().find((span) => span.hop !== "inner" && span.status >= 500);
  const slow = made.spans.find((span) => span.hop === "inner" && span.duration_us > 1e6 && span.callee !== root.callee);
  const denied = made.denied[0];
  if (denied) {
    answer.cause = {what: "denied", service: denied.subject, text: `${denied.subject} tried ${denied.action} at ${denied.object || "an address that is nobody's"}, which is not declared.`, ...(denied.rule ? {rule: denied.rule, rule_at: denied.rule_at} : {})};
  } else if (failed) {
    answer.cause = {what: "failing_dependency", service: failed.callee, text: `${failed.callee} answered 500${failed.attempts > 1 ? ` to all ${failed.attempts} attempts of ${failed.caller}` : ` to ${failed.caller}`}.`, span: failed.id};
  } else if (slow) {
    answer.cause = {what: "slow_dependency", service: slow.callee, text: `${slow.callee} took ${(slow.duration_us / 1e6).toFixed(1)} s of it.`, span: slow.id};
  }
  const depthOf = new Map();
  answer.steps = [];
  for (const span of made.spans) {
    const depth = span.parent ? (depthOf.get(span.parent) ?? 0) + (span.hop === "inner" ? 0 : 1) : 0;
    depthOf.set(span.id, depth);
    if (span.kind !== "hop" || span.hop === "inner") continue;
    answer.steps.push({at_us: span.start_us - made.start_us, duration_us: span.duration_us, depth, span: span.id, text: `${span.caller}: ${span.method ?? span.protocol} ${span.path ?? ""} to ${span.callee}${span.status >= 500 ? `, answered ${span.status}` : ""}${span.attempts > 1 ? ` after ${span.attempts} attempts` : ""}`});
  }
  return answer;
}
