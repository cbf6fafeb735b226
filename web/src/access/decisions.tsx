// What was refused, or would have been: newest first, and more of it as it happens. Each says which rule, where that is written, and
// which line of the manifest would allow it.
import {useCallback, useMemo, useState} from "react";
import {useAnswer} from "../api/answer";
import {useApplication} from "../api/application";
import {query} from "../api/ask";
import {useEvent} from "../api/live";
import type {Decision, Window} from "../api/types";
import {clock, count} from "../format";
import {inQuestion, refreshMs} from "../range";
import {changed, go, href, useRoute} from "../route";
import {Command, Field, Segments, Select} from "../ui/controls";
import {Pill, words} from "../ui/marks";
import {Answered, NothingHere, NotSeen} from "../ui/states";

interface Found {
  window: Window;
  more: boolean;
  decisions: Decision[];
}

const kMostTold = 100;

export function Decisions() {
  const {parameters, range} = useRoute();
  const application = useApplication();
  const live = "live" in range;
  const given = {service: parameters.get("service") ?? "", verdict: parameters.get("verdict") ?? "", trace: parameters.get("trace") ?? "", q: parameters.get("q") ?? ""};
  const answer = useAnswer<Found>(query("decisions", {...inQuestion(range), service: given.service, verdict: given.verdict, limit: 200}), refreshMs(range));
  const [told, setTold] = useState<Decision[]>([]);
  useEvent("decision", useCallback((decision: Decision) => setTold((before) => [decision, ...before].slice(0, kMostTold)), []));

  const matches = (decision: Decision) =>
    (!given.service || decision.subject === given.service || decision.object === given.service) &&
    (!given.verdict || decision.verdict === given.verdict) &&
    (!given.trace || decision.trace === given.trace) &&
    (!given.q || [decision.action, decision.object, decision.rule, decision.rule_at, decision.request_id].some((text) => text?.includes(given.q)));
  const shown = useMemo(() => {
    const answered = answer.data?.decisions ?? [];
    const known = new Set(answered.map(idOf));
    const since = (answer.data?.window.from_ms ?? 0) * 1000;
    const fresh = live ? told.filter((decision) => decision.at_us >= since && !known.has(idOf(decision))) : [];
    return [...fresh, ...answered].filter(matches).sort((a, b) => b.at_us - a.at_us);
  }, [answer.data, told, live, given.service, given.verdict, given.trace, given.q]);
  const services = application.data?.services.map((service) => service.name) ?? [];

  return (
    <section className="panel" aria-label="Decisions" aria-busy={answer.stale && answer.loading}>
      <header className="wrap">
        <h2>Decisions</h2>
        {live && <Pill tone="good">as they happen</Pill>}
        {given.trace && (
          <span className="pill accent">
            of trace {given.trace.slice(0, 8)}
            <a href={changed({trace: null})} aria-label="Decisions of all traces">
              ✕
            </a>
          </span>
        )}
        <NotSeen window={answer.data?.window} />
        <Segments label="Verdict" value={given.verdict} options={[["", "All"], ["denied", "Denied"], ["audited", "Audited"], ["learned", "Learned"], ["unknown", "Unknown"]]} onChange={(verdict) => go(changed({verdict}), true)} />
        <span className="find">
          <Select label="Service" value={given.service} options={[["", "any service"], ...services.map((name): [string, string] => [name, name])]} onChange={(service) => go(changed({service}))} />
        </span>
        <span className="find">
          <Field id="search" label="Part of an action or rule" value={given.q} placeholder="Action or rule" width={150} onTake={(q) => go(changed({q}), true)} />
        </span>
      </header>
      <Answered answer={answer} what="decisions">
        {({window, more}) =>
          shown.length === 0 ? (
            <NothingHere window={window} what="denials" hint={window.oldest_ms > 0 ? <p>Nobody was refused anything{given.service || given.q || given.verdict || given.trace ? " that matches" : ""}. That is as it should be; what services may do stands under Rules.</p> : undefined} />
          ) : (
            <>
              <ul className="decisions">
                {shown.map((decision) => (
                  <Item key={idOf(decision)} decision={decision} />
                ))}
              </ul>
              {more && <p className="foot">There are more: a service, a verdict or a shorter range makes them fewer.</p>}
            </>
          )
        }
      </Answered>
    </section>
  );
}

function idOf(decision: Decision): string {
  return `${decision.at_us} ${decision.subject} ${decision.object} ${decision.action}`;
}

function Item({decision}: {decision: Decision}) {
  const tone = decision.verdict === "denied" ? "bad" : decision.verdict === "learned" ? "accent" : "warn";
  return (
    <li>
      <details>
        <summary>
          <time className="second">{clock(decision.at_us / 1000, true)}</time>
          <Pill tone={tone}>{decision.verdict}</Pill>
          <span className="who">
            <b>{decision.subject}</b> → <b>{decision.object || "unknown"}</b>
          </span>
          <code className="clip">{decision.action}</code>
          <span className="second reason">{words(decision.reason)}</span>
          <code className="quiet at">{decision.rule_at ?? ""}</code>
          {decision.count > 1 && <Pill>×{count(decision.count)}</Pill>}
        </summary>
        <div className="more">
          <dl className="facts">
            <Fact name="Rule" value={decision.rule ? <a href={href(["access", "rules"], {rule: decision.rule})}><code>{decision.rule}</code></a> : <span className="second">no rule lets this pass, and what no rule lets pass is denied</span>} />
            {decision.rule_at && <Fact name="Written at" value={<code>{decision.rule_at}</code>} />}
            {decision.allow && <Fact name="Would allow it" value={<Command text={decision.allow} />} />}
            <Fact name="Decided by" value={decision.kind === "name" ? "the sidecar, when the name was looked up" : decision.kind === "dial" ? "the sidecar, when the address was dialled" : `the ${decision.hop === "inner" ? "callee's" : decision.hop === "gateway" ? "gateway's" : "caller's"} sidecar, for a request`} />
            {decision.owner && <Fact name="Owner" value={`${decision.owner} answers for ${decision.object}`} />}
            {decision.user && <Fact name="User" value={decision.user} />}
            {decision.trace && <Fact name="Trace" value={<a href={href(["traces", decision.trace])}><code>{decision.trace.slice(0, 16)}</code></a>} />}
            {decision.request_id && <Fact name="Request" value={<code>{decision.request_id}</code>} />}
          </dl>
          <p className="row wrap">
            <a className="button" href={href(["services", decision.subject])}>
              {decision.subject}
            </a>
            <a className="button" href={href(["map"], {edge: `${decision.subject}>${decision.object || "outside unknown"}`})}>
              On the map
            </a>
            <a className="button" href={href(["access", "reach"], {service: decision.subject})}>
              Reach of {decision.subject}
            </a>
          </p>
        </div>
      </details>
    </li>
  );
}

function Fact({name, value}: {name: string; value: React.ReactNode}) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
