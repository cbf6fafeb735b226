import {useEffect, useRef} from "react";
import {useAnswer} from "../api/answer";
import {query} from "../api/ask";
import type {LogLine, Window} from "../api/types";
import {clock} from "../format";
import {inQuestion, refreshMs} from "../range";
import {changed, go, href, useRoute} from "../route";
import {Field, Select} from "../ui/controls";
import {Answered, Empty} from "../ui/states";

interface Lines {
  window: Window;
  more: boolean;
  lines: LogLine[];
}

/// What it wrote, oldest first; the newest are in sight.
export function Logs({service}: {service: string}) {
  const {parameters, range} = useRoute();
  const given = {q: parameters.get("q") ?? "", stream: parameters.get("stream") ?? "", trace: parameters.get("trace") ?? ""};
  const answer = useAnswer<Lines>(query("logs", {...inQuestion(range), service, ...given, limit: 300}), refreshMs(range));
  return (
    <section className="panel" aria-label="Logs" aria-busy={answer.stale && answer.loading}>
      <header className="wrap">
        <h2>Logs</h2>
        {given.trace && (
          <span className="pill accent">
            of trace {given.trace.slice(0, 8)}
            <a href={changed({trace: null})} aria-label="Logs of all traces">
              ✕
            </a>
          </span>
        )}
        <span className="find">
          <Field id="search" label="Text in the lines" value={given.q} placeholder="Text in the lines" width={170} onTake={(q) => go(changed({q}), true)} />
        </span>
        <span className="find">
          <Select label="Stream" value={given.stream} options={[["", "stdout and stderr"], ["stdout", "stdout"], ["stderr", "stderr"]]} onChange={(stream) => go(changed({stream}), true)} />
        </span>
      </header>
      <Answered answer={answer} what="logs">
        {({lines, more}) =>
          lines.length === 0 ? (
            <Empty title="No lines in this range">{(given.q || given.stream || given.trace) && <a href={changed({q: null, stream: null, trace: null})}>Without conditions</a>}</Empty>
          ) : (
            <>
              {more && <p className="foot">There are more; the range or a word makes them fewer.</p>}
              <List lines={lines} />
            </>
          )
        }
      </Answered>
    </section>
  );
}

function List({lines}: {lines: LogLine[]}) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current) box.current?.scrollTo(0, box.current.scrollHeight);
  }, [lines]);
  return (
    <div
      className="logs scroll"
      ref={box}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log lines"
      onScroll={(event) => {
        const {scrollTop, scrollHeight, clientHeight} = event.currentTarget;
        atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
      }}
    >
      {lines.map((line, at) => (
        <div key={`${line.at_us} ${at}`} className={`logline ${tone(line)}`}>
          <time>{clock(line.at_us / 1000, true)}</time>
          <span className="who">{line.instance ?? line.service}</span>
          <code>{line.text}</code>
          {line.trace && <a href={href(["traces", line.trace], {span: line.span})}>trace</a>}
        </div>
      ))}
    </div>
  );
}

function tone(line: LogLine): string {
  if (line.severity === "error" || line.severity === "fatal") return "bad";
  return line.severity === "warn" || line.severity === "warning" ? "warn" : "";
}
