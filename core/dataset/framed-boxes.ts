import type { Box } from './annotations.ts';
import { boxInFrame, placementOf } from './framing.ts';
import type { Framing } from './framing.ts';

/** The objects of a picture in its own pixels, with the picture's size. */
export interface BoxedPicture {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  /** What the picture is like, where its data set says it. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

/** Flags of a box in a prepared shard. */
export const CROWD = 1;
export const DIFFICULT = 2;

/** Objects of rows of one size, back to back. */
export interface FramedBoxes {
  /** Boxes of each row. */
  readonly counts: Int32Array;
  /** ymin, xmin, ymax, xmax in shares of the frame, cut at its edge. */
  readonly boxes: Float32Array;
  readonly labels: Int32Array;
  readonly flags: Int32Array;
}

/** Less of a box inside the frame (`resize: crop`) is no object any more. */
const MIN_INSIDE = 0.25;

/** Where the objects of each picture lie in the frame; those that lie outside of it are left out. */
export function framedBoxes(
  pictures: readonly BoxedPicture[],
  classes: ReadonlyMap<string, number>,
  frame: Framing,
): FramedBoxes {
  const counts = new Int32Array(pictures.length);
  const [boxes, labels, flags]: [number[], number[], number[]] = [[], [], []];
  for (const [row, { width, height, boxes: own }] of pictures.entries()) {
    const placement = placementOf(frame, width, height);
    for (const box of own) {
      const sides = sharesOf(boxInFrame(box, placement), frame);
      const label = classes.get(box.label);
      if (sides === null || label === undefined) continue;
      counts[row] = (counts[row] ?? 0) + 1;
      boxes.push(...sides);
      labels.push(label);
      flags.push(flagsOf(box));
    }
  }
  return { counts, boxes: Float32Array.from(boxes), labels: Int32Array.from(labels), flags: Int32Array.from(flags) };
}

/** Crowds and groups are many objects in one box. */
export const flagsOf = ({ crowd, groupOf, difficult }: Box): number =>
  (crowd === true || groupOf === true ? CROWD : 0) | (difficult === true ? DIFFICULT : 0);

function sharesOf(
  { xMin, yMin, xMax, yMax }: Pick<Box, 'xMin' | 'yMin' | 'xMax' | 'yMax'>,
  { heightPx, widthPx }: Framing,
): [number, number, number, number] | null {
  const within = (value: number): number => Math.min(1, Math.max(0, value));
  const cut: [number, number, number, number] = [
    within(yMin / heightPx),
    within(xMin / widthPx),
    within(yMax / heightPx),
    within(xMax / widthPx),
  ];
  const whole = ((yMax - yMin) / heightPx) * ((xMax - xMin) / widthPx);
  const inside = (cut[2] - cut[0]) * (cut[3] - cut[1]);
  return inside > 0 && inside >= MIN_INSIDE * whole ? cut : null;
}
