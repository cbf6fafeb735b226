// The trace in words: what happened, what it was for, and how it came about, step by step.
import type {Why} from "../api/types";
import {duration} from "../format";
import {href} from "../route";
import {Pill, words} from "../ui/marks";

// Somebody was told no; everything else went wrong.
const REFUSALS = new Set(["denied", "undeclared_call", "contract", "user_token", "user_token_expired"]);

export function WhyCard({why, onSpan}: {why: Why; onSpan: (span: string) => void}) {
  const {cause} = why;
  const tone = cause && (REFUSALS.has(cause.what) ? "bad" : "warn");
  return (
    <section className={`panel why ${tone ?? ""}`} aria-label="Why">
      <div className="body">
        <p className="summary">{why.summary}</p>
        {cause && (
          <div className="row wrap cause">
            <Pill tone={tone}>{words(cause.what)}</Pill>
            <span>{cause.text}</span>
            {cause.span && (
              <button type="button" className="button bare" onClick={() => onSpan(cause.span!)}>
                Show the span
              </button>
            )}
            {cause.service && <a href={href(["services", cause.service])}>{cause.service}</a>}
            {cause.rule && (
              <a href={href(["access", "rules"], {rule: cause.rule})}>
                <code>{cause.rule}</code>
              </a>
            )}
            {cause.rule_at && <code className="quiet">{cause.rule_at}</code>}
            {cause.trace && <a href={href(["traces", cause.trace])}>The trace before it</a>}
          </div>
        )}
        {cause?.next && <p className="second">What helps: {cause.next}</p>}
        {why.steps.length > 0 && (
          <details>
            <summary>Step by step ({why.steps.length})</summary>
            <ol className="steps">
              {why.steps.map((step, at) => (
                <li key={at} style={{paddingLeft: 8 + step.depth * 16}}>
                  <span className="number quiet">{duration(step.at_us)}</span>
                  {step.span ? (
                    <button type="button" className="plain" onClick={() => onSpan(step.span!)}>
                      {step.text}
                    </button>
                  ) : (
                    <span>{step.text}</span>
                  )}
                  <span className="number second">{duration(step.duration_us)}</span>
                </li>
              ))}
            </ol>
          </details>
        )}
      </div>
    </section>
  );
}
