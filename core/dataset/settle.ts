import type { Result } from '../result.ts';
import { err, ok } from '../result.ts';
import type { AnnotationProblem, Box, ItemAnnotations, SourceAnnotations } from './annotations.ts';

/** How far a box may reach beyond the picture, in pixels: tools round. It is clipped without a word. */
export const ROUNDING_PX = 1;
/** More boxes than any picture shows; a table of them is damaged. */
export const MAX_BOXES = 10_000;

/** quarantine: a box outside the picture makes the item unusable; clip: it is cut at the picture's edges. */
export type OutsideBoxes = 'quarantine' | 'clip';

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Annotations in pixels of the picture as it is. ANNOTATION_SIZE where they were made on another size, ANNOTATION_BOX
 * for a box that is reversed, empty, not finite, or outside by more than a pixel (with `clip`: that has nothing inside).
 */
export function settleAnnotations(
  given: SourceAnnotations,
  picture: PictureSize,
  outside: OutsideBoxes = 'quarantine',
): Result<ItemAnnotations, AnnotationProblem> {
  const { unit, size, boxes, ...rest } = given;
  const wrongSize = sizeProblem(size, picture);
  if (wrongSize !== null) return err(wrongSize);
  if (boxes === undefined) return ok(rest);
  if (boxes.length > MAX_BOXES) {
    return err({ code: 'ANNOTATION_BOX', reason: `${boxes.length} boxes, not at most ${MAX_BOXES}` });
  }
  const settled: Box[] = [];
  for (const [index, box] of boxes.entries()) {
    const result = settleBox(unit === 'relative' ? scaleBox(box, picture) : box, picture, outside);
    if (!result.ok) return err(boxProblem(box, index, result.error));
    settled.push(result.value);
  }
  return ok({ ...rest, boxes: settled });
}

function sizeProblem(size: PictureSize | undefined, picture: PictureSize): AnnotationProblem | null {
  if (size === undefined || (size.width === picture.width && size.height === picture.height)) return null;
  const turned = size.width === picture.height && size.height === picture.width;
  const why = turned ? '; the picture is turned by its EXIF orientation' : '';
  const reason = `${picture.width}×${picture.height} pixels, not ${size.width}×${size.height} as its annotations say${why}`;
  return { code: 'ANNOTATION_SIZE', reason };
}

/** The box within the picture, or what is wrong with it. */
export function settleBox(box: Box, { width, height }: PictureSize, outside: OutsideBoxes): Result<Box, string> {
  const { xMin, yMin, xMax, yMax } = box;
  if (![xMin, yMin, xMax, yMax].every(Number.isFinite)) return err('not finite');
  if (box.area !== undefined && !(Number.isFinite(box.area) && box.area >= 0)) return err('of an impossible area');
  if (xMax < xMin || yMax < yMin) return err('reversed');
  if (xMax === xMin || yMax === yMin) return err('without area');
  const beyond = Math.max(-xMin, -yMin, xMax - width, yMax - height);
  const clipped = clipBox(box, { width, height });
  if (clipped === null) return err(`outside the ${width}×${height} picture`);
  if (beyond > ROUNDING_PX && outside === 'quarantine') {
    return err(`${round(beyond)} pixels beyond the ${width}×${height} picture`);
  }
  return ok(clipped);
}

/** The part of a box that lies in the picture; null where nothing of it does. */
export function clipBox<T extends Box>(box: T, { width, height }: PictureSize): T | null {
  const xMin = Math.max(0, box.xMin);
  const yMin = Math.max(0, box.yMin);
  const xMax = Math.min(width, box.xMax);
  const yMax = Math.min(height, box.yMax);
  if (!(xMax > xMin && yMax > yMin)) return null;
  return { ...box, xMin, yMin, xMax, yMax };
}

/** From shares of the picture's sides to pixels. */
export function scaleBox<T extends Box>(box: T, { width, height }: PictureSize): T {
  return {
    ...box,
    xMin: box.xMin * width,
    yMin: box.yMin * height,
    xMax: box.xMax * width,
    yMax: box.yMax * height,
  };
}

function boxProblem({ label, xMin, yMin, xMax, yMax }: Box, index: number, why: string): AnnotationProblem {
  const edges = [xMin, yMin, xMax, yMax].map(round).join(', ');
  return { code: 'ANNOTATION_BOX', reason: `box ${index + 1} (${label.slice(0, 60)}: ${edges}) is ${why}` };
}

const round = (value: number): number => Math.round(value * 100) / 100;
