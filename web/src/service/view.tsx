import {useAnswer} from "../api/answer";
import {useApplication} from "../api/application";
import {query} from "../api/ask";
import type {Application, Series, Service} from "../api/types";
import {bytes, percent, plural, rate} from "../format";
import {inQuestion, refreshMs, stepSeconds} from "../range";
import {href, useRoute} from "../route";
import {Chart} from "../ui/chart";
import {Dot, Pill, serviceState, serviceTone} from "../ui/marks";
import {Answered, Empty, NothingHere, NotSeen} from "../ui/states";
import {Instances} from "./instances";
import {Logs} from "./logs";
import {Neighbours} from "./neighbours";

export function ServiceView({name}: {name: string}) {
  const application = useApplication();
  return (
    <div className="page">
      <Answered answer={application} what="the service">
        {(declared) => {
          const service = declared.services.find((each) => each.name === name);
          if (service) return <Shown application={declared} service={service} />;
          return (
            <Empty page title={`There is no service “${name}”`}>
              <p>It may have been taken out of the manifest.</p>
              <a className="button" href={href(["services"])}>
                All services
              </a>
            </Empty>
          );
        }}
      </Answered>
    </div>
  );
}

function Shown({application, service}: {application: Application; service: Service}) {
  const {range} = useRoute();
  const step = stepSeconds(range, Date.now());
  const series = useAnswer<Series>(query("series", {...inQuestion(range), step, service: service.name}), refreshMs(range));
  return (
    <>
      <div className="title">
        <a className="trail" href={href(["services"])}>
          Services
        </a>
        <span className="trail">/</span>
        <h1>{service.name}</h1>
        <span className="row">
          <Dot tone={serviceTone(service)} /> {serviceState(service)}
        </span>
        {service.mode && <Pill tone={service.mode === "enforce" ? "" : "warn"}>{service.mode}</Pill>}
        {service.updating && (
          <Pill tone="accent">
            {service.updating.canary ? "canary" : "updating"}, {service.updating.left} left
          </Pill>
        )}
        <span className="grow" />
        <NotSeen window={series.data?.window} />
        <a className="button" href={href(["map"], {node: service.name})}>
          On the map
        </a>
        <a className="button" href={href(["traces"], {service: service.name})}>
          Traces
        </a>
        <a className="button" href={href(["access", "reach"], {service: service.name})}>
          Reach
        </a>
        <a className="button" href={href(["access", "decisions"], {service: service.name})}>
          Decisions
        </a>
      </div>
      <Answered answer={series} what="golden signals">
        {(data) => <Signals series={data} />}
      </Answered>
      <div className="columns">
        <Instances service={service} />
        <About service={service} />
      </div>
      <Neighbours application={application} service={service} />
      <Logs service={service.name} />
    </>
  );
}

function Signals({series}: {series: Series}) {
  const requests = series.points.reduce((sum, point) => sum + point.requests, 0);
  const errors = series.points.reduce((sum, point) => sum + point.errors, 0);
  const denied = series.points.reduce((sum, point) => sum + point.denied, 0);
  if (requests + denied === 0) {
    return (
      <section className="panel">
        <NothingHere window={series.window} what="requests" />
      </section>
    );
  }
  const seconds = Math.max(1, (series.window.to_ms - series.window.from_ms) / 1000);
  return (
    <div className="charts">
      <section className="panel">
        <div className="body">
          <Chart title={`Requests, ${rate(requests / seconds)}; errors, ${percent(errors, requests)}`} series={series} kind="rate" />
        </div>
      </section>
      <section className="panel">
        <div className="body">
          <Chart title="Time until the answer began" series={series} kind="latency" />
        </div>
      </section>
      <section className="panel">
        <div className="body">
          <Chart title={`Denied, ${denied}`} series={series} kind="denied" />
        </div>
      </section>
    </div>
  );
}

function About({service}: {service: Service}) {
  const {limits} = service;
  const limited = [limits?.memory_bytes !== undefined && `memory ${bytes(limits.memory_bytes)}`, limits?.cpu !== undefined && plural(limits.cpu, "processor"), limits?.pids !== undefined && plural(limits.pids, "process", "processes")].filter(Boolean);
  return (
    <section className="panel" aria-label="About">
      <header>
        <h2>About</h2>
        {service.owner && <Pill>{service.owner}</Pill>}
      </header>
      <dl className="facts body">
        <dt>Identity</dt>
        <dd className="mono">{service.spiffe_id ?? "–"}</dd>
        <dt>Revision</dt>
        <dd>
          {service.revision ?? "–"}
          {service.pinned && <> , pinned: {service.pinned}</>}
          {service.updating?.can_go_back && <span className="quiet"> , can go back</span>}
        </dd>
        <dt>Ports</dt>
        <dd>{(service.ports ?? []).map((port) => `${port.port} ${port.protocol}${port.name ? ` (${port.name})` : ""}`).join(", ") || "none"}</dd>
        <dt>Contract</dt>
        <dd>{service.contract ? "checked at its sidecar" : <span className="quiet">none</span>}</dd>
        <dt>Limits</dt>
        <dd>{limited.length > 0 ? limited.join(", ") : <span className="quiet">none</span>}</dd>
        <dt>Secrets</dt>
        <dd>{service.secrets && service.secrets.length > 0 ? service.secrets.join(", ") : <span className="quiet">none</span>}</dd>
      </dl>
    </section>
  );
}
