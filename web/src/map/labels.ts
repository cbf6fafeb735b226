// Where the words on edges stand: on their own edge, and not on another's nor on a node. One that finds no room is left out; pointing at it tells.
import {pointAt, type Curve} from "./curves";
import {kNodeHeight, kNodeWidth, type Spot} from "./layout";

const kParts = [0.5, 0.62, 0.38, 0.72, 0.28, 0.8];
const kLetter = 6.2;
const kLine = 14;

export class LabelRoom {
  private readonly taken: {left: number; right: number; top: number; bottom: number}[];

  constructor(nodes: Iterable<Spot>) {
    const [x, y] = [kNodeWidth / 2 + 2, kNodeHeight / 2 + 2];
    this.taken = [...nodes].map((node) => ({left: node.x - x, right: node.x + x, top: node.y - y, bottom: node.y + y}));
  }

  take(line: Curve, text: string): Spot | undefined {
    const half = (text.length * kLetter) / 2;
    for (const part of kParts) {
      const spot = pointAt(line, part);
      const box = {left: spot.x - half, right: spot.x + half, top: spot.y - kLine / 2, bottom: spot.y + kLine / 2};
      if (this.taken.some((other) => box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top)) continue;
      this.taken.push(box);
      return spot;
    }
    return undefined;
  }
}
