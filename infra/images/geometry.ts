import type { RenderSpec } from '../ports/image-decoder.ts';
import type { Axis } from './resample/coefficients.ts';

/** Where a picture goes in its frame of `heightPx` × `widthPx`. */
export interface Placement {
  readonly height: Axis;
  readonly width: Axis;
  readonly top: number;
  readonly left: number;
}

/** `stretch` fills the frame, `crop` fills it and keeps the centre, `pad` fits in and leaves borders. */
export function placementOf({ heightPx, widthPx, resize }: RenderSpec, width: number, height: number): Placement {
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
