import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { detectionCase } from '../../../test/lib/detection-cases.ts';
import type { DetectionSet } from './boxes.ts';
import { ancestorsOf } from './label-tree.ts';
import { evaluateOpenImages, openImagesV2 } from './open-images.ts';

/** Made by test/golden/detection/make_open_images.py from the TF Object Detection API. */
const Golden = z.array(z.object({ seed: z.int(), v2: z.array(z.number()), challenge: z.array(z.number()) }));
const path = new URL('../../../test/golden/detection/open_images.json', import.meta.url);
const golden = Golden.parse(JSON.parse(readFileSync(path, 'utf8')));

describe('Open Images’ metrics', () => {
  test('equal the TF Object Detection API’s, of V2 and of the challenge', () => {
    expect(golden.length).toBeGreaterThanOrEqual(150);
    for (const { seed, v2, challenge } of golden) {
      const set = detectionCase(seed);
      for (const [groupWeight, expected] of [
        [0, v2],
        [1, challenge],
      ] as const) {
        const { perClass } = evaluateOpenImages(set, { ...openImagesV2, groupWeight });
        expect(perClass.length).toBe(expected.length);
        for (const [index, value] of perClass.entries()) {
          expect(Math.abs(value - (expected[index] ?? Number.NaN)), `case ${seed}, class ${index}`).toBeLessThan(1e-9);
        }
      }
    }
  });

  // Vehicle ⊃ car ⊃ taxi. A taxi that is found as a car is right as a car and missed as a taxi.
  const truth = { image: 0, category: 2, box: [0, 0, 10, 10], area: 100, crowd: false, difficult: false } as const;
  const set: DetectionSet = {
    images: 2,
    categories: ['vehicle', 'car', 'taxi'],
    truths: [truth],
    detections: [
      { image: 0, category: 1, box: [0, 0, 10, 10], score: 0.9 },
      { image: 1, category: 2, box: [0, 0, 10, 10], score: 0.8 },
    ],
  };
  const tree = {
    LabelName: '/m/0bl9f',
    Subcategory: [
      { LabelName: 'vehicle', Subcategory: [{ LabelName: 'car', Subcategory: [{ LabelName: 'taxi' }] }] },
      { LabelName: 'boat' },
    ],
  };

  test('an object is one of every class above its own', () => {
    const ancestors = ancestorsOf(tree, set.categories);
    expect([...ancestors]).toEqual([
      [0, []],
      [1, [0]],
      [2, [0, 1]],
    ]);
    expect(evaluateOpenImages(set).perClass).toEqual([-1, -1, 0]);
    expect(evaluateOpenImages(set, { ...openImagesV2, ancestors }).perClass).toEqual([0, 1, 0]);
  });

  test('a class that nobody has looked for in an image can’t be wrong there', () => {
    const found = { image: 0, category: 2, box: [0, 0, 10, 10] as const, score: 0.5 };
    const both = { ...set, detections: [...set.detections, found] };
    expect(evaluateOpenImages(both).perClass[2]).toBe(0.5);
    const verified = (image: number) => new Set(image === 0 ? [2] : []);
    expect(evaluateOpenImages(both, { ...openImagesV2, verified }).perClass[2]).toBe(1);
  });
});
