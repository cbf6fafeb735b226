// Golden signals over time, drawn by uPlot on a canvas; the same as a table for who does not see it.
import {useEffect, useMemo, useRef} from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type {Point, Series} from "../api/types";
import {clock, count, duration, rate} from "../format";
import {changed, go} from "../route";
import {useTheme} from "../theme";
import {alone} from "./series";

export type Kind = "rate" | "latency" | "denied";

interface Line {
  label: string;
  colour: string; // a token of the theme
  fill?: string;
  value: (point: Point, stepSeconds: number) => number | null;
}

const kLines: Record<Kind, Line[]> = {
  rate: [
    {label: "requests", colour: "--accent-fill", fill: "--accent-soft", value: (point, step) => point.requests / step},
    {label: "errors", colour: "--warn-fill", fill: "--warn-fill", value: (point, step) => point.errors / step},
  ],
  latency: [
    {label: "p50", colour: "--chart-1", value: (point) => point.p50_us ?? null},
    {label: "p90", colour: "--chart-2", value: (point) => point.p90_us ?? null},
    {label: "p99", colour: "--chart-3", value: (point) => point.p99_us ?? null},
  ],
  denied: [{label: "denied", colour: "--bad-fill", fill: "--bad-soft", value: (point) => point.denied}],
};

const kWritten: Record<Kind, (value: number) => string> = {
  rate,
  latency: (us) => duration(us),
  denied: (value) => (Number.isInteger(value) ? count(value) : ""),
};

export function Chart({title, series, kind, height = 150}: {title: string; series: Series; kind: Kind; height?: number}) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const theme = useTheme();
  const step = series.step_ms / 1000;
  const data = useMemo(() => [series.points.map((point) => point.at_ms / 1000), ...kLines[kind].map((line) => series.points.map((point) => line.value(point, step)))] as uPlot.AlignedData, [series, kind, step]);
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const made = new uPlot(options(kind, host.current!.clientWidth, height), latest.current, host.current!);
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({width: host.current!.clientWidth, height}));
    sizes.observe(host.current!);
    return () => {
      sizes.disconnect();
      made.destroy();
    };
  }, [kind, height, theme]);
  useEffect(() => plot.current?.setData(data), [data]);

  return (
    <figure className="chart">
      <figcaption>
        <h2>{title}</h2>
      </figcaption>
      <div ref={host} role="img" aria-label={`${title}: ${spoken(series, kind)}`} />
    </figure>
  );
}

function spoken(series: Series, kind: Kind): string {
  const busy = series.points.filter((point) => point.requests > 0);
  if (busy.length === 0) return "nothing in this range";
  return kLines[kind]
    .map((line) => {
      const values = series.points.map((point) => line.value(point, series.step_ms / 1000)).filter((value) => value !== null);
      return `${line.label} at most ${kWritten[kind](Math.max(0, ...values))}, last ${kWritten[kind](values.at(-1) ?? 0)}`;
    })
    .join("; ");
}

function options(kind: Kind, width: number, height: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {stroke: colour("--text-3"), font: "11px Inter, system-ui, sans-serif", grid: {stroke: colour("--line"), width: 1}, ticks: {show: false}, gap: 6};
  return {
    width,
    height,
    padding: [8, 22, 0, 0],
    cursor: {points: {size: 6}, drag: {x: true, y: false}, sync: {key: "time"}},
    legend: {live: true, markers: {width: 0, fill: (_, at) => (at > 0 ? colour(kLines[kind][at - 1]!.colour) : "transparent")}},
    scales: {y: {range: (_, _low, high) => [0, high > 0 ? high * 1.12 : 1]}},
    axes: [
      {...axis, size: 26, space: 70, values: (_, splits) => splits.map((at) => clock(at * 1000).replace(/:00$/, ""))},
      {...axis, size: 58, space: 32, values: (_, splits) => splits.map((value) => (value === 0 ? "0" : kWritten[kind](value)))},
    ],
    series: [
      {label: "", value: (_, at) => (at === null ? "" : clock(at * 1000))},
      ...kLines[kind].map(
        (line): uPlot.Series => ({
          label: line.label,
          stroke: colour(line.colour),
          fill: line.fill ? colour(line.fill) : undefined,
          width: 1.5,
          points: {show: true, size: 5, fill: colour(line.colour), filter: (self, at) => alone(self.data[at]!)},
          value: (_, value) => (value === null ? "–" : kWritten[kind](value)),
        }),
      ),
    ],
    hooks: {
      // A stretch that is dragged over becomes the time range of all views.
      setSelect: [
        (self) => {
          if (self.select.width < 8) return;
          const at = (x: number) => Math.round(self.posToVal(x, "x") * 1000);
          const [from, to] = [at(self.select.left), at(self.select.left + self.select.width)];
          self.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
          go(changed({}, {from, to}));
        },
      ],
    },
  };
}
