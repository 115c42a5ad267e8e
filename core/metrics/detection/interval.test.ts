import { describe, expect, test } from 'vitest';
import { detectionCase } from '../../../test/lib/detection-cases.ts';
import { stream } from '../../rng.ts';
import type { DetectedBox, DetectionSet, TruthBox } from './boxes.ts';
import { evaluateCoco } from './coco.ts';
import { precisionDifference, precisionIntervals } from './interval.ts';

/** One object an image; a detector that finds it with probability `skill`, and else says something false. */
function skilled(images: number, skill: number, seed: number): DetectionSet {
  const random = stream(seed, 'skilled');
  const truths: TruthBox[] = [];
  const detections: DetectedBox[] = [];
  for (let image = 0; image < images; image++) {
    const box = [10, 10, 50, 50] as const;
    truths.push({ image, category: 0, box, area: 2500, crowd: false, difficult: false });
    const [found, score] = [random.uniform(0, image) < skill, random.uniform(1, image)];
    detections.push({ image, category: 0, box: found ? box : [200, 200, 50, 50], score });
  }
  return { images, categories: ['thing'], truths, detections };
}

const quick = { resamples: 200, level: 0.95, seed: 3 };

describe('bootstrap intervals of average precision', () => {
  test('the figure itself is COCO’s, in its interval, and the same seed gives the same interval', () => {
    for (const seed of [3, 4, 8, 34]) {
      const set = detectionCase(seed);
      const found = precisionIntervals(set, quick);
      expect(found.AP.value).toBeCloseTo(evaluateCoco(set).figures.AP, 12);
      expect(found.AP50.value).toBeCloseTo(evaluateCoco(set).figures.AP50, 12);
      expect(precisionIntervals(set, quick)).toEqual(found);
    }
  });

  test('95 % of the intervals hold the figure of very many images, give or take chance', { timeout: 60_000 }, () => {
    const truth = evaluateCoco(skilled(20_000, 0.7, 99)).figures.AP50;
    let held = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { AP50 } = precisionIntervals(skilled(120, 0.7, seed), { ...quick, resamples: 100 });
      if (AP50.low <= truth && truth <= AP50.high) held++;
    }
    // Binomial(60, .95) lies below 51 less than once in a thousand times.
    expect(held).toBeGreaterThanOrEqual(51);
  });

  test('a hundred images tell less than a thousand', () => {
    const width = (images: number): number => {
      const { low, high } = precisionIntervals(skilled(images, 0.7, 5), quick).AP50;
      return high - low;
    };
    expect(width(100)).toBeGreaterThan(2 * width(1000));
  });
});

describe('two detectors on the same images', () => {
  test('the same one does not differ from itself', () => {
    const set = skilled(100, 0.6, 1);
    const { AP50, betterAP50 } = precisionDifference(set, set, quick);
    expect([AP50.value, AP50.low, AP50.high, betterAP50]).toEqual([0, 0, 0, 0.5]);
  });

  test('a clearly better one is told apart, an equal one is not', () => {
    const [weak, strong, alike] = [skilled(300, 0.5, 1), skilled(300, 0.8, 2), skilled(300, 0.5, 4)];
    const better = precisionDifference(weak, strong, quick);
    expect(better.AP50.low).toBeGreaterThan(0);
    expect(better.betterAP50).toBe(1);
    const same = precisionDifference(weak, alike, quick);
    expect(same.AP50.low).toBeLessThan(0);
    expect(same.AP50.high).toBeGreaterThan(0);
  });
});
