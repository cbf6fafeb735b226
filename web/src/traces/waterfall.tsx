import {useMemo, type KeyboardEvent} from "react";
import type {Decision, LogLine, Trace} from "../api/types";
import {duration, percent} from "../format";
import {href} from "../route";
import {Pill, words} from "../ui/marks";
import {lines} from "./lines";
import {failed, titleOf, whoOf, type Row} from "./tree";

interface Given {
  trace: Trace;
  all: Row[];
  shown: Row[];
  closed: ReadonlySet<string>;
  logs: boolean;
  chosen: string | undefined;
  cause: string | undefined;
  onChoose: (span: string) => void;
  onToggle: (span: string, open?: boolean) => void;
}

/// A tree that is a table: who was asked for what on the left, when and how long on the right.
export function Waterfall({trace, all, shown, closed, logs, chosen, cause, onChoose, onToggle}: Given) {
  const list = useMemo(() => lines(trace, all, shown, logs), [trace, all, shown, logs]);
  const total = Math.max(1, trace.duration_us);
  const keys = (event: KeyboardEvent) => {
    const id = (event.target as HTMLElement).closest<HTMLElement>("[data-row]")?.dataset.row;
    const at = shown.findIndex((row) => row.id === id);
    if (at < 0) return;
    const focus = (index: number) => document.querySelector<HTMLElement>(`[data-row="${CSS.escape(shown[index]?.id ?? "")}"]`)?.focus();
    const row = shown[at]!;
    const act: Record<string, () => void> = {
      ArrowDown: () => focus(at + 1),
      ArrowUp: () => focus(at - 1),
      Home: () => focus(0),
      End: () => focus(shown.length - 1),
      ArrowRight: () => onToggle(row.id, true),
      ArrowLeft: () => (row.children > 0 && !closed.has(row.id) ? onToggle(row.id, false) : focus(shown.findIndex((each) => each.id === row.parents.at(-1)))),
      Enter: () => onChoose(row.id),
      " ": () => onChoose(row.id),
    };
    if (!act[event.key]) return;
    event.preventDefault();
    act[event.key]!();
  };
  return (
    <div className="waterfall" role="treegrid" aria-label="Spans of the trace; arrow keys go through them, Enter shows one" onKeyDown={keys}>
      <div className="spanrow head" role="row">
        <span role="columnheader" className="what">
          Call
        </span>
        <span role="columnheader" className="when">
          {[0, 0.25, 0.5, 0.75, 1].map((part) => (
            <small key={part} style={{left: `${part * 100}%`}} className={part === 1 ? "last" : ""}>
              {duration(total * part)}
            </small>
          ))}
        </span>
      </div>
      {list.map((line, at) =>
        "row" in line ? (
          <SpanRow key={line.row.id} row={line.row} total={total} open={!closed.has(line.row.id)} chosen={chosen === line.row.id} tabbed={chosen ? chosen === line.row.id : at === 0} cause={cause !== undefined && (cause === line.row.id || cause === line.row.inner?.id)} onChoose={onChoose} onToggle={onToggle} />
        ) : "log" in line ? (
          <LogRow key={`log ${at}`} log={line.log} depth={line.depth} trace={trace} total={total} />
        ) : (
          <DenialRow key={`denial ${at}`} denial={line.denial} depth={line.depth} trace={trace} total={total} />
        ),
      )}
    </div>
  );
}

function SpanRow({row, total, open, chosen, tabbed, cause, onChoose, onToggle}: {row: Row; total: number; open: boolean; chosen: boolean; tabbed: boolean; cause: boolean; onChoose: (id: string) => void; onToggle: (id: string) => void}) {
  const {span} = row;
  const refused = span.cause ?? row.inner?.cause;
  const bad = failed(span) || refused !== undefined;
  const queued = (row.inner ?? span).queued_us ?? 0;
  const skew = span.skew_us ?? row.inner?.skew_us ?? 0;
  const left = (100 * row.at_us) / total;
  const width = Math.max(0.25, (100 * span.duration_us) / total);
  const way = span.duration_us > 0 ? Math.min(100, (100 * row.way_us) / span.duration_us) : 0;
  // Beside the bar where there is room, else within it.
  const side = left + width <= 80 ? "after" : left > 20 ? "before" : "within";
  return (
    <div className={`spanrow${chosen ? " chosen" : ""}${cause ? " cause" : ""}`} role="row" aria-level={row.depth + 1} aria-expanded={row.children > 0 ? open : undefined} aria-selected={chosen} data-row={row.id} tabIndex={tabbed ? 0 : -1} onClick={() => onChoose(row.id)}>
      <span className="what" role="gridcell" style={{paddingLeft: 10 + row.depth * 14}}>
        {row.children > 0 ? (
          <span
            className={`caret${open ? " open" : ""}`}
            aria-hidden="true"
            onClick={(event) => {
              event.stopPropagation();
              onToggle(row.id);
            }}
          />
        ) : (
          <span className="caret none" aria-hidden="true" />
        )}
        <b className={span.kind === "program" ? "program" : ""}>{whoOf(span)}</b>
        <span className="clip second">{titleOf(span)}</span>
        {cause && <Pill tone="bad">cause</Pill>}
        {row.attempt && (
          <Pill tone={bad ? "warn" : ""}>
            attempt {row.attempt.n} of {row.attempt.of}
          </Pill>
        )}
        {!row.attempt && (span.attempts ?? 1) > 1 && (
          <Pill tone="warn">
            {span.attempts} attempts{span.no_retry ? `, ${span.no_retry}` : ""}
          </Pill>
        )}
        {queued > 0 && <Pill tone="warn">queued {duration(queued)}</Pill>}
        {(span.injected_us ?? 0) > 0 && <Pill>delayed {duration(span.injected_us!)} by the manifest</Pill>}
        {skew !== 0 && (
          <Pill tone="warn">
            moved: clock {duration(Math.abs(skew))} {skew > 0 ? "ahead" : "behind"}
          </Pill>
        )}
        {span.inferred && <Pill>inferred {percent(span.inferred.confidence, 1)}</Pill>}
        {refused && <Pill tone={span.status === 403 ? "bad" : "warn"}>{words(refused)}</Pill>}
        {span.status !== undefined && span.status >= 400 && !refused && <Pill tone={span.status >= 500 ? "warn" : ""}>{span.status}</Pill>}
      </span>
      <span className="when" role="gridcell" aria-label={`took ${duration(span.duration_us)}${row.way_us > 0 ? `, ${duration(row.way_us)} on the way` : ""}, after ${duration(row.at_us)}`}>
        <i className={`spanbar ${span.kind}${bad ? " warn" : ""}${span.status === 403 ? " bad" : ""}`} style={{left: `${left}%`, width: `${width}%`}}>
          {way > 0.5 && <i className="way" style={{width: `${way}%`}} />}
          {queued > 0 && <i className="way queue" style={{left: `${way}%`, width: `${Math.min(100 - way, (100 * queued) / Math.max(1, span.duration_us))}%`}} />}
          {span.events?.map((event) => <i key={`${event.at_us} ${event.name}`} className="event" style={{left: `${(100 * (event.at_us - span.start_us)) / Math.max(1, span.duration_us)}%`}} />)}
        </i>
        <small aria-hidden="true" className={side === "within" ? `within${bad ? " warn" : ""}` : ""} style={side === "before" ? {right: `${100 - left}%`} : side === "within" ? {right: `${100 - left - width}%`} : {left: `${left + width}%`}}>
          {duration(span.duration_us)}
          {way > 15 && row.way_us > 1000 ? `, ${duration(row.way_us)} on the way` : ""}
        </small>
      </span>
    </div>
  );
}

function Mark({at, className}: {at: number; className: string}) {
  return <i className={`moment ${className}`} style={{left: `${Math.max(0, Math.min(100, at))}%`}} aria-hidden="true" />;
}

function LogRow({log, depth, trace, total}: {log: LogLine; depth: number; trace: Trace; total: number}) {
  const tone = log.severity === "error" || log.severity === "fatal" ? "bad" : log.severity === "warn" || log.severity === "warning" ? "warn" : "";
  return (
    <div className="spanrow line" role="row" aria-level={depth + 1}>
      <span className="what" role="gridcell" style={{paddingLeft: 27 + depth * 14}}>
        <code className={`clip ${tone}`} title={log.text}>
          {log.text}
        </code>
      </span>
      <span className="when" role="gridcell" aria-label={`logged after ${duration(log.at_us - trace.start_us)}`}>
        <Mark at={(100 * (log.at_us - trace.start_us)) / total} className={tone} />
      </span>
    </div>
  );
}

function DenialRow({denial, depth, trace, total}: {denial: Decision; depth: number; trace: Trace; total: number}) {
  return (
    <div className="spanrow line denied" role="row" aria-level={depth + 1}>
      <span className="what" role="gridcell" style={{paddingLeft: 27 + depth * 14}}>
        <Pill tone="bad">{denial.verdict}</Pill>
        {denial.inferred && <Pill>inferred {percent(denial.inferred.confidence, 1)}</Pill>}
        <a className="clip" href={href(["access", "decisions"], {trace: trace.id, service: denial.subject})}>
          {denial.subject} → {denial.object || "unknown"} {denial.action}
        </a>
        {denial.rule_at && <code className="quiet">{denial.rule_at}</code>}
      </span>
      <span className="when" role="gridcell" aria-label={`after ${duration(denial.at_us - trace.start_us)}`}>
        <Mark at={(100 * (denial.at_us - trace.start_us)) / total} className="bad" />
      </span>
    </div>
  );
}
