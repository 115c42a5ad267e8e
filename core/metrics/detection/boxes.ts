/** A box in pixels as COCO has it: left, top, width, height. */
export type XywhBox = readonly [x: number, y: number, width: number, height: number];

/** An object that is there. `image` and `category` are indexes into the set’s lists. */
export interface TruthBox {
  readonly image: number;
  readonly category: number;
  readonly box: XywhBox;
  /** Of the object, in square pixels: with a mask it is smaller than its box’s. Decides small, medium and large. */
  readonly area: number;
  /** A crowd: any number of detections may lie in it, none of them counts. */
  readonly crowd: boolean;
  /** Too hard to ask for (Pascal VOC): neither missed nor found. */
  readonly difficult: boolean;
}

/** What a detector says. */
export interface DetectedBox {
  readonly image: number;
  readonly category: number;
  readonly box: XywhBox;
  /** Larger is surer. */
  readonly score: number;
}

/** Detections and what they are measured against. Ties of score are settled by the order given, image by image. */
export interface DetectionSet {
  readonly images: number;
  readonly categories: readonly string[];
  readonly truths: readonly TruthBox[];
  readonly detections: readonly DetectedBox[];
}

/** Intersection in square pixels; 0 where the boxes only touch. */
export function intersection(a: XywhBox, b: XywhBox): number {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  if (width <= 0) return 0;
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  return height <= 0 ? 0 : width * height;
}

/** Intersection over union, in [0, 1]; of a crowd over the detection’s own area (cocoapi `common/maskApi.c`, bbIou). */
export function boxIou(detected: XywhBox, truth: XywhBox, crowd = false): number {
  const shared = intersection(detected, truth);
  if (shared === 0) return 0;
  const own = detected[2] * detected[3];
  return shared / (crowd ? own : own + truth[2] * truth[3] - shared);
}

/** Boxes of one image and one category. */
export interface ImageGroup<T> {
  readonly image: number;
  readonly truths: TruthBox[];
  readonly detections: T[];
}

/** One category’s boxes by image, images ascending; images with neither truth nor detection are left out. */
export function byImage<T extends { readonly image: number }>(
  truths: readonly TruthBox[],
  detections: readonly T[],
): ImageGroup<T>[] {
  const groups = new Map<number, ImageGroup<T>>();
  const groupOf = (image: number): ImageGroup<T> => {
    const known = groups.get(image);
    if (known) return known;
    const fresh = { image, truths: [], detections: [] };
    groups.set(image, fresh);
    return fresh;
  };
  for (const truth of truths) groupOf(truth.image).truths.push(truth);
  for (const detection of detections) groupOf(detection.image).detections.push(detection);
  return [...groups.entries()].sort(([a], [b]) => a - b).map(([, group]) => group);
}

/** Surest first; equal scores keep their order. */
export function bySureness<T extends { readonly score: number }>(detections: readonly T[]): T[] {
  return [...detections].sort((a, b) => b.score - a.score);
}

/** The members of each category, in their order. */
export function byCategory<T extends { readonly category: number }>(items: readonly T[], categories: number): T[][] {
  const lists = Array.from({ length: categories }, (): T[] => []);
  for (const item of items) lists[item.category]?.push(item);
  return lists;
}

/** Items under what `keyOf` says of them, in their order. */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** The mean; −1, COCO’s mark of an absent figure, where there is nothing to take it of. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? -1 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
