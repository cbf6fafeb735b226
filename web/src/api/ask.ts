// One question to the collector. Never throws anything but Refusal, or AbortError where the asker went away.

export type Trouble = "away" | "session" | "forbidden" | "missing" | "mistake";

/// Why there is no answer: `what` chooses what the page says, `detail` is the collector's own word for it.
export class Refusal extends Error {
  constructor(
    readonly what: Trouble,
    readonly detail: string,
  ) {
    super(detail);
  }
}

const kPatience = 15_000;

export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const stop = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stop.abort();
  }, kPatience);
  // By hand: a signal that AbortSignal.any() makes of one that lives as long as its view stays with it.
  const leave = () => stop.abort();
  signal?.addEventListener("abort", leave, {once: true});
  try {
    const response = await fetch(`api/v1/${path}`, {headers: {accept: "application/json"}, signal: stop.signal});
    if (response.ok) return (await response.json()) as T;
    throw new Refusal(trouble(response.status), await detail(response));
  } catch (error) {
    if (error instanceof Refusal || signal?.aborted) throw error;
    throw new Refusal("away", late ? "It did not answer within 15 s." : "Nothing answers at this address.");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}

function trouble(status: number): Trouble {
  if (status === 401) return "session";
  if (status === 403) return "forbidden";
  if (status === 404) return "missing";
  return status >= 500 ? "away" : "mistake";
}

// A problem's detail (RFC 9457), else its title, else the status line.
async function detail(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as {detail?: string; title?: string};
    return problem.detail ?? problem.title ?? `It answered ${response.status}.`;
  } catch {
    return `It answered ${response.status} ${response.statusText}.`;
  }
}

/// `traces?` with what is given of the parameters: undefined, "" and false are left out.
export function query(path: string, parameters: Record<string, string | number | boolean | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "" && value !== false) given.set(name, value === true ? "1" : String(value));
  }
  return given.size > 0 ? `${path}?${given}` : path;
}
