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

interface DetectingModel {
  readonly classes: readonly string[];
  readonly image: Framing;
}

/** What a detector said of one picture, in the picture's own pixels, surest first. */
export function objectsOf(
  raw: readonly RawDetection[],
  { classes, image }: DetectingModel,
  size: { readonly width: number; readonly height: number },
  { top, minScore }: { readonly top: number; readonly minScore: number },
): FoundObject[] {
  const placement = placementOf(image, size.width, size.height);
  return raw
    .filter(({ score }) => score >= minScore)
    .slice(0, top)
    .map(({ label, score, box: [yMin, xMin, yMax, xMax] }) => {
      const { widthPx, heightPx } = image;
      const frame = { xMin: xMin * widthPx, yMin: yMin * heightPx, xMax: xMax * widthPx, yMax: yMax * heightPx };
      return { label: classes[label] ?? String(label), score, box: cut(boxInPicture(frame, placement), size) };
    });
}

function cut(
  { xMin, yMin, xMax, yMax }: { xMin: number; yMin: number; xMax: number; yMax: number },
  { width, height }: { readonly width: number; readonly height: number },
): FoundObject['box'] {
  const within = (value: number, most: number): number => Math.round(Math.min(most, Math.max(0, value)) * 100) / 100;
  const [left, top] = [within(xMin, width), within(yMin, height)];
  const side = (to: number, from: number): number => Math.round((to - from) * 100) / 100;
  return [left, top, side(within(xMax, width), left), side(within(yMax, height), top)];
}
