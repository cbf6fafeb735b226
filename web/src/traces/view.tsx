import {useEffect, useMemo, useState} from "react";
import {useAnswer} from "../api/answer";
import type {Trace, Why, Window} from "../api/types";
import {duration, moment, plural} from "../format";
import {changed, go, href, useRoute} from "../route";
import {useShortcuts} from "../shortcuts";
import {Check} from "../ui/controls";
import {Pill} from "../ui/marks";
import {Answered, Loading, NotSeen} from "../ui/states";
import {SpanPanel} from "./span";
import {rows, visible} from "./tree";
import {Waterfall} from "./waterfall";
import {WhyCard} from "./why";

export function TraceView({id}: {id: string}) {
  const answer = useAnswer<{window: Window; trace: Trace}>(`traces/${encodeURIComponent(id)}`);
  const why = useAnswer<Why>(`why/${encodeURIComponent(id)}`);
  if (answer.stale) return <Loading what="the trace" lines={12} />;
  return (
    <div className="page">
      <Answered answer={answer} what="the trace">
        {({trace, window}) => <Shown trace={trace} why={why.data} window={window} />}
      </Answered>
    </div>
  );
}

function Shown({trace, why, window}: {trace: Trace; why: Why | undefined; window: Window}) {
  const {parameters} = useRoute();
  const everyHop = parameters.get("hops") === "1";
  const logs = parameters.get("logs") !== "0";
  const chosen = parameters.get("span") ?? undefined;
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const all = useMemo(() => rows(trace, everyHop), [trace, everyHop]);
  const shown = useMemo(() => visible(all, closed), [all, closed]);
  const row = chosen ? all.find((each) => each.id === chosen || each.inner?.id === chosen) : undefined;
  const root = all[0]?.span;
  const choose = (span: string | undefined) => go(changed({span}), true);
  const toggle = (span: string, open?: boolean) =>
    setClosed((before) => {
      const next = new Set(before);
      if (open ?? next.has(span)) next.delete(span);
      else next.add(span);
      return next;
    });

  useShortcuts({
    j: () => move(1),
    k: () => move(-1),
    Escape: () => choose(undefined),
  });
  const move = (by: number) => {
    const at = shown.findIndex((each) => each === row);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    if (next) choose(next.id);
  };
  useEffect(() => {
    if (row) document.querySelector(`[data-row="${CSS.escape(row.id)}"]`)?.scrollIntoView({block: "nearest"});
  }, [row]);

  const services = new Set(trace.spans.map((span) => span.service));
  return (
    <>
      <div className="title">
        <a className="trail" href={href(["traces"])}>
          Traces
        </a>
        <span className="trail">/</span>
        <h1>
          {root?.method} {root?.path ?? trace.id}
        </h1>
        {root?.status !== undefined && <Pill tone={root.status >= 500 ? "warn" : root.status === 403 ? "bad" : ""}>{root.status}</Pill>}
        <span className="grow" />
        <NotSeen window={window} />
      </div>
      <p className="row wrap second facts-line">
        <span>{moment(trace.start_us / 1000)}</span>
        <span>{duration(trace.duration_us)}</span>
        <span>{plural(trace.spans.length, "span")}</span>
        <span>{plural(services.size, "service")}</span>
        {root?.user && <span>for {root.user}</span>}
        <code className="quiet">{trace.id}</code>
      </p>
      {why && <WhyCard why={why} onSpan={choose} />}
      <section className="panel" aria-label="Waterfall">
        <header>
          <h2>Waterfall</h2>
          <Check checked={logs} onChange={(on) => go(changed({logs: on ? null : "0"}), true)}>
            Logs
          </Check>
          <Check checked={everyHop} onChange={(on) => go(changed({hops: on}), true)}>
            Every hop
          </Check>
          <button type="button" className="button" onClick={() => setClosed(closed.size > 0 ? new Set() : new Set(all.filter((each) => each.children > 0 && each.depth > 0).map((each) => each.id)))}>
            {closed.size > 0 ? "Open all" : "Close all"}
          </button>
        </header>
        <div className={`split${row ? " open" : ""}`}>
          <Waterfall trace={trace} all={all} shown={shown} closed={closed} logs={logs} chosen={row?.id} cause={why?.cause?.span} onChoose={choose} onToggle={toggle} />
          {row && <SpanPanel row={row} trace={trace} onClose={() => choose(undefined)} />}
        </div>
      </section>
    </>
  );
}
