import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawBeta } from './beta.ts';
import { aroundZero, between, betweenLog, drawBoxShares } from './draws.ts';
import { drawBlurSigma, drawEraseBox, drawMix, drawNoise, gaussianTaps, NO_PIXELS } from './pixels.ts';
import { EVERYTHING, NOTHING } from './testing.ts';

const SIZE = { heightPx: 24, widthPx: 32 };
const at = (index: number) => ({ seed: 7, epoch: 1, index });
const rows = (count: number) => Array.from({ length: count }, (_, index) => at(index));
const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const addresses = fc.record({ seed: fc.nat(), epoch: fc.nat({ max: 1000 }), index: fc.nat() });

describe('ranges', () => {
  it('are kept', () => {
    fc.assert(
      fc.property(
        share,
        fc.tuple(fc.double({ min: 0.1, max: 5, noNaN: true }), fc.double({ min: 0, max: 5, noNaN: true })),
        (u, [low, more]) => {
          const range = [low, low + more] as const;
          for (const value of [between(u, range), betweenLog(u, range)]) {
            expect(value).toBeGreaterThanOrEqual(low * (1 - 1e-12));
            expect(value).toBeLessThanOrEqual((low + more) * (1 + 1e-12));
          }
          expect(Math.abs(aroundZero(u, more))).toBeLessThanOrEqual(more);
        },
      ),
      { seed: 1 },
    );
    expect(betweenLog(0.5, [0.5, 2])).toBeCloseTo(1, 12);
    expect([aroundZero(0, 3), aroundZero(0.5, 3)]).toEqual([-3, 0]);
  });

  it('of a box: its area is the one drawn, and its aspect where that fits', () => {
    const area = [0.05, 1] as const;
    const aspect = [0.5, 2] as const;
    fc.assert(
      fc.property(share, share, (u, v) => {
        const { width, height } = drawBoxShares([u, v], { area, aspect });
        expect(width * height).toBeCloseTo(between(u, area), 9);
        expect(Math.max(width, height)).toBeLessThanOrEqual(1);
        expect(width / height).toBeGreaterThan(0.5 - 1e-9);
        expect(width / height).toBeLessThan(2 + 1e-9);
      }),
      { seed: 2 },
    );
    expect(drawBoxShares([0, 0.3], { area: [1, 1], aspect: [1.5, 2] })).toEqual({ width: 1, height: 1 });
  });
});

describe('Beta(alpha, alpha)', () => {
  it.each([0.05, 0.2, 0.4, 1, 2, 50])('for %d has mean 1/2, its variance and its symmetry', (alpha) => {
    const draws = rows(20_000).map((address) => drawBeta(address, 'mixup-share', alpha));
    expect(draws.every((value) => value >= 0 && value <= 1)).toBe(true);
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    const variance = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length;
    // The variance is 1/(4·(2·alpha + 1)); the mean is within four of its standard errors.
    const expected = 1 / (4 * (2 * alpha + 1));
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(expected / draws.length));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.025);
    expect(Math.abs(draws.filter((value) => value < 0.5).length / draws.length - 0.5)).toBeLessThan(0.015);
  });

  it('for 1 is even: a tenth of the draws in every tenth', () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const address of rows(5000)) counts[Math.floor(10 * drawBeta(address, 'mixup-share', 1))]! += 1;
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(110);
  });

  it('is a number for the smallest alpha, where both gammas are zero in floating point', () => {
    for (const address of rows(50)) expect(drawBeta(address, 'mixup-share', 1e-6)).toBeLessThanOrEqual(1);
  });
});

describe('blur', () => {
  it('has weights of sum 1, the largest in the middle, the same on both sides, in the ratio of a Gaussian', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 20, noNaN: true }), fc.integer({ min: 1, max: 60 }), (sigma, radius) => {
        const taps = gaussianTaps(sigma, radius);
        expect(taps.reduce((sum, tap) => sum + tap, 0)).toBeCloseTo(1, 12);
        expect(Math.max(...taps)).toBe(taps[radius]);
        expect(taps.toReversed()).toEqual(taps);
      }),
      { seed: 3 },
    );
    const taps = gaussianTaps(1.5, 3);
    expect(taps[3 + 2]! / taps[3]!).toBeCloseTo(Math.exp(-4 / (2 * 2.25)), 12);
    expect(gaussianTaps(0, 2)).toEqual([0, 0, 1, 0, 0]);
  });

  it('is done to the share of images that is asked for, within its range', () => {
    const sigmas = rows(2000).map((address) => drawBlurSigma(EVERYTHING, address));
    const done = sigmas.filter((sigma) => sigma > 0);
    expect(Math.abs(done.length / 2000 - 0.5)).toBeLessThan(0.05);
    expect(Math.min(...done)).toBeGreaterThanOrEqual(0.3);
    expect(Math.max(...done)).toBeLessThanOrEqual(2);
    expect(drawBlurSigma(NOTHING, at(0))).toBe(0);
  });
});

describe('noise', () => {
  it('is done to its share of images, up to its standard deviation, with 64 bits of seed', () => {
    const drawn = rows(2000).map((address) => drawNoise(EVERYTHING, address));
    const levels = drawn.map(({ level }) => level).filter((level) => level > 0);
    expect(Math.abs(levels.length / 2000 - 0.6)).toBeLessThan(0.05);
    expect(Math.max(...levels)).toBeLessThanOrEqual(8);
    expect(Math.max(...levels)).toBeGreaterThan(7.8);
    expect(new Set(drawn.map(({ seed }) => seed.join())).size).toBe(2000);
    expect(drawn.flatMap(({ seed }) => seed).every((word) => word === (word | 0))).toBe(true);
  });
});

describe('an erased box', () => {
  it('lies inside the picture, is of whole pixels and has about the area drawn', () => {
    fc.assert(
      fc.property(
        addresses,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        (address, heightPx, widthPx) => {
          const always = { ...EVERYTHING, erase: { ...EVERYTHING.erase!, probability: 1 } };
          const box = drawEraseBox(always, address, { heightPx, widthPx });
          const [y0, x0, y1, x1] = box;
          expect(box.every(Number.isInteger)).toBe(true);
          expect(0 <= y0 && y0 < y1 && y1 <= heightPx).toBe(true);
          expect(0 <= x0 && x0 < x1 && x1 <= widthPx).toBe(true);
          if (Math.min(heightPx, widthPx) > 40) {
            expect(((y1 - y0) * (x1 - x0)) / (heightPx * widthPx)).toBeGreaterThan(0.012);
            expect(((y1 - y0) * (x1 - x0)) / (heightPx * widthPx)).toBeLessThan(0.23);
          }
        },
      ),
      { seed: 4 },
    );
  });

  it('reaches every border, and is there for its share of images', () => {
    const boxes = rows(3000).map((address) => drawEraseBox(EVERYTHING, address, SIZE));
    const there = boxes.filter((box) => box !== NO_PIXELS);
    expect(Math.abs(there.length / 3000 - 0.6)).toBeLessThan(0.05);
    expect(Math.min(...there.map(([y0]) => y0))).toBe(0);
    expect(Math.min(...there.map(([, x0]) => x0))).toBe(0);
    expect(Math.max(...there.map(([, , y1]) => y1))).toBe(24);
    expect(Math.max(...there.map(([, , , x1]) => x1))).toBe(32);
  });
});

describe('mixing', () => {
  it('is by mixup or by cutmix, never both, and the target’s share is that of the pixels', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        const { blendShare, box, targetShare } = drawMix(EVERYTHING, address, SIZE);
        const [y0, x0, y1, x1] = box;
        const boxShare = (Math.max(0, y1 - y0) * Math.max(0, x1 - x0)) / (24 * 32);
        expect(blendShare === 1 || boxShare === 0).toBe(true);
        expect(targetShare).toBeCloseTo(blendShare * (1 - boxShare), 12);
        expect(targetShare >= 0 && targetShare <= 1).toBe(true);
        expect(0 <= y0 && y0 <= 24 && y1 <= 24 && 0 <= x0 && x0 <= 32 && x1 <= 32).toBe(true);
      }),
      { seed: 5 },
    );
  });

  it('happens to the shares of images that are asked for', () => {
    const config = { ...NOTHING, mixup: { probability: 0.3, alpha: 1 }, cutmix: { probability: 0.2, alpha: 1 } };
    const mixes = rows(3000).map((address) => drawMix(config, address, SIZE));
    const blended = mixes.filter(({ blendShare }) => blendShare < 1).length;
    const boxed = mixes.filter(({ box }) => box !== NO_PIXELS).length;
    expect(Math.abs(blended / 3000 - 0.3)).toBeLessThan(0.04);
    expect(Math.abs(boxed / 3000 - 0.2)).toBeLessThan(0.04);
  });

  it('by cutmix gives the partner 1 − λ of the area on average, but for what is cut at the border', () => {
    const config = { ...NOTHING, cutmix: { probability: 1, alpha: 1 } };
    const shares = rows(4000).map(
      (address) => 1 - drawMix(config, address, { heightPx: 200, widthPx: 200 }).targetShare,
    );
    // Side s = √(1 − λ) about a uniform centre keeps s − s²/4 of the side on average: E[(s − s²/4)²] for s² uniform.
    const expected = 1 / 2 - (1 / 2) * (2 / 5) + (1 / 16) * (1 / 3);
    expect(Math.abs(shares.reduce((sum, value) => sum + value, 0) / 4000 - expected)).toBeLessThan(0.015);
  });
});
