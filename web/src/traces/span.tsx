import type {Span, Trace} from "../api/types";
import {bytes, clock, duration, percent} from "../format";
import {href} from "../route";
import {Pill, words} from "../ui/marks";
import {titleOf, type Row} from "./tree";

export function SpanPanel({row, trace, onClose}: {row: Row; trace: Trace; onClose: () => void}) {
  const {span, inner} = row;
  const skew = span.skew_us ?? inner?.skew_us;
  return (
    <aside className="spanpanel" aria-label="Span">
      <div className="title">
        <h2 className="grow">
          {span.kind === "program" ? span.service : `${span.caller || span.service} → ${span.callee || span.service}`}
        </h2>
        <button type="button" className="button bare" aria-label="Close the details" onClick={onClose}>
          ✕
        </button>
      </div>
      <p className="mono">{titleOf(span)}</p>
      {span.inferred && (
        <p className="notice">
          That this belongs to the call above it was inferred from time, not told by a header: {percent(span.inferred.confidence, 1)} sure.
        </p>
      )}
      <dl className="facts">
        <Fact name="Answer" value={span.status !== undefined ? String(span.status) : undefined} />
        <Fact name="gRPC status" value={span.grpc_status !== undefined ? String(span.grpc_status) : undefined} />
        <Fact name="Cause" value={words(span.cause ?? inner?.cause)} />
        <Fact name="In detail" value={span.detail ?? inner?.detail} />
        <Fact name="Rule" value={span.rule} mono />
        <Fact name="After" value={duration(row.at_us)} />
        <Fact name="Took" value={duration(span.duration_us)} />
        {inner && <Fact name="On the way" value={`${duration(row.way_us)} until its sidecar had it`} />}
        {inner && <Fact name="In the callee" value={duration(inner.duration_us)} />}
        <Fact name="Attempts" value={(span.attempts ?? 1) > 1 ? String(span.attempts) : undefined} />
        <Fact name="Not tried again" value={span.no_retry} />
        <Fact name="In the queue" value={(inner ?? span).queued_us ? duration((inner ?? span).queued_us!) : undefined} />
        <Fact name="Delayed" value={span.injected_us ? `${duration(span.injected_us)}, as the manifest asks` : undefined} />
        <Fact name="Its clock" value={skew ? `${duration(Math.abs(skew))} ${skew > 0 ? "ahead" : "behind"}; it was moved to where it must have been` : undefined} />
        <Fact name="Fell back" value={span.fell_back ? (typeof span.fell_back === "string" ? span.fell_back : "yes") : undefined} />
        <Fact name="Began" value={clock(span.start_us / 1000, true)} />
        <Fact name="Protocol" value={span.protocol} />
        <Fact name="Sent" value={span.sent !== undefined ? bytes(span.sent) : undefined} />
        <Fact name="Received" value={span.received !== undefined ? bytes(span.received) : undefined} />
        <Fact name="Instance" value={(inner ?? span).instance} />
        <Fact name="User" value={span.user} />
        <Fact name="Request" value={span.request_id} mono />
        <Fact name="Span" value={[span.id, inner?.id].filter(Boolean).join(", ")} mono />
      </dl>
      {span.attributes && Object.keys(span.attributes).length > 0 && <Attributes span={span} />}
      <p className="row wrap">
        {span.callee && (
          <a className="button" href={href(["services", span.callee])}>
            {span.callee}
          </a>
        )}
        {span.caller && span.callee && (
          <a className="button" href={href(["map"], {edge: `${span.caller}>${span.callee}`})}>
            On the map
          </a>
        )}
        <a className="button" href={href(["services", (inner ?? span).service], {trace: trace.id})}>
          Its logs
        </a>
      </p>
    </aside>
  );
}

function Fact({name, value, mono}: {name: string; value: string | undefined; mono?: boolean}) {
  if (!value) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd className={mono ? "mono" : ""}>{value}</dd>
    </>
  );
}

function Attributes({span}: {span: Span}) {
  return (
    <section className="list">
      <h3>Told by the program</h3>
      <dl className="facts mono">
        {Object.entries(span.attributes ?? {}).map(([name, value]) => (
          <Fact key={name} name={name} value={typeof value === "string" ? value : JSON.stringify(value)} mono />
        ))}
      </dl>
      {span.events?.map((event) => (
        <p key={`${event.at_us} ${event.name}`} className="row">
          <Pill>{duration(event.at_us - span.start_us)}</Pill> {event.name}
        </p>
      ))}
    </section>
  );
}
