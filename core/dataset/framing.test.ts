import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boxInFrame, boxInPicture, placementOf, resizings } from './framing.ts';

const side = fc.integer({ min: 1, max: 4000 });
const resize = fc.constantFrom(...resizings);
const keepAspect = fc.record({ minPx: side, maxPx: side });
const edge = fc.double({ min: 0, max: 1, noNaN: true });

describe('boxes in a frame', () => {
  it('go there and back exactly, however the picture is resized', () => {
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        fc.tuple(resize, keepAspect),
        fc.tuple(edge, edge, edge, edge),
        (w, h, widthPx, heightPx, [way, kept], at) => {
          const placement = placementOf({ widthPx, heightPx, resize: way, keepAspect: kept }, w, h);
          const box = { label: 'a', xMin: at[0] * w, yMin: at[1] * h, xMax: at[2] * w, yMax: at[3] * h };
          const back = boxInPicture(boxInFrame(box, placement), placement);
          for (const key of ['xMin', 'yMin', 'xMax', 'yMax'] as const) {
            expect(Math.abs(back[key] - box[key])).toBeLessThan(1e-6 * (1 + Math.max(w, h)));
          }
        },
      ),
    );
  });

  it('put the whole picture over the whole frame when it is stretched, inside when padded, beyond when cropped', () => {
    fc.assert(
      fc.property(side, side, side, side, (w, h, widthPx, heightPx) => {
        const whole = { xMin: 0, yMin: 0, xMax: w, yMax: h };
        const framed = (way: 'stretch' | 'pad' | 'crop') =>
          boxInFrame(whole, placementOf({ widthPx, heightPx, resize: way }, w, h));
        const stretched = framed('stretch');
        expect([stretched.xMin, stretched.yMin]).toEqual([expect.closeTo(0, 6), expect.closeTo(0, 6)]);
        expect([stretched.xMax, stretched.yMax]).toEqual([expect.closeTo(widthPx, 6), expect.closeTo(heightPx, 6)]);
        // Rounding to whole pixels leaves at most one on each side; a sliver is one pixel at least.
        const padded = framed('pad');
        expect(Math.min(padded.xMin, padded.yMin)).toBeGreaterThan(-1);
        expect(padded.xMax).toBeLessThan(widthPx + 1);
        expect(padded.yMax).toBeLessThan(heightPx + 1);
        const cropped = framed('crop');
        expect(Math.max(cropped.xMin, cropped.yMin)).toBeLessThan(1e-6);
        expect(cropped.xMax).toBeGreaterThan(widthPx - 1e-6);
        expect(cropped.yMax).toBeGreaterThan(heightPx - 1e-6);
      }),
    );
  });

  it('keep the shape of a box where the picture keeps its own', () => {
    const placement = placementOf({ widthPx: 300, heightPx: 300, resize: 'pad' }, 600, 400);
    const box = boxInFrame({ xMin: 100, yMin: 100, xMax: 200, yMax: 300 }, placement);
    expect(box).toEqual({ xMin: 50, yMin: 100, xMax: 100, yMax: 200 });
  });

  // tensorflow/models object_detection/core/preprocessor.py, _compute_new_static_size, with 600 and 1024.
  it.each([
    [
      [500, 333],
      [901, 600],
    ],
    [
      [333, 500],
      [600, 901],
    ],
    [
      [1280, 720],
      [1024, 576],
    ],
    [
      [640, 480],
      [800, 600],
    ],
    [
      [600, 600],
      [600, 600],
    ],
    [
      [2000, 500],
      [1024, 256],
    ],
  ] as const)('keep-aspect brings %j to %j, in the middle of its frame', ([width, height], [toWidth, toHeight]) => {
    const keepAspect = { minPx: 600, maxPx: 1024 };
    const placement = placementOf({ widthPx: 1024, heightPx: 1024, resize: 'keep-aspect', keepAspect }, width, height);
    expect([placement.width.toPx, placement.height.toPx]).toEqual([toWidth, toHeight]);
    expect(placement.left).toBe(Math.floor((1024 - toWidth) / 2));
    expect(placement.top).toBe(Math.floor((1024 - toHeight) / 2));
    expect(placement.width.factor).toBe(placement.height.factor);
  });

  it('keep-aspect makes what does not fit its frame smaller, never larger than asked', () => {
    fc.assert(
      fc.property(side, side, side, side, keepAspect, (w, h, widthPx, heightPx, kept) => {
        const { width, height } = placementOf({ widthPx, heightPx, resize: 'keep-aspect', keepAspect: kept }, w, h);
        const [short, long] = [Math.min(width.toPx, height.toPx), Math.max(width.toPx, height.toPx)];
        expect(width.toPx <= widthPx && height.toPx <= heightPx).toBe(true);
        expect(short).toBeLessThanOrEqual(Math.max(1, kept.minPx));
        expect(long).toBeLessThanOrEqual(Math.max(1, kept.maxPx));
      }),
    );
  });
});
