// What stands below which row of a waterfall: the lines that were logged during a span, and the calls that its service was denied. Pure.
import type {Decision, LogLine, Trace} from "../api/types";
import type {Row} from "./tree";

export type Line = {row: Row} | {log: LogLine; depth: number} | {denial: Decision; depth: number};

const kLogsOfRow = 30;

export function lines(trace: Trace, all: Row[], shown: Row[], withLogs: boolean): Line[] {
  const home = new Map<string, Row>();
  for (const row of all) {
    home.set(row.span.id, row);
    if (row.inner) home.set(row.inner.id, row);
  }
  const under = new Map<Row, (Exclude<Line, {row: Row}> & {at: number})[]>();
  const put = (row: Row | undefined, line: Exclude<Line, {row: Row}>, at: number) => {
    const to = standing(row, all, shown);
    if (to) under.set(to, [...(under.get(to) ?? []), {...line, at}]);
  };
  if (withLogs) {
    for (const log of trace.logs ?? []) {
      const row = (log.span !== undefined ? home.get(log.span) : undefined) ?? during(all, log.service, log.at_us);
      put(row, {log, depth: (row?.depth ?? 0) + 1}, log.at_us);
    }
  }
  for (const denial of trace.denied ?? []) {
    const row = during(all, denial.subject, denial.at_us);
    put(row, {denial, depth: (row?.depth ?? 0) + 1}, denial.at_us);
  }
  return shown.flatMap((row): Line[] => [{row}, ...(under.get(row) ?? []).sort((a, b) => a.at - b.at).slice(0, kLogsOfRow)]);
}

// The innermost row in which a service did something at a time; else the first of the trace.
function during(all: Row[], service: string, at_us: number): Row | undefined {
  let found: Row | undefined;
  for (const row of all) {
    const served = row.span.callee ?? row.span.service;
    const covers = row.span.start_us <= at_us && at_us <= row.span.start_us + row.span.duration_us;
    if (served === service && covers && (!found || row.depth >= found.depth)) found = row;
  }
  return found ?? all[0];
}

// The row itself, or the one above it that is open.
function standing(row: Row | undefined, all: Row[], shown: Row[]): Row | undefined {
  if (!row || shown.includes(row)) return row;
  const above = [...row.parents].reverse().find((id) => shown.some((each) => each.id === id));
  return all.find((each) => each.id === above);
}
