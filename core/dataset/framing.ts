import type { Box } from './annotations.ts';

export const resizings = ['stretch', 'pad', 'crop', 'keep-aspect'] as const;
export type Resizing = (typeof resizings)[number];

/** What `keep-aspect` brings sides to: the shorter one to `minPx`, unless the longer one would then exceed `maxPx`. */
export type KeptAspect = { readonly minPx: number; readonly maxPx: number };

/** The one identical size that pictures are rendered to. */
export interface Framing {
  readonly heightPx: number;
  readonly widthPx: number;
  readonly resize: Resizing;
  /** For `keep-aspect`, and for that alone. */
  readonly keepAspect?: KeptAspect | undefined;
}

/** One direction: `toPx` places over a source of `fromPx`, `factor` source pixels apart, centre on centre. */
export interface FramedAxis {
  readonly fromPx: number;
  readonly toPx: number;
  readonly factor: number;
}

/** Where a picture goes in its frame of `heightPx` × `widthPx`. */
export interface Placement {
  readonly height: FramedAxis;
  readonly width: FramedAxis;
  readonly top: number;
  readonly left: number;
}

/**
 * `stretch` fills the frame, `crop` fills it and keeps the centre, `pad` fits in and leaves borders; so does `keep-aspect`,
 * which stops enlarging where the sides are what it brings them to.
 */
export function placementOf(frame: Framing, width: number, height: number): Placement {
  const { heightPx, widthPx, resize } = frame;
  const factors = { down: height / heightPx, across: width / widthPx };
  if (resize === 'stretch') {
    return {
      height: { fromPx: height, toPx: heightPx, factor: factors.down },
      width: { fromPx: width, toPx: widthPx, factor: factors.across },
      ...{ top: 0, left: 0 },
    };
  }
  const factor = sharedFactor(frame, width, height);
  const fitting = (fromPx: number, atMost: number): number => {
    return resize === 'crop' ? atMost : Math.max(1, Math.min(atMost, Math.round(fromPx / factor)));
  };
  const [toHeight, toWidth] = [fitting(height, heightPx), fitting(width, widthPx)];
  return {
    height: { fromPx: height, toPx: toHeight, factor },
    width: { fromPx: width, toPx: toWidth, factor },
    top: Math.floor((heightPx - toHeight) / 2),
    left: Math.floor((widthPx - toWidth) / 2),
  };
}

/** Pixels of a picture for one of the frame, where both directions have the same. */
export function sharedFactor(frame: Framing, width: number, height: number): number {
  const { heightPx, widthPx, resize, keepAspect } = frame;
  const [down, across] = [height / heightPx, width / widthPx];
  if (resize === 'crop') return Math.min(down, across);
  if (resize !== 'keep-aspect' || keepAspect === undefined) return Math.max(down, across);
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  return Math.max(down, across, short / keepAspect.minPx, long / keepAspect.maxPx);
}

type Edges = Pick<Box, 'xMin' | 'yMin' | 'xMax' | 'yMax'>;

/** A box of the picture in pixels of the frame: where the resampler puts what it encloses. It may reach beyond the frame. */
export function boxInFrame<T extends Edges>(box: T, { height, width, top, left }: Placement): T {
  const across = (x: number): number => left + width.toPx / 2 + (x - width.fromPx / 2) / width.factor;
  const down = (y: number): number => top + height.toPx / 2 + (y - height.fromPx / 2) / height.factor;
  return { ...box, xMin: across(box.xMin), yMin: down(box.yMin), xMax: across(box.xMax), yMax: down(box.yMax) };
}

/** The way back: a box of the frame, such as a detection, in pixels of the picture. */
export function boxInPicture<T extends Edges>(box: T, { height, width, top, left }: Placement): T {
  const across = (x: number): number => width.fromPx / 2 + (x - left - width.toPx / 2) * width.factor;
  const down = (y: number): number => height.fromPx / 2 + (y - top - height.toPx / 2) * height.factor;
  return { ...box, xMin: across(box.xMin), yMin: down(box.yMin), xMax: across(box.xMax), yMax: down(box.yMax) };
}
