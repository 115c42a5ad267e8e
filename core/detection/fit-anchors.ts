import { stream } from '../rng.ts';

/** A box by its sides alone, in pixels of the input. */
export interface Sides {
  readonly heightPx: number;
  readonly widthPx: number;
}

export interface FittedAnchors {
  /** From the smallest to the largest. */
  readonly shapes: readonly Sides[];
  /** Mean over boxes of the overlap with the anchor that fits best, both about one centre. */
  readonly meanOverlap: number;
  /** How many boxes have each anchor as their best. */
  readonly counts: readonly number[];
}

const MAX_ROUNDS = 100;

/** Overlap of two boxes about one centre. */
export function overlapOfSides(a: Sides, b: Sides): number {
  const shared = Math.min(a.heightPx, b.heightPx) * Math.min(a.widthPx, b.widthPx);
  const union = a.heightPx * a.widthPx + b.heightPx * b.widthPx - shared;
  return union > 0 ? shared / union : 0;
}

/**
 * k-means of boxes’ sides with 1 − overlap as distance (Redmon and Farhadi 1612.08242 §2), the best of eight beginnings by
 * k-means++ with draws addressed by `seed`. Fewer shapes where there are fewer different boxes. `boxes` must not be empty.
 */
export function fitAnchors(boxes: readonly Sides[], count: number, seed: number): FittedAnchors {
  const area = ({ heightPx, widthPx }: Sides): number => heightPx * widthPx;
  const tried = Array.from({ length: BEGINNINGS }, (_, beginning) => {
    const shapes = settled(boxes, begin(boxes, count, seed, beginning));
    const sorted = shapes.toSorted((a, b) => area(a) - area(b) || a.heightPx - b.heightPx);
    return { shapes: sorted, ...fitOf(boxes, sorted) };
  });
  return tried.reduce((best, each) => (each.meanOverlap > best.meanOverlap ? each : best));
}

const BEGINNINGS = 8;

/** Means of what is nearest, until nothing changes hands. */
function settled(boxes: readonly Sides[], start: readonly Sides[]): readonly Sides[] {
  let shapes = start;
  let owners = boxes.map((box) => nearest(box, shapes));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const groups = shapes.map((): Sides[] => []);
    for (const [i, box] of boxes.entries()) groups[owners[i] ?? 0]?.push(box);
    shapes = shapes.map((shape, index) => meanOf(groups[index] ?? []) ?? shape);
    const moved = shapes;
    const next = boxes.map((box) => nearest(box, moved));
    if (next.every((owner, i) => owner === owners[i])) break;
    owners = next;
  }
  return shapes;
}

/** How well shapes fit boxes. */
export function fitOf(boxes: readonly Sides[], shapes: readonly Sides[]): Omit<FittedAnchors, 'shapes'> {
  const counts = shapes.map(() => 0);
  let sum = 0;
  for (const box of boxes) {
    const owner = nearest(box, shapes);
    counts[owner] = (counts[owner] ?? 0) + 1;
    sum += overlapOfSides(box, shapes[owner] ?? { heightPx: 0, widthPx: 0 });
  }
  return { counts, meanOverlap: boxes.length === 0 ? 0 : sum / boxes.length };
}

/** k-means++ (Arthur and Vassilvitskii 2007): each next start is drawn in proportion to its squared distance from those before. */
function begin(boxes: readonly Sides[], count: number, seed: number, beginning: number): Sides[] {
  const random = stream(seed, 'fit-anchors');
  const first = boxes[Math.floor(random.uniform(beginning, 0) * boxes.length)];
  if (!first) throw new Error('no boxes to fit anchors to');
  const shapes = [first];
  while (shapes.length < count) {
    const weights = boxes.map((box) => (1 - overlapOfSides(box, shapes[nearest(box, shapes)] ?? first)) ** 2);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    // All boxes are anchors already.
    if (total < 1e-12) break;
    let left = random.uniform(beginning, shapes.length) * total;
    const at = weights.findIndex((weight) => (left -= weight) < 0);
    shapes.push(boxes[at < 0 ? boxes.length - 1 : at] ?? first);
  }
  return shapes;
}

function nearest(box: Sides, shapes: readonly Sides[]): number {
  let best = 0;
  let most = -1;
  for (const [index, shape] of shapes.entries()) {
    const overlap = overlapOfSides(box, shape);
    if (overlap > most) [best, most] = [index, overlap];
  }
  return best;
}

function meanOf(boxes: readonly Sides[]): Sides | null {
  if (boxes.length === 0) return null;
  const mean = (of: (box: Sides) => number): number => boxes.reduce((sum, box) => sum + of(box), 0) / boxes.length;
  return { heightPx: mean(({ heightPx }) => heightPx), widthPx: mean(({ widthPx }) => widthPx) };
}
