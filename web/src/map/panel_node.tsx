import {count, duration, percent, rate} from "../format";
import {changed, href} from "../route";
import {Dot, Pill, serviceState, serviceTone} from "../ui/marks";
import type {MapEdge, MapModel, MapNode} from "./model";
import {EdgeList, Signal} from "./panel";

const kPlaces: Record<MapNode["place"], string> = {
  clients: "Whoever calls from outside",
  gateway: "The way in",
  service: "Service",
  job: "Job",
  store: "TCP service",
  outside: "Outside the application",
  nobody: "Addresses and names that are nobody's here",
};

export function NodePanel({node, model, seconds}: {node: MapNode; model: MapModel; seconds: number}) {
  const callers = model.edges.filter((edge) => edge.to === node.id);
  const callees = model.edges.filter((edge) => edge.from === node.id);
  const requests = callers.reduce((sum, edge) => sum + edge.requests, 0);
  const errors = callers.reduce((sum, edge) => sum + edge.errors, 0);
  const slowest = Math.max(...callers.map((edge) => edge.p99_us ?? 0), 0);
  const {service} = node;
  return (
    <>
      <div className="title">
        <h1>{node.name}</h1>
        <a className="button bare close" href={changed({node: null})} aria-label="Close the details">
          ✕
        </a>
      </div>
      <p className="row wrap second">
        {kPlaces[node.place]}
        {service && (
          <span className="row">
            <Dot tone={serviceTone(service)} /> {serviceState(service)}
          </span>
        )}
        {service?.owner && <Pill>{service.owner}</Pill>}
        {service?.mode && service.mode !== "enforce" && <Pill tone="warn">{service.mode}</Pill>}
      </p>
      {service && (
        <p className="row wrap">
          <a className="button primary" href={href(["services", node.name])}>
            Open
          </a>
          <a className="button" href={href(["traces"], {service: node.name})}>
            Traces
          </a>
          {node.place !== "gateway" && (
            <a className="button" href={changed({reach: node.name})}>
              Reach
            </a>
          )}
          <a className="button" href={href(["access", "decisions"], {service: node.name})}>
            Decisions
          </a>
        </p>
      )}
      <dl className="signals">
        <Signal name="Requests" value={rate(requests / seconds)} />
        <Signal name="Errors" value={percent(errors, requests)} tone={errors > 0 ? "warn" : ""} />
        <Signal name="Slowest p99" value={slowest > 0 ? duration(slowest) : "–"} />
      </dl>
      <EdgeList title="Called by" side="from" edges={byRequests(callers)} value={(edge) => flow(edge, seconds)} />
      <EdgeList title="Calls" side="to" edges={byRequests(callees)} value={(edge) => flow(edge, seconds)} />
    </>
  );
}

function byRequests(edges: MapEdge[]): MapEdge[] {
  return [...edges].sort((a, b) => b.requests + b.attempted - a.requests - a.attempted);
}

function flow(edge: MapEdge, seconds: number): string {
  if (edge.requests > 0) return rate(edge.requests / seconds);
  return edge.attempted + edge.denied > 0 ? `${count(edge.attempted + edge.denied)} denied` : "unused";
}
