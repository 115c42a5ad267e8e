import { describe, expect, it } from 'vitest';
import { measuredFigures, measuredName } from '../training/measured-normalization.ts';
import { PixelHistogram } from './pixel-statistics.ts';

describe('PixelHistogram', () => {
  it('gives mean and deviation of each channel, in whatever pieces the pixels come', () => {
    const pixels = Uint8Array.from({ length: 3 * 1000 }, (_, i) => (i * i) % 251);
    const channel = (c: number): number[] => [...pixels].filter((_, i) => i % 3 === c);
    const pieces = new PixelHistogram();
    for (let at = 0; at < pixels.length; at += 300) pieces.add(pixels.subarray(at, at + 300), 3);
    const seen = pieces.statistics();
    for (const c of [0, 1, 2] as const) {
      const values = channel(c);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      expect(seen?.mean[c]).toBeCloseTo(mean, 10);
      expect(seen?.deviation[c]).toBeCloseTo(Math.sqrt(variance), 10);
    }
  });

  it('takes gray for all three, leaves a plain picture unscaled, and knows nothing of nothing', () => {
    const gray = new PixelHistogram();
    expect(gray.statistics()).toBeNull();
    gray.add(Uint8Array.of(10, 30), 1);
    expect(gray.statistics()).toEqual({ mean: [20, 20, 20], deviation: [10, 10, 10] });
    const plain = new PixelHistogram();
    plain.add(new Uint8Array(30).fill(7), 3);
    expect(plain.statistics()).toEqual({ mean: [7, 7, 7], deviation: [1, 1, 1] });
  });
});

describe('the name of a measured normalization', () => {
  it('holds its figures', () => {
    const figures = { mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] } as const;
    const name = measuredName(figures);
    expect(name).toBe('measured:123.675,116.28,103.53/58.395,57.12,57.375');
    expect(measuredFigures(name)).toEqual(figures);
    const other = { mean: [1 / 3, 254.999999, 0], deviation: [1, 1, 127.5] } as const;
    expect(measuredName(other)).toBe('measured:0.3333,255,0/1,1,127.5');
  });

  it.each([
    'imagenet-mean-std',
    'measured',
    'measured:',
    'measured:1,2,3/0,1,1',
    'measured:1,2/1,1',
    'measured:a,b,c/1,1,1',
  ])('is not %s', (name) => {
    expect(measuredFigures(name)).toBeNull();
  });
});
