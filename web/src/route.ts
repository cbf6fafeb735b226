// Where one is: all of it stands in the address after `#`, so that every view has a link that can be shared.
import {useMemo, useSyncExternalStore} from "react";
import {inAddress, rangeIn, type Range} from "./range";

export interface Route {
  path: string[]; // decoded, e.g. ["services", "checkout"]
  parameters: URLSearchParams;
  range: Range;
}
export type Parameters = Record<string, string | number | boolean | undefined | null>;

export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parameters = new URLSearchParams(search);
  return {path: path.split("/").filter(Boolean).map(decoded), parameters, range: rangeIn(parameters)};
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not ours; the view says that there is no such thing
  }
}

/// A link to a view, which keeps the time range. What is undefined, null, "" or false of the parameters is left out.
export function href(path: string[], parameters: Parameters = {}, range: Range = current().range): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries({...parameters, ...inAddress(range)})) {
    if (value !== undefined && value !== null && value !== "" && value !== false) given.set(name, value === true ? "1" : String(value));
  }
  const search = given.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
}

export function current(): Route {
  return parse(window.location.hash);
}

/// `replace`: the way back leads past it, for what is typed or toggled rather than visited.
export function go(to: string, replace = false): void {
  if (to === window.location.hash) return;
  if (replace) {
    window.history.replaceState(null, "", to);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    window.location.hash = to;
  }
}

/// This view with some parameters changed: null takes one out.
export function changed(changes: Parameters, range?: Range): string {
  const here = current();
  const all: Parameters = Object.fromEntries(here.parameters);
  for (const name of ["from", "to", "range"]) delete all[name];
  return href(here.path, {...all, ...changes}, range ?? here.range);
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(
    (changed) => {
      window.addEventListener("hashchange", changed);
      return () => window.removeEventListener("hashchange", changed);
    },
    () => window.location.hash,
  );
  return useMemo(() => parse(hash), [hash]);
}
