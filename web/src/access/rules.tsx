// Every declared way as a path: who, to whom, for what, under which condition, where it is written, and whether it is used.
import {useEffect, useMemo} from "react";
import type {Application, DeclaredEdge, Flow, Graph} from "../api/types";
import {count, plural} from "../format";
import {changed, go, href, useRoute} from "../route";
import {Check, Field} from "../ui/controls";
import {Pill} from "../ui/marks";
import {Empty} from "../ui/states";

export function Rules({application, graph}: {application: Application; graph: Graph | undefined}) {
  const {parameters} = useRoute();
  const find = parameters.get("q") ?? "";
  const unused = parameters.get("unused") === "1";
  const chosen = parameters.get("rule") ?? "";
  const flows = useMemo(() => {
    const byId = new Map<string, Flow[]>();
    for (const flow of graph?.edges ?? []) {
      const key = flow.id ?? `${flow.from}>${flow.to}`;
      byId.set(key, [...(byId.get(key) ?? []), flow]);
    }
    return byId;
  }, [graph]);
  const usage = (edge: DeclaredEdge) => (flows.get(edge.id) ?? []).reduce((sum, flow) => ({requests: sum.requests + flow.requests, denied: sum.denied + flow.denied}), {requests: 0, denied: 0});
  const shown = application.edges.filter((edge) => text(edge).includes(find.toLowerCase()) && (!unused || usage(edge).requests === 0));
  // A rule may be a permission of an edge or one that denies: the edge that has it is marked.
  const has = (edge: DeclaredEdge) => chosen !== "" && (edge.id === chosen || (edge.permissions ?? []).some(({id}) => id === chosen) || (edge.denies ?? []).some(({id}) => id === chosen));
  useEffect(() => {
    if (chosen) document.querySelector("[data-chosen]")?.scrollIntoView({block: "center"});
  }, [chosen]);
  return (
    <section className="panel" aria-label="Rules">
      <header className="wrap">
        <h2>{plural(shown.length, "rule")}</h2>
        <Check checked={unused} onChange={(on) => go(changed({unused: on}), true)}>
          Only unused
        </Check>
        <span className="find">
          <Field id="search" label="Find a rule" value={find} placeholder="Service, path, file:line" width={200} onTake={(q) => go(changed({q}), true)} />
        </span>
      </header>
      {chosen && !application.edges.some(has) && (
        <p className="notice">
          There is no rule <code>{chosen}</code> now: it was of an earlier manifest.
        </p>
      )}
      {shown.length === 0 ? (
        <Empty title="No rule matches">
          <a href={changed({q: null, unused: null, rule: null})}>All rules</a>
        </Empty>
      ) : (
        <div className="scroll" tabIndex={0} role="group" aria-label="Rules">
          <table className="data rules">
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">To</th>
                <th scope="col">May</th>
                <th scope="col">Rule</th>
                <th scope="col">Written at</th>
                <th scope="col" className="number">
                  Requests
                </th>
                <th scope="col" className="number">
                  Denied
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((edge) => (
                <RuleRow key={edge.id} edge={edge} usage={usage(edge)} chosen={has(edge)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function RuleRow({edge, usage, chosen}: {edge: DeclaredEdge; usage: {requests: number; denied: number}; chosen: boolean}) {
  const target = edge.kind === "egress" ? `outside ${edge.to}` : edge.to;
  return (
    <tr className={chosen ? "chosen" : ""} data-chosen={chosen ? edge.id : undefined} aria-current={chosen ? "true" : undefined}>
      <td>
        <a href={href(["services", edge.from])}>{edge.from}</a>
      </td>
      <td>
        <a href={href(["map"], {edge: `${edge.from}>${target}`})}>{edge.to}</a>
        {edge.protocol && edge.protocol !== "http" && <span className="quiet"> {edge.protocol}</span>}
      </td>
      <td>
        <div className="permits">
        {edge.permissions && edge.permissions.length > 0 ? edge.permissions.map((permission) => <code key={permission.id}>{permission.text}</code>) : <span className="second">{edge.outside ?? "everything"}</span>}
        {edge.when && (
          <span>
            <span className="quiet">when</span> <code>{edge.when}</code>
          </span>
        )}
        {(edge.denies ?? []).map((deny) => (
          <span key={deny.id}>
            <span className="bad">unless</span> <code>{deny.id}</code>
          </span>
        ))}
        {edge.audited && <Pill tone="warn">audited</Pill>}
        </div>
      </td>
      <td className="mono second">{edge.id}</td>
      <td className="mono nowrap">{edge.at ?? "–"}</td>
      <td className="number">{usage.requests > 0 ? count(usage.requests) : <span className="quiet">unused</span>}</td>
      <td className={`number ${usage.denied > 0 ? "bad" : "quiet"}`}>{count(usage.denied)}</td>
    </tr>
  );
}

function text(edge: DeclaredEdge): string {
  return [edge.from, edge.to, edge.id, edge.at, edge.when, edge.outside, ...(edge.permissions ?? []).map((permission) => permission.text)].join(" ").toLowerCase();
}
