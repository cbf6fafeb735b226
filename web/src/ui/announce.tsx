// What screen readers are told of changes nobody asked for: at most one sentence in ten seconds, and the last one wins.
import {useSyncExternalStore} from "react";

const kPause = 10_000;
let said = "";
let waiting: string | undefined;
let timer: number | undefined;
const watchers = new Set<() => void>();

export function announce(sentence: string): void {
  waiting = sentence;
  if (timer === undefined) speak();
}

function speak() {
  timer = undefined;
  if (waiting === undefined) return;
  said = waiting;
  waiting = undefined;
  for (const watcher of watchers) watcher();
  timer = window.setTimeout(speak, kPause);
}

export function Announcer() {
  const sentence = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => said,
  );
  return (
    <div className="unseen" role="status" aria-live="polite">
      {sentence}
    </div>
  );
}
