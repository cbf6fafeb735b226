import {useMemo} from "react";
import {useApplication} from "../api/application";
import type {Application, Graph} from "../api/types";
import {useLiveGraph} from "../map/live";
import {build} from "../map/model";
import {count, duration, percent, rate} from "../format";
import {changed, go, href, useRoute} from "../route";
import {Field} from "../ui/controls";
import {Dot, Pill, serviceState, serviceTone} from "../ui/marks";
import {Answered, NotSeen} from "../ui/states";
import {Table} from "../ui/table";

export function ServiceList() {
  const application = useApplication();
  const {range} = useRoute();
  const graph = useLiveGraph(range);
  return (
    <div className="page">
      <Answered answer={application} what="services">
        {(declared) => <List application={declared} graph={graph.data} />}
      </Answered>
    </div>
  );
}

function List({application, graph}: {application: Application; graph: Graph | undefined}) {
  const {parameters} = useRoute();
  const find = parameters.get("find") ?? "";
  const seconds = graph ? Math.max(1, (graph.window.to_ms - graph.window.from_ms) / 1000) : 1;
  const rows = useMemo(() => {
    const model = build(application, graph);
    return application.services
      .filter((service) => `${service.name} ${service.owner ?? ""}`.includes(find))
      .map((service) => {
        const into = model.edges.filter((edge) => edge.to === service.name);
        const sum = (of: (edge: (typeof into)[number]) => number) => into.reduce((total, edge) => total + of(edge), 0);
        return {
          service,
          requests: sum((edge) => edge.requests),
          errors: sum((edge) => edge.errors),
          denied: sum((edge) => edge.denied + edge.attempted),
          p99_us: Math.max(0, ...into.map((edge) => edge.p99_us ?? 0)),
          restarts: (service.instances ?? []).reduce((total, instance) => total + (instance.restarts ?? 0), 0),
        };
      });
  }, [application, graph, find]);
  return (
    <>
      <div className="title">
        <h1>Services</h1>
        <span className="quiet">{rows.length}</span>
        <span className="grow" />
        <NotSeen window={graph?.window} />
        <span className="find">
          <Field id="search" label="Find a service or owner" value={find} placeholder="Find a service or owner" width={190} onTake={(text) => go(changed({find: text}), true)} />
        </span>
      </div>
      <section className="panel">
        <Table
          label="Services"
          rows={rows}
          id={(row) => row.service.name}
          columns={[
            {name: "Service", cell: (row) => <a className="strong" href={href(["services", row.service.name])}>{row.service.name}</a>, sort: (row) => row.service.name},
            {
              name: "State",
              cell: (row) => (
                <span className="row">
                  <Dot tone={serviceTone(row.service)} /> {serviceState(row.service)}
                  {row.service.updating && <Pill tone="accent">updating</Pill>}
                  {row.service.mode && row.service.mode !== "enforce" && <Pill tone="warn">{row.service.mode}</Pill>}
                </span>
              ),
              sort: (row) => serviceState(row.service),
            },
            {name: "Owner", cell: (row) => <span className="second">{row.service.owner ?? ""}</span>, sort: (row) => row.service.owner ?? ""},
            {name: "Speaks", cell: (row) => <span className="second">{[...new Set((row.service.ports ?? []).map((port) => port.protocol))].join(", ") || row.service.kind}</span>},
            {name: "Rate", number: true, cell: (row) => (row.requests > 0 ? rate(row.requests / seconds) : <span className="quiet">–</span>), sort: (row) => row.requests},
            {name: "Errors", number: true, cell: (row) => <span className={row.errors > 0 ? "warn" : "quiet"}>{percent(row.errors, row.requests)}</span>, sort: (row) => row.errors / Math.max(1, row.requests)},
            {name: "Slowest p99", number: true, cell: (row) => (row.p99_us > 0 ? duration(row.p99_us) : "–"), sort: (row) => row.p99_us},
            {name: "Denied", number: true, cell: (row) => <span className={row.denied > 0 ? "bad" : "quiet"}>{count(row.denied)}</span>, sort: (row) => row.denied},
            {name: "Restarts", number: true, cell: (row) => <span className={row.restarts > 0 ? "warn" : "quiet"}>{row.restarts}</span>, sort: (row) => row.restarts},
          ]}
        />
      </section>
    </>
  );
}
