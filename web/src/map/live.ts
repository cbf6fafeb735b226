// A graph that goes on: the answer, and what was told since. The answer is asked for again now and then, which puts right whatever
// was told twice or not at all.
import {useCallback, useEffect, useMemo, useRef, useState} from "react";
import {useAnswer, type Answer} from "../api/answer";
import {query} from "../api/ask";
import {useEvent} from "../api/live";
import type {Decision, Graph, Tick} from "../api/types";
import {inQuestion, refreshMs, type Range} from "../range";
import {withLive} from "./model";

const kMostTold = 200;

export function useLiveGraph(range: Range): Answer<Graph> {
  const live = "live" in range;
  const answer = useAnswer<Graph>(query("graph", inQuestion(range)), refreshMs(range));
  // Decisions with when they came: they are of a little earlier, and an answer may have been without them after that.
  const told = useRef<{ticks: Tick[]; decisions: {came_ms: number; decision: Decision}[]}>({ticks: [], decisions: []});
  const [version, setVersion] = useState(0);
  const due = useRef<number>(undefined);

  const changed = useCallback(() => {
    due.current ??= requestAnimationFrame(() => {
      due.current = undefined;
      setVersion((n) => n + 1);
    });
  }, []);
  useEvent(
    "tick",
    useCallback(
      (tick: Tick) => {
        if (!live) return;
        told.current.ticks = [...told.current.ticks.slice(-kMostTold), tick];
        changed();
      },
      [live, changed],
    ),
  );
  useEvent(
    "decision",
    useCallback(
      (decision: Decision) => {
        if (!live) return;
        told.current.decisions = [...told.current.decisions.slice(-kMostTold), {came_ms: Date.now(), decision}];
        changed();
      },
      [live, changed],
    ),
  );
  useEffect(() => () => cancelAnimationFrame(due.current ?? 0), []);

  const base = answer.data;
  const data = useMemo(() => {
    if (!base || !live) return base;
    const since = base.window.to_ms;
    told.current.ticks = told.current.ticks.filter((tick) => tick.at_ms > since);
    told.current.decisions = told.current.decisions.filter(({came_ms}) => came_ms > since);
    return withLive(
      base,
      told.current.ticks,
      told.current.decisions.map(({decision}) => decision),
    );
  }, [base, live, version]);
  return {...answer, data};
}
