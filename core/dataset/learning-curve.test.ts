import { describe, expect, it } from 'vitest';
import { stream } from '../rng.ts';
import type { LabelledCodes } from '../linear/objectives.ts';
import { judgeCurve, learningCurve } from './learning-curve.ts';
import type { CurvePoint, LearningCurve } from './learning-curve.ts';
import { unlikeImages } from './unlike.ts';

/** Two clouds, `apart` standard deviations from each other, in so many directions that few images don't tell. */
function clouds(rows: number, apart: number, seed: number): LabelledCodes {
  const width = 40;
  const { normal } = stream(seed, 'clouds');
  const labels = Int32Array.from({ length: rows }, (_, row) => row % 2);
  const codes = Float32Array.from({ length: rows * width }, (_, at) => {
    const row = Math.floor(at / width);
    return normal(0, at) + (row % 2 === 0 ? 1 : -1) * (apart / 2 / Math.sqrt(width));
  });
  return { codes, labels, width, classes: 2 };
}

function curveOf(train: LabelledCodes, held: LabelledCodes): LearningCurve {
  const steps = learningCurve(train, held, 1);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

const points = (entries: readonly (readonly [number, number])[]): CurvePoint[] =>
  entries.map(([images, accuracy]) => ({ images, accuracy, draws: [accuracy] }));

describe('learningCurve', () => {
  it('rises where images are few for what is to be told apart, and asks for more', () => {
    const curve = curveOf(clouds(120, 2.4, 1), clouds(1_000, 2.4, 2));
    expect(curve.points.map(({ images }) => images)).toEqual([12, 24, 48, 72, 96, 120]);
    expect(curve.points.map(({ draws }) => draws.length)).toEqual([3, 3, 3, 3, 3, 1]);
    expect(curve.verdict).toBe('more');
    expect(curve.accuracyAtTwice).toBeGreaterThan(curve.points.at(-1)!.accuracy + 0.01);
    expect(curve).toEqual(curveOf(clouds(120, 2.4, 1), clouds(1_000, 2.4, 2)));
  });

  it('is flat where everything is learnt from the first', () => {
    const curve = curveOf(clouds(200, 12, 1), clouds(400, 12, 2));
    expect(curve.points.at(-1)!.accuracy).toBe(1);
    expect(curve).toMatchObject({ verdict: 'enough', accuracyAtTwice: null, standardError: 0 });
  });
});

describe('judgeCurve', () => {
  it('goes on along the power law: an error that halves with four times the images', () => {
    const curve = judgeCurve(points([[100, 0.6], [200, 1 - 0.4 / Math.SQRT2], [400, 0.8], [800, 1 - 0.2 / Math.SQRT2]]), 1_000); // prettier-ignore
    expect(curve.accuracyAtTwice).toBeCloseTo(0.9, 6);
    expect(curve.verdict).toBe('more');
  });

  it('says that a small test can’t tell a rise from chance', () => {
    const rising = points([[100, 0.8], [200, 0.81], [400, 0.82], [800, 0.83]]); // prettier-ignore
    expect(judgeCurve(rising, 5_000).verdict).toBe('little');
    expect(judgeCurve(rising, 50).verdict).toBe('unsure');
  });

  it('never promises less than there is, and nothing of two points', () => {
    expect(judgeCurve(points([[100, 0.9], [200, 0.88], [400, 0.87]]), 500)).toMatchObject({ accuracyAtTwice: 0.87, verdict: 'enough' }); // prettier-ignore
    expect(judgeCurve(points([[10, 0.5], [20, 0.6]]), 500).accuracyAtTwice).toBeNull(); // prettier-ignore
  });
});

describe('unlikeImages', () => {
  it('finds the image that is like no training image, and no other', () => {
    const train = clouds(300, 30, 1);
    const held = clouds(60, 30, 2);
    for (let i = 0; i < held.width; i++) held.codes[17 * held.width + i] = i % 2 === 0 ? 9 : -9;
    const [first, ...others] = unlikeImages(train.codes, held.codes, train.width);
    expect(first?.row).toBe(17);
    expect(others.length).toBeLessThanOrEqual(3);
    expect(unlikeImages(train.codes, train.codes, train.width)).toEqual([]);
  });
});
