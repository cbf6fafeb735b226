// Beside the map: what is chosen on it, or the application as a whole, and the ways from there to everything else.
import type {Application, Window} from "../api/types";
import {count, percent, plural, rate} from "../format";
import {changed, href} from "../route";
import {NothingHere} from "../ui/states";
import {undeclared} from "./looks";
import {kClients, type MapEdge, type MapModel} from "./model";
import {EdgePanel} from "./panel_edge";
import {NodePanel} from "./panel_node";

interface Given {
  application: Application;
  model: MapModel;
  window: Window | undefined;
  seconds: number;
  selected: {node?: string; edge?: string};
  question: {from: string; to?: string};
}

export function Panel({application, model, window, seconds, selected, question}: Given) {
  const node = selected.node ? model.nodes.find((each) => each.id === selected.node) : undefined;
  const edge = selected.edge ? model.edges.find((each) => each.id === selected.edge) : undefined;
  return (
    <aside className="side" aria-label="Details">
      {node ? (
        <NodePanel node={node} model={model} seconds={seconds} />
      ) : edge ? (
        <EdgePanel edge={edge} seconds={seconds} question={question} />
      ) : (
        <Overview application={application} model={model} window={window} seconds={seconds} />
      )}
    </aside>
  );
}

function Overview({application, model, window, seconds}: {application: Application; model: MapModel; window: Window | undefined; seconds: number}) {
  const inner = model.edges.filter((edge) => edge.from !== kClients);
  const used = inner.filter((edge) => edge.requests > 0);
  const requests = sum(inner, (edge) => edge.requests);
  const errors = sum(inner, (edge) => edge.errors);
  const denied = inner.filter((edge) => edge.denied + edge.attempted > 0).sort((a, b) => b.denied + b.attempted - a.denied - a.attempted);
  const unused = inner.filter((edge) => edge.requests === 0 && edge.declared.length > 0).length;
  const failing = used.filter((edge) => edge.errors > 0).sort((a, b) => b.errors / b.requests - a.errors / a.requests);
  const busiest = [...used].sort((a, b) => b.requests - a.requests);
  return (
    <>
      <h1>{application.app}</h1>
      <p className="second">
        {plural(application.services.filter((service) => service.kind !== "gateway").length, "service")}, {plural(inner.filter((edge) => edge.declared.length > 0).length, "declared way")}, {unused} unused
      </p>
      {application.controller === null && <p className="notice bad">The controller is away: this is what it said last. Services run on.</p>}
      {(application.problems ?? []).map((problem) => (
        <p key={problem} className="notice">
          {problem}
        </p>
      ))}
      <dl className="signals">
        <Signal name="Requests" value={rate(requests / seconds)} />
        <Signal name="Errors" value={percent(errors, requests)} tone={errors > 0 ? "warn" : ""} />
        <Signal name="Denied" value={count(sum(denied, (edge) => edge.denied + edge.attempted))} tone={denied.length > 0 ? "bad" : ""} />
      </dl>
      {window && used.length === 0 && denied.length === 0 && <NothingHere window={window} what="calls" />}
      <EdgeList title="Denied" edges={denied} value={(edge) => `${count(edge.denied + edge.attempted)}${undeclared(edge) ? ", not declared" : ""}`} tone="bad" more={href(["access", "decisions"])} />
      <EdgeList title="Failing" edges={failing} value={(edge) => percent(edge.errors, edge.requests)} tone="warn" />
      <EdgeList title="Busiest" edges={busiest} value={(edge) => rate(edge.requests / seconds)} />
    </>
  );
}

function sum(edges: MapEdge[], of: (edge: MapEdge) => number): number {
  return edges.reduce((total, edge) => total + of(edge), 0);
}

export function Signal({name, value, tone = ""}: {name: string; value: string; tone?: string}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className={tone}>{value}</dd>
    </div>
  );
}

export function EdgeList({title, edges, value, tone = "", more, side}: {title: string; edges: MapEdge[]; value: (edge: MapEdge) => string; tone?: string; more?: string; side?: "from" | "to"}) {
  if (edges.length === 0) return null;
  const kShown = side ? 12 : 5;
  return (
    <section className="list">
      <h2>
        {title} <span className="quiet">{edges.length}</span>
      </h2>
      <ul>
        {edges.slice(0, kShown).map((edge) => (
          <li key={edge.id}>
            <a href={changed({edge: edge.id, node: null})} className="clip">
              {side !== "to" && name(edge.from)}
              {!side && " → "}
              {side !== "from" && name(edge.to)}
            </a>
            <span className={`number ${tone}`}>{value(edge)}</span>
          </li>
        ))}
      </ul>
      {more ? <a href={more}>All decisions</a> : edges.length > kShown && <a href={changed({as: "table", edge: null, node: null})}>All of them</a>}
    </section>
  );
}

function name(id: string): string {
  return id.replace("outside ", "");
}
