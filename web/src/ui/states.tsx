// What a view shows while it has nothing to show: that it loads, why it cannot, or what is missing, each with what to do.
import type {ReactNode} from "react";
import type {Answer} from "../api/answer";
import type {Refusal} from "../api/ask";
import {moment} from "../format";
import {bounds} from "../range";
import {changed, useRoute} from "../route";
import type {Window} from "../api/types";
import {Command} from "./controls";

export function Loading({lines = 6, what}: {lines?: number; what: string}) {
  return (
    <div className="shimmer" role="status" aria-label={`Loading ${what}`}>
      {Array.from({length: lines}, (_, at) => (
        <i key={at} />
      ))}
    </div>
  );
}

export function Empty({title, page, children}: {title: string; page?: boolean; children?: ReactNode}) {
  return (
    <div className="state">
      {page ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </div>
  );
}

export function Trouble({refusal, again}: {refusal: Refusal; again: () => void}) {
  return (
    <div className="state" role="alert">
      {refusal.what === "away" && (
        <>
          <h1>The collector is away</h1>
          <p>{refusal.detail} Services go on without it, and their sidecars keep what they record. This page asks again every few seconds.</p>
          <div className="row">
            <span>Is it up?</span> <Command text="bulkhead status" />
          </div>
        </>
      )}
      {refusal.what === "session" && (
        <>
          <h1>The session has ended</h1>
          <p>A login is good for one browser and some hours. For a fresh address, run this where the application runs:</p>
          <div className="row">
            <Command text="bulkhead console" />
          </div>
        </>
      )}
      {refusal.what === "forbidden" && (
        <>
          <h1>Not from here</h1>
          <p>{refusal.detail} Open the console at the address that this prints:</p>
          <div className="row">
            <Command text="bulkhead console" />
          </div>
        </>
      )}
      {refusal.what === "missing" && (
        <>
          <h1>Not there</h1>
          <p>{refusal.detail}</p>
        </>
      )}
      {refusal.what === "mistake" && (
        <>
          <h1>The collector did not understand</h1>
          <p>{refusal.detail}</p>
        </>
      )}
      {refusal.what !== "session" && refusal.what !== "forbidden" && (
        <button type="button" className="button" onClick={again}>
          Ask again
        </button>
      )}
    </div>
  );
}

/// `children` with the answer, or what stands in its place.
export function Answered<T>({answer, what, children}: {answer: Answer<T>; what: string; children: (data: T) => ReactNode}) {
  if (answer.refusal && (!answer.data || answer.refusal.what !== "away")) return <Trouble refusal={answer.refusal} again={answer.again} />;
  if (!answer.data) return <Loading what={what} />;
  return <>{children(answer.data)}</>;
}

/// Nothing of the range was recorded: because nothing happened, or because it is older than what is kept.
export function NothingHere({window, what, hint}: {window: Window | undefined; what: string; hint?: ReactNode}) {
  const {range} = useRoute();
  const [from, to] = bounds(range, Date.now());
  if (window && window.oldest_ms > 0 && to <= window.oldest_ms) {
    return (
      <Empty title="Older than what is kept">
        <p>Records are kept since {moment(window.oldest_ms)}; this range ends before.</p>
        <div className="row">
          <a className="button" href={changed({}, {from: window.oldest_ms, to: Math.min(window.oldest_ms + (to - from), Date.now())})}>
            The oldest that is kept
          </a>
          <a className="button" href={changed({}, {live: "15m"})}>
            Last 15 minutes
          </a>
        </div>
      </Empty>
    );
  }
  const never = !window || window.oldest_ms === 0;
  return (
    <Empty title={never ? "Nothing recorded yet" : `No ${what} in this range`}>
      {hint ?? <p>{never ? "As soon as a request passes a sidecar or the gateway, it is here." : "Take a longer range, or one in which something was called."}</p>}
      {!never && (
        <div className="row">
          {["1h", "1d", "7d"].map((live) => (
            <a key={live} className="button" href={changed({}, {live})}>
              Last {live}
            </a>
          ))}
        </div>
      )}
    </Empty>
  );
}

/// What an answer cannot have seen; a range that begins before what is kept is said here too.
export function NotSeen({window}: {window: Window | undefined}) {
  if (!window) return null;
  const lines = [...window.not_seen];
  if (window.oldest_ms > window.from_ms && window.oldest_ms < window.to_ms) lines.push(`Records begin at ${moment(window.oldest_ms)}.`);
  if (lines.length === 0) return null;
  return (
    <details className="notseen">
      <summary>{lines.length === 1 ? lines[0] : `Not all was seen: ${lines.length} reasons`}</summary>
      {lines.length > 1 && (
        <ul>
          {lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
    </details>
  );
}
