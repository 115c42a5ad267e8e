import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageBox } from './boxes.ts';
import { cornersBounds, moveBox } from './boxes.ts';
import { drawTransform } from './geometry.ts';
import { EVERYTHING, NOTHING } from './testing.ts';
import { cropTo, flipHorizontal, flipVertical, IDENTITY, invert, rotateBy, translateBy, zoomBy } from './transform.ts';

const SIZE = { heightPx: 40, widthPx: 60 };
const WHOLE = { x0: 0, y0: 0, x1: 60, y1: 40 };
const share = fc.double({ min: 0, max: 1, noNaN: true });
const boxes = fc.tuple(share, share, share, share).map(([a, b, c, d]): ImageBox => {
  const [x0, y0] = [a * 50, b * 30];
  return { x0, y0, x1: x0 + 1 + c * (59 - x0), y1: y0 + 1 + d * (39 - y0) };
});
const addresses = fc.record({ seed: fc.nat(), epoch: fc.nat({ max: 99 }), index: fc.nat() });
const sides = ['x0', 'y0', 'x1', 'y1'] as const;

function expectBox(seen: ImageBox, wanted: ImageBox): void {
  for (const side of sides) expect(seen[side]).toBeCloseTo(wanted[side], 6);
}

describe('a box', () => {
  const box = { x0: 10, y0: 5, x1: 20, y1: 15 };

  it('stays where nothing moves, and follows flips, shifts, zooms and crops', () => {
    expect(moveBox(box, IDENTITY, SIZE)).toEqual({ box, keptShare: 1 });
    expectBox(moveBox(box, flipHorizontal(SIZE), SIZE).box, { x0: 40, y0: 5, x1: 50, y1: 15 });
    expectBox(moveBox(box, flipVertical(SIZE), SIZE).box, { x0: 10, y0: 25, x1: 20, y1: 35 });
    expectBox(moveBox(box, translateBy(7, -2), SIZE).box, { x0: 17, y0: 3, x1: 27, y1: 13 });
    expectBox(moveBox(WHOLE, zoomBy(0.5, SIZE), SIZE).box, { x0: 15, y0: 10, x1: 45, y1: 30 });
    expectBox(moveBox(WHOLE, rotateBy(180, SIZE), SIZE).box, WHOLE);
    const square = { heightPx: 40, widthPx: 40 };
    expectBox(moveBox(box, rotateBy(90, square), square).box, { x0: 25, y0: 10, x1: 35, y1: 20 });
    // Half of the width from the left: twice as wide, about the first pixel's centre.
    const cropped = moveBox(box, cropTo({ width: 0.5, height: 1, left: 0, top: 0 }, SIZE), SIZE).box;
    expectBox(cropped, { x0: 19.5, y0: 5, x1: 39.5, y1: 15 });
  });

  it('that leaves the picture is cut, and its kept share is what remains', () => {
    const moved = moveBox(box, translateBy(45, 0), SIZE);
    expectBox(moved.box, { x0: 55, y0: 5, x1: 60, y1: 15 });
    expect(moved.keptShare).toBeCloseTo(0.5, 12);
    expect(moveBox(box, translateBy(-30, 0), SIZE).keptShare).toBe(0);
    expect(moveBox({ x0: 5, y0: 5, x1: 5, y1: 9 }, IDENTITY, SIZE).keptShare).toBe(0);
  });

  it('lies inside the picture whatever the draw, with a share between 0 and 1', () => {
    fc.assert(
      fc.property(boxes, addresses, (given, address) => {
        const { box: moved, keptShare } = moveBox(given, drawTransform(EVERYTHING, address, SIZE), SIZE);
        expect(0 <= moved.x0 && moved.x0 <= moved.x1 && moved.x1 <= 60).toBe(true);
        expect(0 <= moved.y0 && moved.y0 <= moved.y1 && moved.y1 <= 40).toBe(true);
        expect(keptShare >= 0 && keptShare <= 1 + 1e-12).toBe(true);
      }),
      { seed: 1 },
    );
  });

  it('goes there and back where sides stay upright', () => {
    const { crop, zoom, translate } = EVERYTHING;
    const config = { ...NOTHING, flipHorizontal: 0.5, flipVertical: 0.5, crop, zoom, translate };
    fc.assert(
      fc.property(boxes, addresses, (given, address) => {
        const transform = drawTransform(config, address, SIZE);
        expectBox(cornersBounds(cornersBounds(given, invert(transform)), transform), given);
      }),
      { seed: 2 },
    );
  });

  it('goes there and back to a box around itself where it is turned', () => {
    fc.assert(
      fc.property(boxes, addresses, (given, address) => {
        const transform = drawTransform({ ...EVERYTHING, rotateDegrees: 90 }, address, SIZE);
        const back = cornersBounds(cornersBounds(given, invert(transform)), transform);
        expect(back.x0 <= given.x0 + 1e-6 && back.y0 <= given.y0 + 1e-6).toBe(true);
        expect(back.x1 >= given.x1 - 1e-6 && back.y1 >= given.y1 - 1e-6).toBe(true);
      }),
      { seed: 3 },
    );
  });
});
