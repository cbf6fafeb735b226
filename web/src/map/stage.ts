// The window onto the map: where it is moved to, how large, and what a pointer does. It writes to the elements itself, once a frame,
// so that panning asks nothing of React.
import {buckets, paint, type Scene, type View} from "./paint";

export interface StageEvents {
  moved?: (view: View) => void;
  hover: (x: number, y: number) => void; // in units of the map; NaN: left
  press: (x: number, y: number) => void;
}

// From so many lines on, what was painted is moved and scaled for as long as it covers the window, and painted anew when the view rests:
// a thousand curves cost 20 ms of a processor, a picture that is moved costs none of it.
const kHeavy = 150;
const kRest = 140;
const kMargin = 0.3; // of the window, painted beyond each of its sides
const kSmallest = 0.12;
const kLargest = 2.5;

export class Stage {
  view: View = {x: 0, y: 0, k: 1};
  touched = false; // by its user: it is not fitted again by itself
  private scene: Scene | undefined;
  private list: ReturnType<typeof buckets> = [];
  private frame = 0;
  private painted: View | undefined; // what the canvas shows, if that is still what is known
  private resting: number | undefined;
  private width = 0;
  private height = 0;
  private extent = {width: 0, height: 0};
  private readonly context: CanvasRenderingContext2D;
  private readonly pointers = new Map<number, {x: number; y: number}>();
  private dragged = 0;
  private readonly gone = new AbortController();

  constructor(
    private readonly box: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly layer: HTMLElement,
    private readonly events: StageEvents,
  ) {
    this.context = canvas.getContext("2d")!;
    const options = {signal: this.gone.signal};
    box.addEventListener("wheel", (event) => this.wheel(event), {...options, passive: false});
    box.addEventListener("pointerdown", (event) => this.down(event), options);
    box.addEventListener("pointermove", (event) => this.move(event), options);
    for (const name of ["pointerup", "pointercancel"] as const) box.addEventListener(name, (event) => this.up(event), options);
    box.addEventListener("pointerleave", () => this.events.hover(NaN, NaN), options);
    // A focused node is brought into view by us; the browser's own scrolling would part nodes and edges.
    box.addEventListener("scroll", () => box.scrollTo(0, 0), options);
    box.addEventListener("click", (event) => this.dragged > 4 && event.preventDefault(), {...options, capture: true});
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(box);
    this.gone.signal.addEventListener("abort", () => sizes.disconnect());
    this.resize();
  }

  close(): void {
    this.gone.abort();
    cancelAnimationFrame(this.frame);
    window.clearTimeout(this.resting);
  }

  show(scene: Scene): void {
    this.scene = scene;
    this.list = buckets(scene);
    if (this.resting !== undefined && this.heavy() && this.painted) return; // news can wait until the view rests
    this.painted = undefined;
    this.ask();
  }

  /// The whole of the map, as large as it fits.
  fit(width = this.extent.width, height = this.extent.height): void {
    this.extent = {width, height};
    if (width === 0 || this.width === 0) return;
    const pad = this.width < 600 ? 16 : 44;
    const k = Math.min(1.15, Math.max(kSmallest, Math.min((this.width - 2 * pad) / width, (this.height - 2 * pad - 24) / height)));
    this.set({x: (this.width - width * k) / 2, y: (this.height - 24 - height * k) / 2, k});
    this.touched = false;
  }

  extend(width: number, height: number): void {
    const first = this.extent.width === 0;
    this.extent = {width, height};
    if (first || !this.touched) this.fit();
  }

  zoom(by: number, x = this.width / 2, y = this.height / 2): void {
    const {view} = this;
    const k = Math.min(kLargest, Math.max(kSmallest, view.k * by));
    this.touched = true;
    this.set({x: x - ((x - view.x) * k) / view.k, y: y - ((y - view.y) * k) / view.k, k});
  }

  pan(dx: number, dy: number): void {
    this.touched = true;
    this.set({...this.view, x: this.view.x + dx, y: this.view.y + dy});
  }

  /// Moves just so far that this spot is well inside.
  reveal(x: number, y: number): void {
    const sx = x * this.view.k + this.view.x;
    const sy = y * this.view.k + this.view.y;
    const margin = 90;
    const dx = sx < margin ? margin - sx : sx > this.width - margin ? this.width - margin - sx : 0;
    const dy = sy < margin ? margin - sy : sy > this.height - margin ? this.height - margin - sy : 0;
    if (dx !== 0 || dy !== 0) this.pan(dx, dy);
  }

  private set(view: View): void {
    this.view = view;
    this.layer.style.willChange = "transform";
    window.clearTimeout(this.resting);
    this.resting = window.setTimeout(() => this.rest(), kRest);
    this.ask();
    this.events.moved?.(view);
  }

  private ask(): void {
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  // Sharp again, and with what was told meanwhile.
  private rest(): void {
    this.resting = undefined;
    this.layer.style.willChange = "";
    this.painted = undefined;
    this.ask();
  }

  private heavy(): boolean {
    return (this.scene?.curves.size ?? 0) > kHeavy;
  }

  private draw(): void {
    this.frame = 0;
    const {x, y, k} = this.view;
    this.layer.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    const zoom = k >= 0.72 ? "near" : k >= 0.44 ? "mid" : "far";
    if (this.layer.dataset.zoom !== zoom) this.layer.dataset.zoom = zoom;
    if (!this.scene) return;
    const [mx, my] = this.margins();
    if (!this.painted || !this.heavy() || !this.covers(this.painted)) {
      this.painted = this.view;
      paint(this.context, this.scene, this.list, {x: x + mx, y: y + my, k}, this.width + 2 * mx, this.height + 2 * my, this.ratio());
    }
    const scale = k / this.painted.k;
    this.canvas.style.transform = `translate(${x - (mx + this.painted.x) * scale}px, ${y - (my + this.painted.y) * scale}px) scale(${scale})`;
  }

  private margins(): [number, number] {
    return [Math.round(this.width * kMargin), Math.round(this.height * kMargin)];
  }

  // Whether what was painted still fills the window, or all that there is was painted.
  private covers(painted: View): boolean {
    const [mx, my] = this.margins();
    const scale = this.view.k / painted.k;
    if (scale < 0.6 || scale > 1.6) return false;
    const along = (at: number, was: number, margin: number, size: number, extent: number): boolean => {
      const begin = at - (margin + was) * scale;
      const fills = begin <= 0 && begin + (size + 2 * margin) * scale >= size;
      const beyond = 80 * painted.k; // how far lines go beyond the nodes
      return fills || (was + margin >= beyond && was + margin + extent * painted.k <= size + 2 * margin - beyond);
    };
    return along(this.view.x, painted.x, mx, this.width, this.extent.width) && along(this.view.y, painted.y, my, this.height, this.extent.height);
  }

  private ratio(): number {
    return Math.min(2, window.devicePixelRatio || 1);
  }

  private resize(): void {
    const {clientWidth, clientHeight} = this.box;
    if (clientWidth === this.width && clientHeight === this.height) return;
    this.width = clientWidth;
    this.height = clientHeight;
    const [mx, my] = this.margins();
    this.canvas.style.width = `${clientWidth + 2 * mx}px`;
    this.canvas.style.height = `${clientHeight + 2 * my}px`;
    this.canvas.width = Math.round((clientWidth + 2 * mx) * this.ratio());
    this.canvas.height = Math.round((clientHeight + 2 * my) * this.ratio());
    this.painted = undefined;
    if (this.touched) this.ask();
    else this.fit();
  }

  private at(event: PointerEvent | WheelEvent): {x: number; y: number} {
    const box = this.box.getBoundingClientRect();
    return {x: event.clientX - box.left, y: event.clientY - box.top};
  }

  private inMap(at: {x: number; y: number}): [number, number] {
    return [(at.x - this.view.x) / this.view.k, (at.y - this.view.y) / this.view.k];
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const at = this.at(event);
    if (event.shiftKey) this.pan(-event.deltaY - event.deltaX, 0);
    else this.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : event.ctrlKey ? 0.01 : 0.0016)), at.x, at.y);
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    if (this.pointers.size === 0) this.dragged = 0;
    this.pointers.set(event.pointerId, this.at(event));
  }

  private move(event: PointerEvent): void {
    const at = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.events.hover(...this.inMap(at));
      return;
    }
    const others = [...this.pointers.entries()].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
    this.pointers.set(event.pointerId, at);
    this.dragged += Math.abs(at.x - before.x) + Math.abs(at.y - before.y);
    if (this.dragged > 4 && !this.box.hasPointerCapture(event.pointerId)) this.box.setPointerCapture(event.pointerId);
    const other = others[0];
    if (!other) {
      this.pan(at.x - before.x, at.y - before.y);
      return;
    }
    const spread = (point: {x: number; y: number}) => Math.hypot(point.x - other.x, point.y - other.y);
    this.zoom(spread(at) / Math.max(1, spread(before)), (at.x + other.x) / 2, (at.y + other.y) / 2);
    this.pan((at.x - before.x) / 2, (at.y - before.y) / 2);
  }

  private up(event: PointerEvent): void {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.dragged <= 4 && event.type === "pointerup" && !(event.target as Element).closest("a, button")) {
      this.events.press(...this.inMap(this.at(event)));
    }
  }
}
