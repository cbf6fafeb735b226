// An application that could be somebody's: services in tiers, what they may call, who owns them. As `GET /api/v1/application` has it.
import {generator, hashed} from "./random.mjs";

const kDomains = ["orders", "catalog", "customers", "payments", "shipping", "search", "pricing", "inventory", "returns", "billing", "loyalty", "reviews", "suppliers", "invoices", "media", "fraud", "carts", "content", "support", "ledger"];
const kRoles = ["api", "worker", "index", "rules", "events", "reports", "sync", "gate", "cache", "db"];
const kVerbs = ["GET /items/*", "GET /*", "POST /orders", "POST /charges", "GET /prices/*", "PUT /stock/*", "POST /events", "GET /customers/*", "DELETE /carts/*", "POST /charges/*/refund"];
const kOwners = ["storefront", "money", "warehouse", "platform", "data"];
const kEdges = {6: 9, 40: 110, 200: 1000};

const kShop = {
  services: ["checkout", "catalog", "payments", "inventory", "search", "orders-db"],
  calls: [["checkout", "catalog"], ["checkout", "payments"], ["checkout", "inventory"], ["search", "catalog"], ["payments", "orders-db"], ["checkout", "orders-db"], ["inventory", "orders-db"]],
  routes: ["checkout", "catalog", "search"],
};

export function estate(size, seed, now) {
  const random = generator(seed);
  const names = size === 6 ? kShop.services : generated(size);
  const calls = size === 6 ? kShop.calls : drawn(names, kEdges[size] ?? Math.round(size * 2.8), random);
  const fronts = size === 6 ? kShop.routes : names.filter((name) => tier(name) === 0).slice(0, Math.max(4, Math.round(size / 12)));
  let line = 12;
  const at = (column) => `bulkhead.yaml:${line}:${column}`;

  const services = [gatewayService(now)];
  const edges = [];
  for (const name of names) {
    line += 9;
    services.push(service(name, random, now));
    for (const [, to] of calls.filter(([from]) => from === name)) {
      line++;
      edges.push(call(name, to, at, random));
    }
  }
  for (const [name, to, url] of [[names[0], "mail", "https://api.mail.example"], [names[2] ?? names[0], "card-network", "https://cards.example"]]) {
    line++;
    edges.push({id: `${name}.egress.${to}`, kind: "egress", from: name, to, port: 443, protocol: "http", at: at(7), outside: url});
  }
  line += 4;
  for (const name of fronts) {
    line++;
    edges.unshift({id: `gateway.routes.${name}`, kind: "route", from: "gateway", to: name, port: 8080, protocol: "http", at: at(7), permissions: [{id: `gateway.routes.${name}[0]`, text: `* /api/${name}/*`, at: at(16)}]});
  }
  if (size === 40) edges.push({id: "orders-api.calls.search-api", kind: "call", from: "orders-api", to: "search-api", port: 8080, protocol: "http", declared: false}); // both learn
  const first = edges.find((edge) => edge.kind === "call");
  first.when = "resource.customer == user.sub";
  first.denies = [{id: "deny.no-admin", at: "bulkhead.yaml:6:5"}];
  return {
    app: size === 6 ? "shop" : size === 40 ? "market" : "metropolis",
    trust_domain: "shop.local",
    version: 7,
    manifest: "/srv/shop/bulkhead.yaml",
    urls: ["https://localhost:8443"],
    controller: {pid: 311, build: "0.1.0"},
    services,
    edges,
    problems: size === 6 ? [] : [`${names[3]}-2 has been restarted 3 times in the last 10 minutes`],
  };
}

function generated(size) {
  const names = [];
  for (const role of size > 60 ? kRoles : ["api", "worker", "index", "db"]) {
    for (const domain of size > 60 ? kDomains : kDomains.slice(0, 10)) names.push(`${domain}-${role}`);
  }
  return names.slice(0, size);
}

function tier(name) {
  const role = name.split("-").pop();
  return {api: 0, gate: 1, worker: 2, events: 2, rules: 3, sync: 3, index: 4, reports: 4, cache: 5, db: 6}[role] ?? 1;
}

// Mostly to later tiers and to one's own domain; each service calls somebody and each store is called.
function drawn(names, count, random) {
  const made = new Map();
  const add = (from, to) => from !== to && made.set(`${from}>${to}`, [from, to]);
  const later = (from) => names.filter((name) => tier(name) > tier(from));
  for (const name of names) {
    const own = later(name).filter((other) => other.split("-")[0] === name.split("-")[0]);
    if (own.length > 0) add(name, random.pick(own));
  }
  while (made.size < count) {
    const from = random.pick(names);
    const to = random.chance(0.02) ? random.pick(names) : random.pick(later(from).length > 0 ? later(from) : names);
    if (tier(from) < 6) add(from, to);
  }
  return [...made.values()];
}

function isStore(name) {
  return name.endsWith("-db") || name.endsWith("-cache");
}

function protocolOf(name) {
  if (isStore(name)) return "tcp";
  return hashed(name) < 0.2 || name === "inventory" ? "grpc" : "http";
}

function call(from, to, at, random) {
  const edge = {id: `${from}.calls.${to}`, kind: "call", from, to, port: protocolOf(to) === "tcp" ? 5432 : 8080, protocol: protocolOf(to), at: at(7)};
  if (edge.protocol === "http") {
    const texts = [...new Set([random.pick(kVerbs), random.pick(kVerbs)])];
    edge.permissions = texts.map((text, n) => ({id: `${edge.id}[${n}]`, text, at: at(17 + n * 20)}));
  } else if (edge.protocol === "grpc") {
    edge.permissions = [{id: `${edge.id}[0]`, text: "shop.v1.Stock/*", at: at(17)}];
  }
  return edge;
}

function gatewayService(now) {
  return {name: "gateway", kind: "gateway", mode: "enforce", spiffe_id: "spiffe://shop.local/shop/gateway", scale: 1, revision: 4, ports: [{port: 8443, name: "", protocol: "http"}], instances: [instance("gateway", 1, now)]};
}

function service(name, random, now) {
  const scale = isStore(name) ? 1 : 1 + random.below(3);
  const made = {
    name,
    kind: "service",
    owner: kOwners[Math.floor(hashed(name.split("-")[0]) * kOwners.length)],
    mode: hashed(name, 3) < 0.06 ? "audit" : "enforce",
    spiffe_id: `spiffe://shop.local/shop/${name}`,
    scale,
    revision: 1 + random.below(9),
    ports: [{port: protocolOf(name) === "tcp" ? 5432 : 8080, name: "", protocol: protocolOf(name)}],
    contract: protocolOf(name) === "http" && hashed(name, 5) < 0.5,
    secrets: isStore(name) ? ["db_password"] : [],
    limits: {memory_bytes: 2 ** (26 + random.below(4)), cpu: 0.5, pids: 64},
    instances: Array.from({length: scale}, (_, n) => instance(name, n + 1, now)),
  };
  const luck = hashed(name, 9);
  if (luck < 0.05) Object.assign(made.instances[0], {state: "starting", reason: "waiting_for_health", restarts: 3, since_ms: now - 4200});
  else if (luck < 0.09) made.updating = {left: 1, canary: false, can_go_back: true};
  else if (luck < 0.12) made.instances[0].not_enforced = [{what: "memory", reason: "The host's cgroups are not delegated.", fix: "Run `bulkhead doctor` for the line that delegates them."}];
  return made;
}

function instance(name, n, now) {
  const id = `${name}-${n}`;
  return {
    id,
    state: "ready",
    reason: "",
    restarts: hashed(id) < 0.1 ? 1 : 0,
    since_ms: Math.round(now - 3_600_000 * (1 + 30 * hashed(id, 1))),
    serial: Math.floor(hashed(id, 2) * 2 ** 48).toString(16).padStart(12, "0"),
    not_after: Math.round(now / 1000 + 1800 + 1500 * hashed(id, 4)),
    service_pid: 1000 + Math.floor(hashed(id, 5) * 30000),
    sidecar_pid: 1001 + Math.floor(hashed(id, 5) * 30000),
  };
}
