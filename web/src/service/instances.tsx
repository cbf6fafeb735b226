import {useCallback, useEffect, useState} from "react";
import {ask} from "../api/ask";
import {useEvent} from "../api/live";
import type {Instance, Service, Usage, Used} from "../api/types";
import {bytes, moment, span} from "../format";
import {Command} from "../ui/controls";
import {Dot, Pill, stateTone, words} from "../ui/marks";
import {Empty} from "../ui/states";

/// Who runs: state, for how long, restarts, and how long its certificate still lives.
export function Instances({service}: {service: Service}) {
  const instances = service.instances ?? [];
  const now = useNow();
  const used = useUsage();
  return (
    <section className="panel" aria-label="Instances">
      <header>
        <h2>Instances</h2>
        {service.scale !== undefined && (
          <span className="quiet">
            {instances.length} of {service.scale}
          </span>
        )}
      </header>
      {instances.length === 0 ? (
        <Empty title="None runs">
          <Command text={`bulkhead logs ${service.name}`} />
        </Empty>
      ) : (
        <div className="scroll" tabIndex={0} role="group" aria-label="Instances">
          <table className="data">
            <thead>
              <tr>
                {["Instance", "State", "For", "Processors", "Memory", "Restarts", "Certificate", "Processes"].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {instances.map((instance) => (
                <InstanceRow key={instance.id} instance={instance} now={now} used={used.get(instance.id)} limits={service.limits} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function InstanceRow({instance, now, used, limits}: {instance: Instance; now: number; used: Used | undefined; limits: Service["limits"]}) {
  const remarks = [instance.rejected && `Configuration refused: ${instance.rejected}`, ...(instance.not_enforced ?? []).map((each) => `Not enforced: ${each.what}. ${each.reason} ${each.fix}`)].filter(Boolean);
  return (
    <>
      <tr>
        <td className="strong nowrap">{instance.id}</td>
        <td>
          <span className="row nowrap">
            <Dot tone={stateTone(instance.state)} /> {instance.state}
            {instance.reason && <span className="second">{words(instance.reason)}</span>}
          </span>
        </td>
        <td className="nowrap">{instance.since_ms !== undefined ? span(now - instance.since_ms) : "–"}</td>
        <td className="nowrap">
          <Use value={used?.cpu} limit={limits?.cpu} text={(value) => value.toFixed(2)} />
        </td>
        <td className="nowrap">
          <Use value={used?.memory_bytes} limit={limits?.memory_bytes} text={bytes} />
        </td>
        <td>{(instance.restarts ?? 0) > 0 ? <Pill tone="warn">{instance.restarts}</Pill> : <span className="quiet">0</span>}</td>
        <td>
          <Certificate instance={instance} now={now} />
        </td>
        <td className="mono second nowrap">
          {[used?.pids !== undefined && (limits?.pids !== undefined ? `${used.pids} of ${limits.pids}` : String(used.pids)), instance.service_pid && `service ${instance.service_pid}`, instance.sidecar_pid && `sidecar ${instance.sidecar_pid}`].filter(Boolean).join(", ") || "–"}
        </td>
      </tr>
      {remarks.length > 0 && (
        <tr>
          <td colSpan={8}>
            {remarks.map((remark) => (
              <p key={String(remark)} className="warn">
                {remark}
              </p>
            ))}
          </td>
        </tr>
      )}
    </>
  );
}

// What is used of what may be.
function Use({value, limit, text}: {value: number | undefined; limit: number | undefined; text: (value: number) => string}) {
  if (value === undefined) return <span className="quiet">–</span>;
  if (limit === undefined || limit <= 0) return <>{text(value)}</>;
  const share = value / limit;
  return (
    <span className="life" title={`${Math.round(100 * share)} % of ${text(limit)}`}>
      <span>
        {text(value)} <span className="quiet">of {text(limit)}</span>
      </span>
      <i aria-hidden="true">
        <b className={share > 0.9 ? "bad" : share > 0.75 ? "warn" : "good"} style={{width: `${Math.max(2, Math.min(100, 100 * share))}%`}} />
      </i>
    </span>
  );
}

function useUsage(): Map<string, Used> {
  const [used, setUsed] = useState(new Map<string, Used>());
  const take = useCallback((usage: Usage) => setUsed(new Map(usage.instances.map((each) => [each.id, each]))), []);
  useEvent("usage", take);
  useEffect(() => {
    const stop = new AbortController();
    ask<Usage>("usage", stop.signal).then(take, () => undefined); // the next event brings it
    return () => stop.abort();
  }, [take]);
  return used;
}

// An hour is what a certificate gets where nothing else is said; renewed at half of it, so below a quarter something is late.
function Certificate({instance, now}: {instance: Instance; now: number}) {
  if (!instance.not_after) return <span className="quiet">–</span>;
  const left = instance.not_after * 1000 - now;
  const tone = left <= 0 ? "bad" : left < 15 * 60_000 ? "warn" : "good";
  return (
    <span className="life" title={`serial ${instance.serial ?? "unknown"}, until ${moment(instance.not_after * 1000)}`}>
      <span className={left <= 0 ? "bad" : ""}>{left > 0 ? `${span(left)} left` : "has ended"}</span>
      <i aria-hidden="true">
        <b className={tone} style={{width: `${Math.max(2, Math.min(100, left / 36_000))}%`}} />
      </i>
    </span>
  );
}

function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 5000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}
