import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawTransform } from './geometry.ts';
import type { AugmentSettings } from './settings.ts';
import { EVERYTHING, NOTHING } from './testing.ts';
import type { Transform } from './transform.ts';
import {
  applyTransform,
  compose,
  cropTo,
  flipHorizontal,
  flipVertical,
  IDENTITY,
  invert,
  rotateBy,
  translateBy,
  zoomBy,
} from './transform.ts';

const SIZE = { heightPx: 20, widthPx: 30 };
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const points = fc.tuple(number(-50, 50), number(-50, 50));
/** Invertible, its vanishing line away from the picture. */
const transforms = fc
  .tuple(number(-180, 180), number(0.3, 3), number(-20, 20), number(-20, 20), number(-1e-3, 1e-3), number(-1e-3, 1e-3))
  .map(([degrees, factor, x, y, c0, c1]): Transform => {
    const affine = [rotateBy(degrees, SIZE), zoomBy(factor, SIZE), translateBy(x, y)].reduce(compose);
    return compose(affine, [1, 0, 0, 0, 1, 0, c0, c1]);
  });

function expectPoint(seen: readonly [number, number], wanted: readonly [number, number], tolerance = 1e-7): void {
  expect(Math.abs(seen[0] - wanted[0])).toBeLessThan(tolerance * (1 + Math.abs(wanted[0])));
  expect(Math.abs(seen[1] - wanted[1])).toBeLessThan(tolerance * (1 + Math.abs(wanted[1])));
}

describe('transforms', () => {
  it('compose as one after the other: from output back through the last one first', () => {
    fc.assert(
      fc.property(transforms, transforms, points, (first, then, point) => {
        expectPoint(applyTransform(compose(first, then), point), applyTransform(first, applyTransform(then, point)));
      }),
      { seed: 1 },
    );
  });

  it('have an inverse that leads back, and the identity leads nowhere', () => {
    fc.assert(
      fc.property(transforms, points, (transform, point) => {
        expectPoint(applyTransform(invert(transform), applyTransform(transform, point)), point);
        expectPoint(applyTransform(compose(transform, invert(transform)), point), point);
      }),
      { seed: 2 },
    );
    expect(applyTransform(IDENTITY, [3, 4])).toEqual([3, 4]);
    expect(() => invert([0, 0, 0, 0, 0, 0, 0, 0])).toThrow('has no inverse');
  });

  it('move pixel centres where they say', () => {
    // From an output pixel to the input pixel that it shows, in a picture 30 wide and 20 high.
    expect(applyTransform(flipHorizontal(SIZE), [0, 5])).toEqual([29, 5]);
    expect(applyTransform(flipVertical(SIZE), [4, 0])).toEqual([4, 19]);
    expect(applyTransform(translateBy(2, -3), [10, 10])).toEqual([8, 13]);
    expect(applyTransform(zoomBy(2, SIZE), [29, 19])).toEqual([21.75, 14.25]);
    // A quarter turn clockwise: what was at the bottom left comes to the top left.
    expect(applyTransform(rotateBy(90, { heightPx: 8, widthPx: 8 }), [0, 0])).toEqual([0, 7]);
    expect(applyTransform(rotateBy(180, SIZE), [0, 0])).toEqual([29, 19]);
    const part = { width: 0.5, height: 0.25, left: 1, top: 0 };
    expect(applyTransform(cropTo(part, SIZE), [0, 0])).toEqual([14.5, 0]);
    expect(applyTransform(cropTo(part, SIZE), [29, 19])).toEqual([29, 4.75]);
  });
});

describe('the transform of an image', () => {
  const addresses = fc.record({ seed: fc.nat(), epoch: fc.nat({ max: 99 }), index: fc.nat() });
  const always = (change: Partial<AugmentSettings>, check: (transform: Transform) => void): void => {
    fc.assert(
      fc.property(addresses, (address) => {
        check(drawTransform({ ...NOTHING, ...change }, address, SIZE));
      }),
      { seed: 3 },
    );
  };

  it('is the identity where nothing is asked for', () => {
    always({}, (transform) => {
      expect(transform).toEqual(IDENTITY);
    });
  });

  it('flips alone without a fraction', () => {
    always({ flipHorizontal: 1, flipVertical: 1 }, (transform) => {
      expect(transform.map((value) => value + 0)).toEqual([-1, 0, 29, 0, -1, 19, 0, 0]);
    });
    always({ flipHorizontal: 0, flipVertical: 1 }, (transform) => {
      expect(transform[0]).toBe(1);
    });
  });

  it('crops inside the picture, to an area within the range', () => {
    always({ crop: { area: [0.3, 0.8], aspect: [0.5, 2] } }, (transform) => {
      const [x0, y0] = applyTransform(transform, [0, 0]);
      const [x1, y1] = applyTransform(transform, [29, 19]);
      expect(Math.min(x0, y0)).toBeGreaterThanOrEqual(0);
      expect(x1).toBeLessThanOrEqual(29 + 1e-9);
      expect(y1).toBeLessThanOrEqual(19 + 1e-9);
      const [width, height] = [(x1 - x0) / 29, (y1 - y0) / 19];
      expect(width * height).toBeGreaterThan(0.3 - 1e-9);
      expect(width * height).toBeLessThan(0.8 + 1e-9);
      expect(width / height).toBeGreaterThan(0.5 - 1e-9);
      expect(width / height).toBeLessThan(2 + 1e-9);
    });
  });

  it('zooms, turns and shifts within the ranges', () => {
    always({ zoom: [0.8, 1.25] }, ([a0, , , , b1]) => {
      expect(a0).toBe(b1);
      expect(1 / a0).toBeGreaterThanOrEqual(0.8 - 1e-12);
      expect(1 / a0).toBeLessThanOrEqual(1.25 + 1e-12);
    });
    always({ rotateDegrees: 15 }, (transform) => {
      expect(transform[0]).toBeGreaterThanOrEqual(Math.cos(Math.PI / 12) - 1e-12);
      expectPoint(applyTransform(transform, [14.5, 9.5]), [14.5, 9.5]);
    });
    always({ translate: 0.1 }, ([a0, , x, , b1, y]) => {
      expect([a0, b1]).toEqual([1, 1]);
      expect(Math.abs(x)).toBeLessThanOrEqual(3);
      expect(Math.abs(y)).toBeLessThanOrEqual(2);
    });
  });

  it('is crop, flips, zoom, rotation and shift in this order', () => {
    const address = { seed: 4, epoch: 5, index: 6 };
    const only = (change: Partial<AugmentSettings>): Transform =>
      drawTransform({ ...NOTHING, ...change }, address, SIZE);
    const { crop, zoom, rotateDegrees, translate } = EVERYTHING;
    const flips = { flipHorizontal: 1, flipVertical: 1 };
    const steps = [only({ crop }), only(flips), only({ zoom }), only({ rotateDegrees }), only({ translate })];
    const together = drawTransform({ ...EVERYTHING, ...flips }, address, SIZE);
    for (const point of [
      [0, 0],
      [29, 0],
      [3, 17],
    ] as const) {
      const wanted = steps.toReversed().reduce<[number, number]>((at, step) => applyTransform(step, at), [...point]);
      expectPoint(applyTransform(together, point), wanted);
    }
  });
});
