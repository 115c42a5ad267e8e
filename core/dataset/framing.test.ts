import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boxInFrame, boxInPicture, placementOf } from './framing.ts';

const side = fc.integer({ min: 1, max: 4000 });
const resize = fc.constantFrom('stretch', 'pad', 'crop');
const edge = fc.double({ min: 0, max: 1, noNaN: true });

describe('boxes in a frame', () => {
  it('go there and back exactly, however the picture is resized', () => {
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        resize,
        fc.tuple(edge, edge, edge, edge),
        (w, h, widthPx, heightPx, way, at) => {
          const placement = placementOf({ widthPx, heightPx, resize: way }, w, h);
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
});
