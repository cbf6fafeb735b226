// If this service were an intruder's, where could it get? The answer as paths, and lit on the map.
import {useCallback, useMemo} from "react";
import {useAnswer} from "../api/answer";
import {query} from "../api/ask";
import type {Application, Graph as GraphAnswer, Reach} from "../api/types";
import {plural} from "../format";
import {Graph} from "../map/graph";
import {build, type MapNode} from "../map/model";
import {litBy} from "../map/view";
import {changed, go, href, useRoute} from "../route";
import {Select} from "../ui/controls";
import {Pill} from "../ui/marks";
import {Answered} from "../ui/states";

export function ReachOf({application, graph}: {application: Application; graph: GraphAnswer | undefined}) {
  const {parameters} = useRoute();
  const services = application.services.filter((service) => service.kind !== "gateway").map((service) => service.name);
  const service = parameters.get("service") ?? services[0] ?? "";
  const answer = useAnswer<Reach>(service ? query("reach", {service}) : null);
  const model = useMemo(() => build(application, graph), [application, graph]);
  const lit = useMemo(() => (answer.data && !answer.stale ? litBy(answer.data) : null), [answer.data, answer.stale]);
  const selected = useMemo(() => ({node: service}), [service]);
  const hrefOf = useCallback((node: MapNode) => (node.service && node.place !== "gateway" ? changed({service: node.id}) : href(["map"], {node: node.id})), [parameters]);
  const onEdge = useCallback((edge: {id: string} | undefined) => edge && go(href(["map"], {edge: edge.id})), []);
  return (
    <div className="reach">
      <section className="panel" aria-label="Reach">
        <header className="wrap">
          <Select label="From" value={service} options={services.map((name): [string, string] => [name, name])} onChange={(name) => go(changed({service: name}))} />
          <a className="button" href={href(["map"], {reach: service})}>
            On the map
          </a>
        </header>
        <Answered answer={answer} what="the reach">
          {(reach) => (
            <div className="body stack">
              <p>
                <b>{reach.service}</b> could reach {plural(reach.reaches.length, "service")} and {plural(reach.outside.length, "address", "addresses")} outside, directly or through others.
              </p>
              {reach.not_seen.map((line) => (
                <p key={line} className="notice">
                  {line}
                </p>
              ))}
              <ul className="paths">
                {reach.reaches.map(({service: to, by}) => (
                  <Path key={to} from={reach.service} to={to} by={by} />
                ))}
                {reach.outside.map(({name, by}) => (
                  <Path key={`outside ${name}`} from={reach.service} to={name} by={by} outside />
                ))}
              </ul>
            </div>
          )}
        </Answered>
      </section>
      <section className="panel stage" aria-label="Reach on the map">
        <Graph model={model} colouring="rate" seconds={900} selected={selected} lit={lit} found="" hideUnused={false} hrefOf={hrefOf} onEdge={onEdge} />
      </section>
    </div>
  );
}

function Path({from, to, by, outside}: {from: string; to: string; by: string[]; outside?: boolean}) {
  const through = by.slice(0, -1).map((id) => id.split(".")[2] ?? id);
  return (
    <li>
      <span className="row wrap">
        <span className="quiet">{from}</span>
        {[...through, to].map((name, at) => (
          <span key={`${at} ${name}`} className="row">
            <a href={href(["access", "rules"], {rule: by[at]})} title={by[at]} aria-label={`by ${by[at]}`}>
              →
            </a>
            {at === through.length ? outside ? <b>{name}</b> : <a className="strong" href={href(["services", name])}>{name}</a> : <span className="second">{name}</span>}
          </span>
        ))}
        {outside && <Pill>outside</Pill>}
      </span>
    </li>
  );
}
