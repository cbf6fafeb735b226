// Draws the edges on one canvas: all of one look in one path, so that a thousand edges are a dozen strokes. Holds no state of the page.
import type {Curve} from "./curves";

export interface Look {
  colour: string;
  width: number; // in pixels of the screen
  opacity: number;
  dash: "" | "dashed" | "dotted";
  rank: number; // higher is drawn later, above
  arrow: boolean;
}

export interface View {
  x: number; // of the map's origin on the screen
  y: number;
  k: number; // pixels of the screen for one unit of the map
}

export interface Scene {
  curves: ReadonlyMap<string, Curve>;
  looks: ReadonlyMap<string, Look>;
  lit: ReadonlySet<string> | null; // only these in full colour; null: all
  labels: ReadonlyMap<string, {text: string; x: number; y: number}>;
  background: string;
  labelColour: string;
}

interface Bucket {
  look: Look;
  faint: boolean;
  curves: Curve[];
}

const kFaint = 0.12;

/// What is drawn together, in order; made when something changed, not for each frame.
export function buckets(scene: Scene): Bucket[] {
  const made = new Map<string, Bucket>();
  for (const [id, curve] of scene.curves) {
    const look = scene.looks.get(id);
    if (!look) continue;
    const faint = scene.lit !== null && !scene.lit.has(id);
    const key = `${look.rank} ${faint} ${look.colour} ${look.width} ${look.opacity} ${look.dash}`;
    const bucket = made.get(key) ?? {look, faint, curves: []};
    bucket.curves.push(curve);
    made.set(key, bucket);
  }
  return [...made.values()].sort((a, b) => Number(b.faint) - Number(a.faint) || a.look.rank - b.look.rank);
}

export function paint(context: CanvasRenderingContext2D, scene: Scene, list: Bucket[], view: View, width: number, height: number, ratio: number): void {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width * ratio, height * ratio);
  context.setTransform(view.k * ratio, 0, 0, view.k * ratio, view.x * ratio, view.y * ratio);
  const seen = {left: -view.x / view.k, top: -view.y / view.k, right: (width - view.x) / view.k, bottom: (height - view.y) / view.k};
  const lit = scene.lit !== null;
  for (const {look, faint, curves} of list) {
    const shown = curves.filter((curve) => touches(curve, seen));
    if (shown.length === 0) continue;
    context.globalAlpha = faint ? Math.min(kFaint, look.opacity) : lit ? 1 : look.opacity;
    context.strokeStyle = look.colour;
    const line = look.width / Math.max(view.k, 0.55);
    context.lineWidth = line;
    context.setLineDash(look.dash === "dashed" ? [6, 5] : look.dash === "dotted" ? [1.5, 4] : []);
    context.beginPath();
    for (const curve of shown) {
      context.moveTo(curve[0]!, curve[1]!);
      for (let at = 2; at < curve.length; at += 6) {
        context.bezierCurveTo(curve[at]!, curve[at + 1]!, curve[at + 2]!, curve[at + 3]!, curve[at + 4]!, curve[at + 5]!);
      }
    }
    context.stroke();
    if (!look.arrow || view.k < 0.4 || (faint && shown.length > 200)) continue;
    context.fillStyle = look.colour;
    context.beginPath();
    const size = 4.5 + line * 0.9;
    for (const curve of shown) {
      const [x, y] = [curve[curve.length - 2]!, curve[curve.length - 1]!];
      context.moveTo(x + 1, y);
      context.lineTo(x - size, y - size * 0.55);
      context.lineTo(x - size, y + size * 0.55);
      context.closePath();
    }
    context.fill();
  }
  context.globalAlpha = 1;
  if (view.k >= 0.7) paintLabels(context, scene);
}

function paintLabels(context: CanvasRenderingContext2D, scene: Scene): void {
  context.setLineDash([]);
  context.font = `10.5px ${kLabelFont}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = scene.background;
  context.fillStyle = scene.labelColour;
  for (const [id, {text, x, y}] of scene.labels) {
    if (scene.lit && !scene.lit.has(id)) continue;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
}

const kLabelFont = 'Inter, "Segoe UI", Roboto, "Noto Sans", system-ui, sans-serif';

// By the box of the curve's points, which holds the curve.
function touches(curve: Curve, seen: {left: number; top: number; right: number; bottom: number}): boolean {
  let left = Infinity;
  let right = -Infinity;
  let top = Infinity;
  let bottom = -Infinity;
  for (let at = 0; at < curve.length; at += 2) {
    const x = curve[at]!;
    const y = curve[at + 1]!;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  return right >= seen.left && left <= seen.right && bottom >= seen.top && top <= seen.bottom;
}
