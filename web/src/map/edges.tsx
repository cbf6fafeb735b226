// The map as a table: everything that its lines say.
import {count, duration, percent, rate} from "../format";
import {changed} from "../route";
import {Table} from "../ui/table";
import {learned, undeclared} from "./looks";
import {kClients, type MapEdge} from "./model";

const plain = (id: string) => id.replace("outside ", "");

export function EdgeTable({edges, seconds}: {edges: MapEdge[]; seconds: number}) {
  return (
    <Table
      label="Edges"
      rows={edges.filter((edge) => edge.from !== kClients)}
      id={(edge) => edge.id}
      columns={[
        {name: "From", cell: (edge) => plain(edge.from), sort: (edge) => plain(edge.from)},
        {name: "To", cell: (edge) => <a href={changed({edge: edge.id, node: null})}>{plain(edge.to)}</a>, sort: (edge) => plain(edge.to)},
        {name: "Declared", cell: (edge) => (undeclared(edge) ? <span className="bad">no</span> : learned(edge) ? <span className="warn">no, but used</span> : edge.requests > 0 ? "used" : <span className="quiet">not used</span>), sort: (edge) => edge.declared.length},
        {name: "Rate", number: true, cell: (edge) => rate(edge.requests / seconds), sort: (edge) => edge.requests},
        {name: "Requests", number: true, cell: (edge) => count(edge.requests), sort: (edge) => edge.requests},
        {name: "Errors", number: true, cell: (edge) => <span className={edge.errors > 0 ? "warn" : ""}>{percent(edge.errors, edge.requests)}</span>, sort: (edge) => edge.errors / Math.max(1, edge.requests)},
        {name: "Denied", number: true, cell: (edge) => <span className={edge.denied + edge.attempted > 0 ? "bad" : ""}>{count(edge.denied + edge.attempted)}</span>, sort: (edge) => edge.denied + edge.attempted},
        {name: "p50", number: true, cell: (edge) => duration(edge.p50_us), sort: (edge) => edge.p50_us ?? 0},
        {name: "p99", number: true, cell: (edge) => duration(edge.p99_us), sort: (edge) => edge.p99_us ?? 0},
      ]}
    />
  );
}
