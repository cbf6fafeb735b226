import {useMemo} from "react";
import type {Application, Service} from "../api/types";
import {count, duration, percent, rate} from "../format";
import {useLiveGraph} from "../map/live";
import {build, kClients, type MapEdge} from "../map/model";
import {href, useRoute} from "../route";
import {Table} from "../ui/table";

/// Who calls it, and whom it calls: declared and tried.
export function Neighbours({application, service}: {application: Application; service: Service}) {
  const {range} = useRoute();
  const graph = useLiveGraph(range);
  const model = useMemo(() => build(application, graph.data), [application, graph.data]);
  const seconds = graph.data ? Math.max(1, (graph.data.window.to_ms - graph.data.window.from_ms) / 1000) : 1;
  return (
    <div className="columns even">
      <Side title="Called by" edges={model.edges.filter((edge) => edge.to === service.name)} other={(edge) => edge.from} seconds={seconds} none="Nobody may call it." />
      <Side title="Calls" edges={model.edges.filter((edge) => edge.from === service.name)} other={(edge) => edge.to} seconds={seconds} none="It may call nobody." />
    </div>
  );
}

function Side({title, edges, other, seconds, none}: {title: string; edges: MapEdge[]; other: (edge: MapEdge) => string; seconds: number; none: string}) {
  const plain = (edge: MapEdge) => other(edge).replace("outside ", "");
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <span className="quiet">{edges.length}</span>
      </header>
      {edges.length === 0 ? (
        <p className="body second">{none}</p>
      ) : (
        <Table
          label={title}
          rows={edges}
          id={(edge) => edge.id}
          limit={10}
          columns={[
            {name: "Service", cell: (edge) => <a href={other(edge).startsWith("outside ") ? href(["map"], {node: other(edge)}) : href(["services", other(edge)])}>{plain(edge)}</a>, sort: plain},
            {
              name: "May",
              className: "may",
              cell: (edge) =>
                edge.declared.length === 0 ? (
                  edge.from === kClients ? (
                    ""
                  ) : (
                    <span className="bad">not declared</span>
                  )
                ) : (
                  <a className="clip second" href={href(["map"], {edge: edge.id})} title={permissions(edge)}>
                    {permissions(edge)}
                  </a>
                ),
            },
            {name: "Rate", number: true, cell: (edge) => (edge.requests > 0 ? rate(edge.requests / seconds) : <span className="quiet">unused</span>), sort: (edge) => edge.requests},
            {name: "Errors", number: true, cell: (edge) => <span className={edge.errors > 0 ? "warn" : "quiet"}>{percent(edge.errors, edge.requests)}</span>, sort: (edge) => edge.errors},
            {name: "p99", number: true, cell: (edge) => duration(edge.p99_us), sort: (edge) => edge.p99_us ?? 0},
            {name: "Denied", number: true, cell: (edge) => <span className={edge.denied + edge.attempted > 0 ? "bad" : "quiet"}>{count(edge.denied + edge.attempted)}</span>, sort: (edge) => edge.denied + edge.attempted},
          ]}
        />
      )}
    </section>
  );
}

export function permissions(edge: MapEdge): string {
  const all = edge.declared.flatMap((declared) => declared.permissions?.map((permission) => permission.text) ?? ["everything"]);
  return [...new Set(all)].join(", ");
}
