// Words with a colour: states of instances, statuses of answers, verdicts. The word always stands there; colour is the second sign.
import type {Service} from "../api/types";

export type Tone = "good" | "warn" | "bad" | "accent" | "";

export function stateTone(state: string): Tone {
  if (state === "ready" || state === "done") return "good";
  if (["failed", "crashed", "dead", "rejected", "unhealthy", "stopped"].includes(state)) return "bad";
  return "warn";
}

export function serviceTone(service: Service): Tone {
  const states = (service.instances ?? []).map((instance) => stateTone(instance.state));
  if (states.length === 0) return service.kind === "job" ? "" : "warn";
  if (states.every((tone) => tone === "good")) return "good";
  return states.some((tone) => tone === "good" || tone === "warn") ? "warn" : "bad";
}

export function serviceState(service: Service): string {
  const instances = service.instances ?? [];
  if (instances.length === 0) return service.kind === "job" ? "not running" : "no instance";
  const ready = instances.filter((instance) => instance.state === "ready").length;
  if (instances.length === 1) return instances[0]!.state;
  return `${ready} of ${instances.length} ready`;
}

export function statusTone(status: number | undefined): Tone {
  if (status === undefined) return "";
  if (status >= 500) return "warn";
  return status === 401 || status === 403 ? "bad" : "";
}

export function Pill({tone = "", children}: {tone?: Tone; children: React.ReactNode}) {
  return <span className={`pill ${tone}`}>{children}</span>;
}

export function Dot({tone}: {tone: Tone}) {
  return <i className={`dot ${tone}`} aria-hidden="true" />;
}

/// Why something was refused, in words: what the records call it, without underscores.
export function words(reason: string | undefined): string {
  return (reason ?? "").replaceAll("_", " ");
}
