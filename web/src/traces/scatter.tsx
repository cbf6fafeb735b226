// Traces as dots: when, and how long on a logarithmic scale. A dot leads to its trace. The list below says the same.
import {useEffect, useRef, useState, type MouseEvent} from "react";
import type {TraceRow} from "../api/types";
import {clock, duration} from "../format";
import {go, href} from "../route";
import {useTheme} from "../theme";

const kHeight = 116;
const kPad = {left: 64, right: 16, top: 12, bottom: 22};

export function Scatter({traces, from, to}: {traces: TraceRow[]; from: number; to: number}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [near, setNear] = useState<TraceRow>();
  const theme = useTheme();
  const low = Math.floor(Math.log10(Math.max(1, Math.min(...traces.map((trace) => trace.duration_us)))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(10, ...traces.map((trace) => trace.duration_us)))));
  const spot = (trace: TraceRow): [number, number] => [
    kPad.left + ((trace.start_us / 1000 - from) / Math.max(1, to - from)) * (width - kPad.left - kPad.right),
    kHeight - kPad.bottom - ((Math.log10(Math.max(1, trace.duration_us)) - low) / (high - low)) * (kHeight - kPad.top - kPad.bottom),
  ];

  useEffect(() => {
    const sizes = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    sizes.observe(canvas.current!.parentElement!);
    return () => sizes.disconnect();
  }, []);
  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const ratio = window.devicePixelRatio || 1;
    canvas.current!.width = width * ratio;
    canvas.current!.height = kHeight * ratio;
    context.scale(ratio, ratio);
    context.clearRect(0, 0, width, kHeight);
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    context.font = "11px Inter, system-ui, sans-serif";
    context.fillStyle = colour("--text-3");
    context.strokeStyle = colour("--line");
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let power = low; power <= high; power++) {
      const y = kHeight - kPad.bottom - ((power - low) / (high - low)) * (kHeight - kPad.top - kPad.bottom);
      context.beginPath();
      context.moveTo(kPad.left, y + 0.5);
      context.lineTo(width - kPad.right, y + 0.5);
      context.stroke();
      if (high - low < 5 || (power - low) % 2 === 0) context.fillText(duration(10 ** power), kPad.left - 8, y);
    }
    context.textBaseline = "bottom";
    for (let at = 0; at <= 4; at++) {
      context.textAlign = at === 0 ? "left" : at === 4 ? "right" : "center";
      context.fillText(clock(from + ((to - from) * at) / 4), kPad.left + ((width - kPad.left - kPad.right) * at) / 4, kHeight - 4);
    }
    for (const trace of traces) {
      const [x, y] = spot(trace);
      context.fillStyle = colour(trace.denied > 0 ? "--bad-fill" : trace.errors > 0 ? "--warn-fill" : "--accent-fill");
      context.globalAlpha = trace === near ? 1 : 0.7;
      context.beginPath();
      context.arc(x, y, trace === near ? 5 : 3, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  });

  const find = (event: MouseEvent): TraceRow | undefined => {
    const box = canvas.current!.getBoundingClientRect();
    let found: TraceRow | undefined;
    let best = 14;
    for (const trace of traces) {
      const [x, y] = spot(trace);
      const far = Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y);
      if (far < best) {
        best = far;
        found = trace;
      }
    }
    return found;
  };
  return (
    <div className={`scatter${near ? " pointing" : ""}`} data-theme-was={theme}>
      <canvas
        ref={canvas}
        style={{width, height: kHeight}}
        role="img"
        aria-label={`${traces.length} traces by start and duration; the table below lists them`}
        onMouseMove={(event) => setNear(find(event))}
        onMouseLeave={() => setNear(undefined)}
        onClick={(event) => {
          const trace = find(event);
          if (trace) go(href(["traces", trace.id]));
        }}
      />
      {near && (
        <div className="tip" aria-hidden="true">
          <b>
            {near.method} {near.path}
          </b>
          <span>
            {clock(near.start_us / 1000, true)} · {duration(near.duration_us)} · {near.status}
          </span>
        </div>
      )}
    </div>
  );
}
