import {useCallback, useEffect, useState} from "react";
import {ask, Refusal, type Trouble} from "./ask";

export interface Answer<T> {
  data: T | undefined; // of `path`, or of the path before while this one loads: `stale` tells
  refusal: Refusal | undefined;
  loading: boolean;
  stale: boolean;
  again: () => void;
}

// A collector that is away comes back by itself, and another window may log in: both are asked again, whatever the view wanted.
const kAgain: Partial<Record<Trouble, number>> = {away: 3000, session: 10_000};

interface Held<T> {
  path: string | null;
  data?: T;
  refusal?: Refusal;
}

/// Asks for `path` (null: nothing), again whenever it changes, and every `every` milliseconds while the page is visible (0: once).
/// What was there stays until the next answer is: a view that is refreshed does not flicker.
export function useAnswer<T>(path: string | null, every = 0): Answer<T> {
  const [held, hold] = useState<Held<T>>({path: null});
  const [round, setRound] = useState(0);
  const [loading, setLoading] = useState(path !== null);

  useEffect(() => {
    if (path === null) {
      setLoading(false);
      return;
    }
    const gone = new AbortController();
    let timer: number | undefined;
    const once = async () => {
      setLoading(true);
      let next = every;
      try {
        const data = await ask<T>(path, gone.signal);
        hold({path, data});
      } catch (error) {
        if (gone.signal.aborted) return;
        const refusal = error instanceof Refusal ? error : new Refusal("mistake", String(error));
        next = kAgain[refusal.what] ?? every;
        hold((before) => (before.path === path && refusal.what === "away" ? {...before, refusal} : {path, refusal}));
      }
      setLoading(false);
      if (next > 0) timer = window.setTimeout(whenVisible, next);
    };
    const whenVisible = () => {
      if (!document.hidden) void once();
      else document.addEventListener("visibilitychange", whenVisible, {once: true});
    };
    void once();
    return () => {
      gone.abort();
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", whenVisible);
    };
  }, [path, every, round]);

  const again = useCallback(() => setRound((n) => n + 1), []);
  return {
    data: path === null ? undefined : held.data,
    refusal: held.path === path ? held.refusal : undefined,
    loading,
    stale: held.path !== path,
    again,
  };
}
