// What the collector answers: docs/api.md, member for member. `_us` are microseconds, `_ms` milliseconds, times of day count since 1970.

export interface Window {
  from_ms: number;
  to_ms: number;
  oldest_ms: number;
  not_seen: string[];
}

export interface Instance {
  id: string;
  state: string;
  reason?: string;
  restarts?: number;
  since_ms?: number;
  serial?: string;
  not_after?: number; // seconds
  service_pid?: number;
  sidecar_pid?: number;
  rejected?: string;
  not_enforced?: {what: string; reason: string; fix: string}[];
}

export interface Service {
  name: string;
  kind: "service" | "job" | "gateway";
  owner?: string;
  mode?: string;
  spiffe_id?: string;
  scale?: number;
  revision?: number;
  pinned?: string;
  updating?: {left: number; canary: boolean; can_go_back: boolean};
  ports?: {port: number; name: string; protocol: string}[];
  contract?: boolean;
  secrets?: string[];
  limits?: {memory_bytes?: number; cpu?: number; pids?: number};
  instances?: Instance[];
}

export interface DeclaredEdge {
  id: string;
  declared?: boolean; // false: it is there as both ends are in mode learn
  kind: "call" | "route" | "egress";
  from: string;
  to: string;
  port?: number;
  protocol?: string;
  at?: string;
  permissions?: {id: string; text: string; at?: string}[];
  when?: string;
  denies?: {id: string; at?: string}[];
  audited?: boolean;
  outside?: string;
}

export interface Application {
  app: string;
  trust_domain?: string;
  version: number;
  manifest?: string;
  urls?: string[];
  controller: {pid: number; build: string} | null;
  services: Service[];
  edges: DeclaredEdge[];
  problems?: string[];
  window?: Window;
}

export interface Flow {
  from: string;
  to: string;
  port?: number;
  protocol?: string;
  declared: boolean;
  id?: string;
  requests: number;
  errors: number;
  denied: number;
  classes?: number[];
  p50_us?: number;
  p90_us?: number;
  p99_us?: number;
  sent?: number;
  received?: number;
  open?: number;
  last_ms?: number;
}

export interface Attempt {
  from: string;
  to: string; // "": nobody's
  target: string;
  protocol?: string;
  reason: string;
  count: number;
  last_ms: number;
  allow?: string;
}

export interface Graph {
  window: Window;
  edges: Flow[];
  attempts: Attempt[];
}

export interface Point {
  at_ms: number;
  requests: number;
  errors: number;
  denied: number;
  p50_us?: number;
  p90_us?: number;
  p99_us?: number;
}

export interface Series {
  window: Window;
  step_ms: number;
  points: Point[];
}

export interface TraceRow {
  id: string;
  start_us: number;
  duration_us: number;
  method?: string;
  path?: string;
  service: string;
  status?: number;
  spans: number;
  errors: number;
  denied: number;
  attempts: number;
  services: string[];
  user?: string;
  request_id?: string;
  inferred: boolean;
}

export interface Traces {
  window: Window;
  more: boolean;
  traces: TraceRow[];
}

export interface Span {
  id: string;
  parent?: string;
  inferred?: {confidence: number};
  kind: "hop" | "program";
  hop?: "gateway" | "outer" | "inner" | "egress";
  service: string;
  caller?: string;
  callee?: string;
  instance?: string;
  port?: number;
  protocol?: string;
  method?: string;
  path?: string;
  status?: number;
  grpc_status?: number;
  cause?: string;
  detail?: string; // more of the cause, for a person
  rule?: string; // of the call, where something of it is to be explained
  no_retry?: string; // why what failed was not tried once more
  queued_us?: number; // of its time: until there was a place
  injected_us?: number; // of its time: as the manifest asks
  skew_us?: number; // its clock was ahead by so much, and it was moved to where it must have been
  fell_back?: boolean | string;
  start_us: number;
  duration_us: number;
  attempts?: number;
  sent?: number;
  received?: number;
  user?: string;
  request_id?: string;
  name?: string;
  error?: boolean;
  attributes?: Record<string, unknown>;
  events?: {at_us: number; name: string; attributes?: Record<string, unknown>}[];
}

export interface Decision {
  inferred?: {confidence: number}; // that it belongs to this trace follows from its time
  at_us: number;
  kind: "request" | "dial" | "name";
  subject: string;
  object: string;
  owner?: string;
  action?: string;
  verdict: "denied" | "audited" | "learned" | "unknown";
  rule?: string;
  rule_at?: string;
  reason?: string;
  allow?: string;
  hop?: string;
  user?: string;
  trace?: string;
  request_id?: string;
  count: number;
}

export interface LogLine {
  at_us: number;
  service: string;
  instance?: string;
  stream: string;
  text: string;
  severity?: string;
  trace?: string;
  span?: string;
}

export interface Trace {
  id: string;
  start_us: number;
  duration_us: number;
  spans: Span[];
  denied?: Decision[];
  logs?: LogLine[];
}

export interface Why {
  window: Window;
  trace: string;
  summary: string;
  cause?: {what: string; service?: string; text: string; span?: string; rule?: string; rule_at?: string; trace?: string; next?: string};
  steps: {at_us: number; duration_us: number; depth: number; span?: string; text: string}[];
}

export interface Used {
  id: string;
  service: string;
  cpu?: number;
  cpu_us?: number;
  memory_bytes?: number;
  pids?: number;
}
export interface Usage {
  at_ms: number;
  instances: Used[];
}

export interface Call {
  from: string;
  to: string;
  port?: number;
  protocol?: string;
  method?: string;
  path?: string;
  verdict: "allowed" | "denied" | "audited" | "learned";
  count: number;
  first_ms: number;
  last_ms: number;
  allow?: string;
  traces?: string[];
}

export interface Calls {
  window: Window;
  calls: Call[];
}

export interface Reach {
  service: string;
  reaches: {service: string; by: string[]}[];
  outside: {name: string; by: string[]}[];
  not_seen: string[];
}

export interface Tick {
  at_ms: number;
  edges: {
    from: string;
    to: string;
    port?: number;
    requests: number;
    errors: number;
    denied: number;
    p50_us?: number;
    p99_us?: number;
    open?: number;
  }[];
}
