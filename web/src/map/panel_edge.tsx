import {useAnswer} from "../api/answer";
import {query} from "../api/ask";
import type {Attempt, DeclaredEdge, Series} from "../api/types";
import {ago, bytes, count, duration, percent, rate} from "../format";
import {stepSeconds} from "../range";
import {changed, href, useRoute} from "../route";
import {Chart} from "../ui/chart";
import {Command} from "../ui/controls";
import {Pill, words} from "../ui/marks";
import {learned} from "./looks";
import type {MapEdge} from "./model";
import {Signal} from "./panel";

const plain = (id: string) => id.replace("outside ", "");

export function EdgePanel({edge, seconds, question}: {edge: MapEdge; seconds: number; question: {from: string; to?: string}}) {
  const {range} = useRoute();
  const caller = plain(edge.from);
  const callee = plain(edge.to);
  const step = stepSeconds(range, Date.now());
  const series = useAnswer<Series>(edge.requests > 0 && edge.declared.length > 0 ? query("series", {...question, step, caller, callee}) : null, "live" in range ? 10_000 : 0);
  const sent = edge.flows.reduce((sum, flow) => sum + (flow.sent ?? 0), 0);
  const received = edge.flows.reduce((sum, flow) => sum + (flow.received ?? 0), 0);
  return (
    <>
      <div className="title">
        <h1>
          <a href={changed({node: edge.from, edge: null})}>{caller}</a> → <a href={changed({node: edge.to, edge: null})}>{callee}</a>
        </h1>
        <a className="button bare close" href={changed({edge: null})} aria-label="Close the details">
          ✕
        </a>
      </div>
      <p className="row wrap">
        <a className="button" href={href(["traces"], {service: callee})}>
          Traces
        </a>
        <a className="button" href={href(["access", "decisions"], {service: caller})}>
          Decisions
        </a>
        <a className="button" href={href(["access", "calls"], {q: `${caller} ${callee}`})}>
          Calls
        </a>
      </p>
      {edge.requests > 0 && (
        <>
          <dl className="signals">
            <Signal name="Requests" value={rate(edge.requests / seconds)} />
            <Signal name="Errors" value={percent(edge.errors, edge.requests)} tone={edge.errors > 0 ? "warn" : ""} />
            <Signal name="Denied" value={count(edge.denied)} tone={edge.denied > 0 ? "bad" : ""} />
            <Signal name="p50" value={duration(edge.p50_us)} />
            <Signal name="p99" value={duration(edge.p99_us)} />
            <Signal name="Open now" value={count(edge.open)} />
          </dl>
          {series.data && series.data.points.length > 1 && <Chart title="Requests and errors" series={series.data} kind="rate" height={110} />}
          <dl className="facts">
            <dt>Sent, received</dt>
            <dd>
              {bytes(sent)}, {bytes(received)}
            </dd>
            <dt>Last used</dt>
            <dd>{edge.last_ms > 0 ? ago(edge.last_ms) : "–"}</dd>
          </dl>
        </>
      )}
      {edge.requests === 0 && edge.declared.length > 0 && <p className="second">Declared, and not used in this range. A way that nobody needs is one that an intruder may: consider taking it out.</p>}
      {learned(edge) && <p className="notice">Used, and not declared: an end of it learns or only audits. Enforced, it would be refused.</p>}
      {edge.attempts.length > 0 && <Attempts attempts={edge.attempts} caller={caller} />}
      {edge.declared.length > 0 && (
        <section className="list">
          <h2>Declared</h2>
          {edge.declared.map((declared) => (
            <Rule key={declared.id} edge={declared} />
          ))}
        </section>
      )}
    </>
  );
}

function Attempts({attempts, caller}: {attempts: Attempt[]; caller: string}) {
  return (
    <section className="list">
      <h2 className="bad">Tried and denied</h2>
      {attempts.map((attempt) => (
        <div key={`${attempt.target} ${attempt.reason}`} className="rule">
          <p className="row wrap">
            <a href={href(["access", "decisions"], {service: caller, q: attempt.target})}>
              <code>{attempt.target || attempt.to}</code>
            </a>
            <Pill tone="bad">{words(attempt.reason)}</Pill>
            <span className="quiet">
              ×{count(attempt.count)}, {ago(attempt.last_ms)}
            </span>
          </p>
          {attempt.allow && (
            <>
              <p className="quiet">What would allow it:</p>
              <Command text={attempt.allow} />
            </>
          )}
        </div>
      ))}
    </section>
  );
}

/// One declared edge: where it is written, what it lets pass, and under which condition.
export function Rule({edge}: {edge: DeclaredEdge}) {
  return (
    <div className="rule">
      <p className="row wrap">
        <a href={href(["access", "rules"], {rule: edge.id})}>
          <code>{edge.id}</code>
        </a>
        {edge.at && <span className="quiet mono">{edge.at}</span>}
      </p>
      {edge.permissions && edge.permissions.length > 0 ? (
        <ul className="permissions">
          {edge.permissions.map((permission) => (
            <li key={permission.id}>
              <code>{permission.text}</code>
            </li>
          ))}
        </ul>
      ) : (
        <p className="second">{edge.outside ?? "Everything"}</p>
      )}
      {edge.when && (
        <p>
          <span className="quiet">when</span> <code>{edge.when}</code>
        </p>
      )}
      {(edge.denies ?? []).map((deny) => (
        <p key={deny.id}>
          <span className="bad">unless</span> <code>{deny.id}</code> <span className="quiet mono">{deny.at}</span>
        </p>
      ))}
      {edge.audited && <Pill tone="warn">audited: recorded, not refused</Pill>}
    </div>
  );
}
