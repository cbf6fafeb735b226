// The one stream of events that all views share. It opens with the first listener, and again by itself after it broke.
import {useEffect, useSyncExternalStore} from "react";
import type {Decision, Tick, Usage} from "./types";

export interface Events {
  tick: Tick;
  application: {version: number};
  decision: Decision;
  usage: Usage;
}
export type State = "connecting" | "live" | "broken";

type Listener = (event: never) => void;
const listeners = new Map<keyof Events, Set<Listener>>();
const watchers = new Set<() => void>();
let source: EventSource | undefined;
let state: State = "connecting";
let retry: number | undefined;
let patience = 3000; // until it is tried again: longer with every try that failed

function become(next: State) {
  if (state === next) return;
  state = next;
  for (const watcher of watchers) watcher();
}

function open() {
  window.clearTimeout(retry);
  source = new EventSource("api/v1/events");
  source.onopen = () => {
    patience = 3000;
    become("live");
  };
  source.onerror = () => {
    become("broken");
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again itself
    retry = window.setTimeout(open, patience);
    patience = Math.min(30_000, patience * 2);
  };
  for (const name of ["tick", "application", "decision", "usage"] as const) {
    source.addEventListener(name, (message) => {
      const event = JSON.parse((message as MessageEvent<string>).data) as never;
      for (const listener of listeners.get(name) ?? []) listener(event);
    });
  }
}

export function listen<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
  const those = listeners.get(name) ?? new Set<Listener>();
  listeners.set(name, those);
  those.add(listener as Listener);
  if (!source) open();
  return () => those.delete(listener as Listener);
}

export function useEvent<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): void {
  useEffect(() => listen(name, listener), [name, listener]);
}

export function useLiveState(): State {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => state,
  );
}
