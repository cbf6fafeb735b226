import {useCallback, useDeferredValue, useEffect, useMemo, useRef} from "react";
import {useAnswer} from "../api/answer";
import {useApplication} from "../api/application";
import {query} from "../api/ask";
import type {Application, Graph as GraphAnswer, Reach} from "../api/types";
import {bounds, inQuestion} from "../range";
import {changed, go, href, useRoute} from "../route";
import {useShortcuts} from "../shortcuts";
import {Check, Field, IconButton, Segments} from "../ui/controls";
import {Answered, NotSeen, Trouble} from "../ui/states";
import {EdgeTable} from "./edges";
import {Graph, type GraphHandle} from "./graph";
import {Legend} from "./legend";
import {useLiveGraph} from "./live";
import {learned, type Colouring} from "./looks";
import {build, edgeId, type MapEdge, type MapNode} from "./model";
import {Panel} from "./panel";

export function MapView() {
  const application = useApplication();
  const {range} = useRoute();
  const graph = useLiveGraph(range);
  const flows = useDeferredValue(graph.data); // news gives way to what is pressed and typed
  if (graph.refusal && !graph.data) return <Trouble refusal={graph.refusal} again={graph.again} />;
  return (
    <Answered answer={application} what="the map">
      {(declared) => <Map application={declared} graph={flows} />}
    </Answered>
  );
}

function Map({application, graph}: {application: Application; graph: GraphAnswer | undefined}) {
  const {parameters, range} = useRoute();
  const handle = useRef<GraphHandle>(null);
  const model = useMemo(() => build(application, graph), [application, graph]);
  const colouring = (parameters.get("colour") as Colouring | null) ?? "rate";
  const reached = parameters.get("reach") ?? undefined;
  const reach = useAnswer<Reach>(reached ? query("reach", {service: reached}) : null);
  const lit = useMemo(() => (reach.data ? litBy(reach.data) : null), [reach.data]);
  const table = parameters.get("as") === "table";
  const [from, to] = graph ? [graph.window.from_ms, graph.window.to_ms] : bounds(range, Date.now());
  // In steps of ten seconds: nodes are not drawn again for a window that is a little longer.
  const seconds = Math.max(1, Math.round((to - from) / 10_000) * 10);
  const node = parameters.get("node") ?? undefined;
  const edge = parameters.get("edge") ?? undefined;
  const selected = useMemo(() => ({node, edge}), [node, edge]);

  const hrefOf = useCallback((to: MapNode) => changed({node: to.id, edge: null}), [parameters, range]);
  const onEdge = useCallback((to: MapEdge | undefined) => go(changed({edge: to?.id, node: null})), []);
  useShortcuts({
    "+": () => handle.current?.zoom(1.25),
    "=": () => handle.current?.zoom(1.25),
    "-": () => handle.current?.zoom(0.8),
    f: () => handle.current?.fit(),
    Escape: () => go(changed({node: null, edge: null, reach: null})),
  });
  useEffect(() => handle.current?.fit(), [table]);

  return (
    <div className="mapview">
      <div className="toolbar">
        <Segments label="Colour edges by" value={colouring} options={[["rate", "Rate"], ["errors", "Errors"], ["latency", "Latency"]]} onChange={(to) => go(changed({colour: to === "rate" ? null : to}), true)} />
        <Check checked={parameters.get("used") === "1"} onChange={(on) => go(changed({used: on}), true)}>
          Only what is used
        </Check>
        <span className="find">
          <Field id="search" label="Find a service" value={parameters.get("find") ?? ""} placeholder="Find a service" width={150} onTake={(find) => go(changed({find}), true)} />
        </span>
        {reached && (
          <span className="pill accent">
            Reach of {reached}: {reach.data ? `${reach.data.reaches.length} services, ${reach.data.outside.length} outside` : "…"}
            <a href={changed({reach: null})} aria-label="End showing the reach">
              ✕
            </a>
          </span>
        )}
        <span className="grow" />
        <NotSeen window={graph?.window} />
        <span className="row zoomers">
          <IconButton icon="table" label="As a table" pressed={table} onClick={() => go(changed({as: table ? null : "table"}))} />
          <IconButton icon="minus" label="Smaller" shortcut="-" onClick={() => handle.current?.zoom(0.8)} />
          <IconButton icon="plus" label="Larger" shortcut="+" onClick={() => handle.current?.zoom(1.25)} />
          <IconButton icon="fit" label="Fit the map" shortcut="f" onClick={() => handle.current?.fit()} />
        </span>
      </div>
      <div className="mapbody">
        {table ? (
          <div className="astable">
            <EdgeTable edges={model.edges} seconds={seconds} />
          </div>
        ) : (
          <div className="canvas">
            <Graph ref={handle} model={model} colouring={colouring} seconds={seconds} selected={selected} lit={lit} found={parameters.get("find") ?? ""} hideUnused={parameters.get("used") === "1"} hrefOf={hrefOf} onEdge={onEdge} />
            <Legend colouring={colouring} learns={model.edges.some(learned)} />
          </div>
        )}
        <Panel application={application} model={model} window={graph?.window} seconds={seconds} selected={selected} question={inQuestion(range)} />
      </div>
      <a className="unseen" href={href(["map"], {as: "table"})}>
        The map as a table
      </a>
    </div>
  );
}

/// What a service can reach, as nodes and edges. `by` names declared edges: CALLER.calls.CALLEE and the like.
export function litBy(reach: Reach): {nodes: Set<string>; edges: Set<string>} {
  const nodes = new Set([reach.service]);
  const edges = new Set<string>();
  const add = (by: string[], last: string) => {
    let from = reach.service;
    by.forEach((id, at) => {
      const to = at === by.length - 1 ? last : (id.split(".")[2] ?? last);
      edges.add(edgeId(from, to));
      nodes.add(to);
      from = to;
    });
  };
  for (const {service, by} of reach.reaches) add(by, service);
  for (const {name, by} of reach.outside) add(by, `outside ${name}`);
  return {nodes, edges};
}
