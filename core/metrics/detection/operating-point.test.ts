import { describe, expect, it } from 'vitest';
import type { DetectionSet, TruthBox } from './boxes.ts';
import { objectFigures, operatingPoint, worstPictures } from './operating-point.ts';

const truth = (image: number, category: number, x: number, flags: Partial<TruthBox> = {}): TruthBox => ({
  ...{ image, category, box: [x, 0, 10, 10], area: 100, crowd: false, difficult: false },
  ...flags,
});
const found = (image: number, category: number, x: number, score: number) => ({
  ...{ image, category, score },
  box: [x, 0, 10, 10] as const,
});

// Image 0: a cat found, a dog taken for a cat, a dog missed, a cat found twice, a detection on nothing.
const set: DetectionSet = {
  images: 2,
  categories: ['cat', 'dog'],
  truths: [truth(0, 0, 0), truth(0, 1, 20), truth(0, 1, 40), truth(1, 0, 0, { difficult: true })],
  detections: [
    found(0, 0, 1, 0.9),
    found(0, 0, 21, 0.8),
    found(0, 0, 0, 0.7),
    found(0, 1, 80, 0.6),
    found(0, 1, 40, 0.4),
    found(1, 0, 0, 0.9),
  ],
};

describe('what would be shown', () => {
  it('counts each object once, against the background too; unsure and ignored ones not at all', () => {
    const point = operatingPoint(set);
    expect(point.confusion).toEqual([
      [1, 0, 0],
      [1, 0, 1],
      [1, 1, 0],
    ]);
    expect([...point.labels]).toEqual([0, 1, 1]);
    expect([...point.given]).toEqual([0, 0, -1]);
    expect(point.perImage).toEqual([
      { missed: 1, wrong: 3 },
      { missed: 0, wrong: 0 },
    ]);
    expect(worstPictures(point, ['a.png', 'b.png'])).toEqual([{ path: 'a.png', missed: 1, wrong: 3 }]);
  });

  it('gives precision and recall of each class', () => {
    const classes = set.categories;
    const figures = objectFigures(operatingPoint(set), { images: 2, loss: 1.5, classes });
    expect(figures.accuracy).toBeCloseTo(1 / 3, 12);
    expect(figures.perClass[0]).toMatchObject({ label: 'cat', support: 1, recall: 1 });
    expect(figures.perClass[0]?.precision).toBeCloseTo(1 / 3, 12);
    expect(figures.perClass[1]).toEqual({ label: 'dog', support: 2, precision: 0, recall: 0, f1: 0 });
    expect(figures.confusion).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });
});
