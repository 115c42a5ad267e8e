import type { Box } from './annotations.ts';
import { sharedFactor } from './framing.ts';
import type { Framing } from './framing.ts';

/** How the input is made of a picture: what a box shrinks to depends on it. */
export type InputFrame = Framing;

/** A box whose shorter side is below this in the input is too small to be learnt: half a cell of stride 16. */
export const VANISHING_PX = 8;
/**
 * The smallest anchor of SSD is 0.1 of the input (tensorflow/models `ssd_mobilenet_v1_coco.config`). A box inside it
 * reaches at best an overlap of box area / anchor area; below a half it is matched by force alone.
 */
const SMALLEST_ANCHOR = 0.1;
const MATCHED = 0.5;
/** Input sizes that people use. */
const USUAL_SIZES = [128, 192, 224, 256, 300, 320, 384, 416, 512, 640, 800, 1024] as const;
const MAX_EXAMPLES = 20;

export interface VanishingBox {
  readonly path: string;
  readonly label: string;
  /** Width and height in the input, in pixels. */
  readonly inInput: readonly [number, number];
  /** The smallest usual square input in which it does not vanish; null where none is large enough. */
  readonly seenAt: number | null;
}

export interface BoxStatistics {
  readonly boxes: number;
  readonly perImage: { readonly min: number; readonly max: number; readonly mean: number };
  readonly imagesWithout: number;
  /** Boxes by the square root of their area in the input, in pixels: upper bounds and counts; the last is open. */
  readonly inputSizes: readonly { readonly below: number | null; readonly boxes: number }[];
  readonly vanishing: number;
  /** Boxes of which no anchor of SSD can hold enough. */
  readonly belowAnchors: number;
  /** Of the vanishing ones, the smallest first. */
  readonly examples: readonly VanishingBox[];
  /** Share of all boxes that vanish at usual input sizes. */
  readonly vanishingAt: readonly { readonly sizePx: number; readonly share: number }[];
}

const BOUNDS = [8, 16, 32, 64, 128, 256] as const;

/** Pixels of the input for one of the picture, down and across. */
export function scaleOf(
  frame: InputFrame,
  { width, height }: { readonly width: number; readonly height: number },
): { down: number; across: number } {
  if (frame.resize === 'stretch') return { down: frame.heightPx / height, across: frame.widthPx / width };
  const one = 1 / sharedFactor(frame, width, height);
  return { down: one, across: one };
}

/** Gathers what is to be known of boxes, item by item, in constant memory. */
export class BoxCollector {
  private readonly frame: InputFrame;
  private readonly sizes = new Array<number>(BOUNDS.length + 1).fill(0);
  private readonly lost = new Array<number>(USUAL_SIZES.length).fill(0);
  private examples: VanishingBox[] = [];
  private images = 0;
  private boxes = 0;
  private without = 0;
  private most = 0;
  private fewest = Infinity;
  private vanishing = 0;
  private belowAnchors = 0;

  constructor(frame: InputFrame) {
    this.frame = frame;
  }

  add(item: { path: string; width: number; height: number; boxes: readonly Box[] }): void {
    this.images += 1;
    this.boxes += item.boxes.length;
    this.without += item.boxes.length === 0 ? 1 : 0;
    this.most = Math.max(this.most, item.boxes.length);
    this.fewest = Math.min(this.fewest, item.boxes.length);
    const { down, across } = scaleOf(this.frame, item);
    for (const box of item.boxes) {
      const [w, h] = [(box.xMax - box.xMin) * across, (box.yMax - box.yMin) * down];
      const side = Math.sqrt(w * h);
      const bin = BOUNDS.findIndex((bound) => side < bound);
      const place = bin < 0 ? BOUNDS.length : bin;
      this.sizes[place] = (this.sizes[place] ?? 0) + 1;
      const anchor = SMALLEST_ANCHOR ** 2 * this.frame.heightPx * this.frame.widthPx;
      this.belowAnchors += w * h < MATCHED * anchor ? 1 : 0;
      this.count(item, box, [w, h]);
    }
  }

  private count(item: { path: string; width: number; height: number }, box: Box, inInput: [number, number]): void {
    const shortest = USUAL_SIZES.map((sizePx) => {
      const { down, across } = scaleOf({ heightPx: sizePx, widthPx: sizePx, resize: this.frame.resize }, item);
      return Math.min((box.xMax - box.xMin) * across, (box.yMax - box.yMin) * down);
    });
    shortest.forEach((side, i) => (this.lost[i] = (this.lost[i] ?? 0) + (side < VANISHING_PX ? 1 : 0)));
    if (Math.min(...inInput) >= VANISHING_PX) return;
    this.vanishing += 1;
    const seenAt = USUAL_SIZES.find((_, i) => (shortest[i] ?? 0) >= VANISHING_PX) ?? null;
    const rounded: [number, number] = [tenth(inInput[0]), tenth(inInput[1])];
    this.examples.push({ path: item.path, label: box.label, inInput: rounded, seenAt });
    if (this.examples.length >= 2 * MAX_EXAMPLES) this.examples = smallest(this.examples);
  }

  finish(): BoxStatistics {
    const { boxes, images } = this;
    return {
      boxes,
      perImage: { min: images === 0 ? 0 : this.fewest, max: this.most, mean: images === 0 ? 0 : tenth(boxes / images) },
      imagesWithout: this.without,
      inputSizes: this.sizes.map((count, i) => ({ below: BOUNDS[i] ?? null, boxes: count })),
      vanishing: this.vanishing,
      belowAnchors: this.belowAnchors,
      examples: smallest(this.examples),
      vanishingAt: USUAL_SIZES.map((sizePx, i) => ({
        sizePx,
        share: boxes === 0 ? 0 : Math.round((1000 * (this.lost[i] ?? 0)) / boxes) / 1000,
      })),
    };
  }
}

const tenth = (value: number): number => Math.round(10 * value) / 10;

function smallest(boxes: readonly VanishingBox[]): VanishingBox[] {
  return [...boxes].sort((a, b) => Math.min(...a.inInput) - Math.min(...b.inInput)).slice(0, MAX_EXAMPLES);
}
