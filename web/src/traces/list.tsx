import {useCallback, useMemo, useRef, type ReactNode} from "react";
import {useAnswer} from "../api/answer";
import {useApplication} from "../api/application";
import {query} from "../api/ask";
import type {TraceRow, Traces} from "../api/types";
import {clock, duration} from "../format";
import {inQuestion, refreshMs} from "../range";
import {changed, go, href, useRoute} from "../route";
import {useShortcuts} from "../shortcuts";
import {Check, Field, Select} from "../ui/controls";
import {Pill, statusTone} from "../ui/marks";
import {Answered, NothingHere, NotSeen} from "../ui/states";
import {Scatter} from "./scatter";

const kUsual = "200"; // newest
const kFilters = ["q", "service", "route", "min_ms", "error", "denied", "limit"] as const;

export function TraceList() {
  const {parameters, range} = useRoute();
  const given = Object.fromEntries(kFilters.map((name) => [name, parameters.get(name) ?? ""]));
  const answer = useAnswer<Traces>(query("traces", {...inQuestion(range), ...given, limit: given.limit || kUsual}), refreshMs(range));
  const list = useRef<HTMLTableSectionElement>(null);
  const filtered = kFilters.some((name) => name !== "limit" && given[name]);

  const move = useCallback((by: number) => {
    const links = [...(list.current?.querySelectorAll<HTMLElement>("a.open") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
  }, []);
  useShortcuts({j: () => move(1), k: () => move(-1)});

  return (
    <div className="page">
      <div className="title">
        <h1>Traces</h1>
        <span className="grow" />
        <NotSeen window={answer.data?.window} />
      </div>
      <Search given={given} filtered={filtered} />
      <section className="panel" aria-label="Traces found" aria-busy={answer.stale && answer.loading}>
        <Answered answer={answer} what="traces">
          {({traces, more, window}) =>
            traces.length === 0 ? (
              <NothingHere window={window} what="traces" hint={filtered && window.oldest_ms > 0 ? <p>None matches what is asked for. <a href={href(["traces"])}>Without conditions</a>, or in a longer range:</p> : undefined} />
            ) : (
              <>
                <Scatter traces={traces} from={more ? traces.at(-1)!.start_us / 1000 : window.from_ms} to={window.to_ms} />
                <Rows traces={traces} list={list} />
                {more && (
                  <p className="foot">
                    The newest {traces.length} are shown.{" "}
                    {traces.length < 500 ? <a href={changed({limit: "500"})}>Up to 500</a> : "Ask for less: a service, a part of a path, a shorter range."}
                  </p>
                )}
              </>
            )
          }
        </Answered>
      </section>
    </div>
  );
}

function Search({given, filtered}: {given: Record<string, string | undefined>; filtered: boolean}) {
  const application = useApplication();
  const services = application.data?.services.map((service) => service.name) ?? [];
  const take = (name: string) => (value: string | boolean) => go(changed({[name]: value, limit: null}));
  return (
    <form className="search" role="search" aria-label="Search traces" onSubmit={(event) => event.preventDefault()}>
      <div className="grow">
        <Field id="search" label="Request id, attribute or part of a path" value={given.q ?? ""} placeholder="e.g. /api/checkout, 4bf92f35, ann" onTake={take("q")} />
      </div>
      <Select label="Service" value={given.service ?? ""} options={[["", "any"], ...services.map((name): [string, string] => [name, name])]} onChange={take("service")} />
      <Field label="Route" value={given.route ?? ""} placeholder="/api/*" width={130} onTake={take("route")} />
      <Select label="Took at least" value={given.min_ms ?? ""} options={[["", "any time"], ["10", "10 ms"], ["50", "50 ms"], ["100", "100 ms"], ["500", "500 ms"], ["1000", "1 s"], ["5000", "5 s"], ...(given.min_ms && !["10", "50", "100", "500", "1000", "5000"].includes(given.min_ms) ? [[given.min_ms, `${given.min_ms} ms`] as [string, string]] : [])]} onChange={take("min_ms")} />
      <Check checked={given.error === "1"} onChange={take("error")}>
        With errors
      </Check>
      <Check checked={given.denied === "1"} onChange={take("denied")}>
        With denials
      </Check>
      {filtered && (
        <a className="button bare" href={href(["traces"])}>
          Clear
        </a>
      )}
    </form>
  );
}

function Rows({traces, list}: {traces: TraceRow[]; list: React.Ref<HTMLTableSectionElement>}) {
  // Logarithmic, like the dots above: the longest fills the column, and what took a tenth is still to be seen.
  const [low, high] = useMemo(() => {
    const logs = traces.map((trace) => Math.log10(Math.max(1, trace.duration_us)));
    return [Math.floor(Math.min(...logs)), Math.max(...logs)];
  }, [traces]);
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label="Traces">
      <table className="data traces">
        <thead>
          <tr>
            <th scope="col">Started</th>
            <th scope="col">Request</th>
            <th scope="col">Status</th>
            <th scope="col">Took</th>
            <th scope="col" className="number">
              Spans
            </th>
            <th scope="col">Services</th>
            <th scope="col">
              <span className="unseen">Remarks</span>
            </th>
          </tr>
        </thead>
        <tbody ref={list}>
          {traces.map((trace) => (
            <tr key={trace.id}>
              <td className="nowrap second">{clock(trace.start_us / 1000, true)}</td>
              <td className="request">
                <a className="open" href={href(["traces", trace.id])}>
                  <b>{trace.method ?? trace.service}</b> {trace.path ?? trace.id.slice(0, 8)}
                </a>
              </td>
              <td>
                <Pill tone={statusTone(trace.status)}>{trace.status ?? "–"}</Pill>
              </td>
              <td className="took">
                <span>{duration(trace.duration_us)}</span>
                <i style={{width: `${Math.max(2, (100 * (Math.log10(Math.max(1, trace.duration_us)) - low)) / Math.max(0.1, high - low))}%`}} className={trace.errors > 0 ? "warn" : ""} aria-hidden="true" />
              </td>
              <td className="number">{trace.spans}</td>
              <td className="second clip services" title={trace.services.join(", ")}>
                {trace.services.join(" · ")}
              </td>
              <td className="nowrap remarks">{remarks(trace)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function remarks(trace: TraceRow): ReactNode {
  return (
    <span className="row">
      {trace.denied > 0 && <Pill tone="bad">{trace.denied} denied</Pill>}
      {trace.errors > 0 && <Pill tone="warn">{trace.errors} errors</Pill>}
      {trace.attempts > 1 && <Pill>{trace.attempts} attempts</Pill>}
      {trace.inferred && <Pill>inferred</Pill>}
      {trace.user && <span className="quiet">{trace.user}</span>}
    </span>
  );
}
