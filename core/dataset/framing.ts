import type { Box } from './annotations.ts';

/** The one identical size that pictures are rendered to. */
export interface Framing {
  readonly heightPx: number;
  readonly widthPx: number;
  readonly resize: 'stretch' | 'pad' | 'crop';
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

/** `stretch` fills the frame, `crop` fills it and keeps the centre, `pad` fits in and leaves borders. */
export function placementOf({ heightPx, widthPx, resize }: Framing, width: number, height: number): Placement {
  const factors = { down: height / heightPx, across: width / widthPx };
  if (resize === 'stretch') {
    return {
      height: { fromPx: height, toPx: heightPx, factor: factors.down },
      width: { fromPx: width, toPx: widthPx, factor: factors.across },
      ...{ top: 0, left: 0 },
    };
  }
  const factor = Math[resize === 'pad' ? 'max' : 'min'](factors.down, factors.across);
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
