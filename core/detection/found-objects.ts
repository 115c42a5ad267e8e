import { boxInPicture, placementOf } from '../dataset/framing.ts';
import type { Framing } from '../dataset/framing.ts';

/** An object that was found; the box is left, top, width and height in pixels of the upright picture, as COCO has it. */
export interface FoundObject {
  readonly label: string;
  readonly score: number;
  readonly box: readonly [number, number, number, number];
}

/** What a detector says: edges as [ymin, xmin, ymax, xmax] in shares of the frame that the network sees. */
export interface RawDetection {
  /** Index of the class. */
  readonly label: number;
  readonly score: number;
  readonly box: readonly [number, number, number, number];
}

/** What is shown of a picture where nobody says: so many objects, and none that is less sure. */
export const shownObjects = { top: 100, minScore: 0.5 } as const;

/** Of a picture, in pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

interface DetectingModel {
  readonly classes: readonly string[];
  readonly image: Framing;
}

/** What a detector said of one picture, in the picture's own pixels, surest first. */
export function objectsOf(
  raw: readonly RawDetection[],
  { classes, image }: DetectingModel,
  size: Size,
  { top, minScore }: { readonly top: number; readonly minScore: number },
): FoundObject[] {
  const seen = raw.filter(({ score }) => score >= minScore).slice(0, top);
  return inPicture(seen, image, size).map(({ label, score, box: [yMin, xMin, yMax, xMax] }) => {
    const { width, height } = size;
    const edges = { xMin: xMin * width, yMin: yMin * height, xMax: xMax * width, yMax: yMax * height };
    return { label: classes[label] ?? String(label), score, box: cut(edges, size) };
  });
}

/** Detections with their edges in shares of the upright picture of `size` pixels; they may lie beyond it. */
export function inPicture(
  raw: readonly RawDetection[],
  { widthPx, heightPx, ...framing }: Framing,
  { width, height }: Size,
): RawDetection[] {
  const placement = placementOf({ widthPx, heightPx, ...framing }, width, height);
  return raw.map(({ box: [yMin, xMin, yMax, xMax], ...found }) => {
    const frame = { xMin: xMin * widthPx, yMin: yMin * heightPx, xMax: xMax * widthPx, yMax: yMax * heightPx };
    const edges = boxInPicture(frame, placement);
    return { ...found, box: [edges.yMin / height, edges.xMin / width, edges.yMax / height, edges.xMax / width] };
  });
}

function cut(
  { xMin, yMin, xMax, yMax }: { xMin: number; yMin: number; xMax: number; yMax: number },
  { width, height }: Size,
): FoundObject['box'] {
  const within = (value: number, most: number): number => Math.round(Math.min(most, Math.max(0, value)) * 100) / 100;
  const [left, top] = [within(xMin, width), within(yMin, height)];
  const side = (to: number, from: number): number => Math.round((to - from) * 100) / 100;
  return [left, top, side(within(xMax, width), left), side(within(yMax, height), top)];
}
