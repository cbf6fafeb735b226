// What the map draws, of what is declared and what flowed. Pure. One drawn edge for all that leads from one place to another: several
// routes or ports are one line, and the panel tells them apart.
import type {Application, Attempt, DeclaredEdge, Decision, Flow, Graph, Service, Tick} from "../api/types";

export type Place = "clients" | "gateway" | "service" | "job" | "store" | "outside" | "nobody";

export interface MapNode {
  id: string; // a service's name; "outside mail" of egress; kClients, kNobody
  name: string;
  place: Place;
  service?: Service;
  note: string; // protocol, address
}

export interface MapEdge {
  id: string; // "from>to"
  from: string;
  to: string;
  declared: DeclaredEdge[];
  flows: Flow[];
  attempts: Attempt[];
  requests: number;
  errors: number;
  denied: number; // refused on a declared edge
  attempted: number; // tried where nothing is declared
  open: number;
  p50_us?: number;
  p99_us?: number;
  last_ms: number;
}

export interface MapModel {
  nodes: MapNode[];
  edges: MapEdge[];
}

export const kClients = "outside clients";
export const kNobody = "outside unknown";
export const kGateway = "gateway";

export function edgeId(from: string, to: string): string {
  return `${from}>${to}`;
}

export function placeOf(service: Service): Place {
  if (service.kind === "gateway") return "gateway";
  if (service.kind === "job") return "job";
  const ports = service.ports ?? [];
  return ports.length > 0 && ports.every((port) => port.protocol === "tcp") ? "store" : "service";
}

export function build(application: Application, graph: Graph | undefined): MapModel {
  const nodes = new Map<string, MapNode>();
  const edges = new Map<string, MapEdge>();
  const names = new Set(application.services.map((service) => service.name));
  const outside = new Map<string, string>(); // what a flow's `to` is called here, by "from>to"

  const edge = (from: string, to: string): MapEdge => {
    const id = edgeId(from, to);
    const there = edges.get(id);
    if (there) return there;
    const made: MapEdge = {id, from, to, declared: [], flows: [], attempts: [], requests: 0, errors: 0, denied: 0, attempted: 0, open: 0, last_ms: 0};
    edges.set(id, made);
    return made;
  };
  const target = (from: string, to: string): string => {
    if (to === "") return kNobody;
    return outside.get(edgeId(from, to)) ?? to;
  };
  const stand = (id: string) => {
    if (nodes.has(id)) return;
    if (id === kNobody) nodes.set(id, {id, name: "unknown", place: "nobody", note: "not of this application"});
    else nodes.set(id, {id, name: id, place: "service", note: "no longer declared"});
  };

  for (const service of application.services) {
    const protocols = [...new Set((service.ports ?? []).map((port) => port.protocol))];
    nodes.set(service.name, {id: service.name, name: service.name, place: placeOf(service), service, note: protocols.join(", ") || service.kind});
  }
  if (names.has(kGateway)) {
    nodes.set(kClients, {id: kClients, name: "clients", place: "clients", note: application.urls?.[0] ?? ""});
    edge(kClients, kGateway);
  }
  for (const declared of application.edges) {
    if (declared.declared === false) continue; // drawn where it was used
    let to = declared.to;
    if (declared.kind === "egress") {
      to = `outside ${declared.to}`;
      outside.set(edgeId(declared.from, declared.to), to);
      nodes.set(to, {id: to, name: declared.to, place: "outside", note: (declared.outside ?? "outside").replace(/^https?:\/\//, "")});
    }
    edge(declared.from, to).declared.push(declared);
  }
  for (const flow of graph?.edges ?? []) {
    if (!flow.declared && flow.requests + flow.denied === 0) continue; // it might be learned, and was not
    const into = edge(flow.from, target(flow.from, flow.to));
    into.flows.push(flow);
    into.requests += flow.requests;
    into.errors += flow.errors;
    into.denied += flow.denied;
    into.open += flow.open ?? 0;
    into.p50_us = later(into.p50_us, flow.p50_us);
    into.p99_us = later(into.p99_us, flow.p99_us);
    into.last_ms = Math.max(into.last_ms, flow.last_ms ?? 0);
  }
  for (const attempt of graph?.attempts ?? []) {
    const into = edge(attempt.from, target(attempt.from, attempt.to));
    into.attempts.push(attempt);
    into.attempted += attempt.count;
    into.last_ms = Math.max(into.last_ms, attempt.last_ms);
  }
  const clients = edges.get(edgeId(kClients, kGateway));
  for (const {from, to} of edges.values()) {
    stand(from);
    stand(to);
  }
  const list = [...edges.values()];
  if (clients) {
    for (const {from, requests, errors, denied, p99_us} of list) {
      if (from !== kGateway) continue;
      clients.requests += requests;
      clients.errors += errors;
      clients.denied += denied;
      clients.p99_us = later(clients.p99_us, p99_us);
    }
  }
  return {nodes: [...nodes.values()], edges: list};
}

// Quantiles of several flows cannot be added: the worst of them is told.
function later(a: number | undefined, b: number | undefined): number | undefined {
  return b === undefined ? a : Math.max(a ?? 0, b);
}

/// A graph with what was told live since it was answered: numbers move within half a second, and a first denial draws its edge.
export function withLive(graph: Graph, ticks: Tick[], decisions: Decision[]): Graph {
  if (ticks.length === 0 && decisions.length === 0) return graph;
  const edges = new Map(graph.edges.map((flow) => [flowKey(flow), {...flow}]));
  for (const tick of ticks) {
    for (const part of tick.edges) {
      const flow = edges.get(flowKey(part));
      if (!flow) {
        edges.set(flowKey(part), {...part, declared: true, last_ms: tick.at_ms});
        continue;
      }
      flow.requests += part.requests;
      flow.errors += part.errors;
      flow.denied += part.denied;
      flow.open = part.open;
      flow.p99_us ??= part.p99_us;
      flow.p50_us ??= part.p50_us;
      flow.last_ms = tick.at_ms;
    }
  }
  const attempts = graph.attempts.map((attempt) => ({...attempt}));
  const known = new Set(graph.edges.filter((flow) => flow.declared).map((flow) => edgeId(flow.from, flow.to)));
  for (const decision of decisions) {
    if ((decision.verdict !== "denied" && decision.verdict !== "unknown") || known.has(edgeId(decision.subject, decision.object))) continue;
    const target = decision.action ?? "";
    const same = attempts.find((a) => a.from === decision.subject && a.to === decision.object && a.target === target);
    const at = Math.floor(decision.at_us / 1000);
    if (same) {
      same.count += decision.count;
      same.last_ms = Math.max(same.last_ms, at);
    } else {
      attempts.push({from: decision.subject, to: decision.object, target, reason: decision.reason ?? "not_declared", count: decision.count, last_ms: at, allow: decision.allow});
    }
  }
  return {...graph, edges: [...edges.values()], attempts};
}

function flowKey(flow: {from: string; to: string; port?: number}): string {
  return `${flow.from}>${flow.to}:${flow.port ?? 0}`;
}
