import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { detectionCase } from '../../../test/lib/detection-cases.ts';
import { boxIou } from './boxes.ts';
import type { DetectionSet } from './boxes.ts';
import { evaluateCoco } from './coco.ts';
import { breakDownErrors, errorKinds } from './error-breakdown.ts';
import { evaluateVoc } from './voc.ts';

/** Made by test/golden/detection/make_golden.py from pycocotools, mean-average-precision and tidecv. */
const Golden = z.array(
  z.object({
    seed: z.int(),
    coco: z.object({ stats: z.array(z.number()), perClass: z.array(z.number()) }).nullable(),
    voc: z.array(z.tuple([z.number(), z.number()])).optional(),
    vocDifficult: z.array(z.tuple([z.number(), z.number()])).optional(),
    tide: z
      .object({
        AP: z.number(),
        counts: z.array(z.int()),
        gains: z.array(z.number()),
        special: z.array(z.number()),
      })
      .optional(),
  }),
);
const path = new URL('../../../test/golden/detection/metrics.json', import.meta.url);
const golden = Golden.parse(JSON.parse(readFileSync(path, 'utf8')));

function expectClose(actual: readonly number[], expected: readonly number[], about: string): void {
  expect(actual.length, about).toBe(expected.length);
  for (const [index, value] of actual.entries()) {
    expect(Math.abs(value - (expected[index] ?? Number.NaN)), `${about}, figure ${index}`).toBeLessThan(1e-6);
  }
}

describe('against the reference implementations', () => {
  test('COCO’s twelve figures and each class’s AP equal pycocotools’ on 200 cases and more', () => {
    const cases = golden.filter(({ coco }) => coco !== null);
    expect(cases.length).toBeGreaterThanOrEqual(200);
    for (const { seed, coco } of cases) {
      const { figures, perClass } = evaluateCoco(detectionCase(seed));
      expectClose(Object.values(figures), coco?.stats ?? [], `case ${seed}`);
      expectClose(
        perClass.map(({ AP }) => AP),
        coco?.perClass ?? [],
        `classes of case ${seed}`,
      );
    }
  });

  test('VOC 2007 and 2010 equal mean-average-precision’s, with difficult objects those of VOCevaldet.m', () => {
    const pairs = (set: DetectionSet): number[] =>
      evaluateVoc(set).perClass.flatMap(({ voc07, voc10 }) => [voc07, voc10]);
    const cases = golden.filter(({ voc }) => voc !== undefined);
    expect(cases.length).toBeGreaterThanOrEqual(100);
    for (const { seed, voc, vocDifficult } of cases) {
      const set = detectionCase(seed);
      const plain = { ...set, truths: set.truths.map((truth) => ({ ...truth, crowd: false, difficult: false })) };
      expectClose(pairs(plain), voc?.flat() ?? [], `case ${seed}`);
      expectClose(pairs(set), vocDifficult?.flat() ?? [], `case ${seed} with difficult objects`);
    }
  });

  test('the breakdown of errors equals tidecv’s: counts, gains and the two special ones', () => {
    const cases = golden.filter(({ tide }) => tide !== undefined);
    expect(cases.length).toBeGreaterThanOrEqual(200);
    for (const { seed, tide } of cases) {
      const found = breakDownErrors(detectionCase(seed));
      expect(
        errorKinds.map((kind) => found.counts[kind]),
        `counts of case ${seed}`,
      ).toEqual(tide?.counts);
      const inPercent = [
        found.AP,
        ...errorKinds.map((kind) => found.gains[kind]),
        found.falsePositives,
        found.falseNegatives,
      ];
      const expected = [tide?.AP ?? 0, ...(tide?.gains ?? []), ...(tide?.special ?? [])];
      expectClose(
        inPercent.map((value) => value * 100),
        expected,
        `gains of case ${seed}`,
      );
    }
  });
});

describe('what must hold of any set', () => {
  const seeds = fc.integer({ min: 1000, max: 100_000 });

  test('detecting every object exactly and nothing else is perfect', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const set = detectionCase(seed);
        const truths = set.truths.map((truth) => ({ ...truth, crowd: false, difficult: false }));
        const detections = truths.map(({ image, category, box }) => ({ image, category, box, score: 0.9 }));
        const perfect = { ...set, truths, detections };
        const expected = truths.length === 0 ? -1 : 1;
        expect(evaluateCoco(perfect).figures.AP).toBeCloseTo(expected, 12);
        expect(evaluateVoc(perfect).voc10).toBeCloseTo(expected, 12);
        expect(Object.values(breakDownErrors(perfect).counts)).toEqual([0, 0, 0, 0, 0, 0]);
      }),
    );
  });

  test('only the order of scores matters, and a less sure false detection of a class never raises AP', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const set = detectionCase(seed);
        const squeezed = { ...set, detections: set.detections.map((d) => ({ ...d, score: Math.sqrt(d.score) / 2 })) };
        expect(evaluateCoco(squeezed).figures).toEqual(evaluateCoco(set).figures);
        const far = { image: 0, category: 0, box: [5000, 5000, 50, 50] as const, score: -1 };
        const worse = evaluateCoco({ ...set, detections: [...set.detections, far] });
        expect(worse.figures.AP).toBeLessThanOrEqual(evaluateCoco(set).figures.AP + 1e-12);
      }),
      { numRuns: 40 },
    );
  });

  test('IoU is symmetric and in [0, 1], and 1 for a box with itself', () => {
    const box = fc.tuple(
      ...[500, 500].map((max) => fc.integer({ min: 0, max })),
      ...[300, 300].map((max) => fc.integer({ min: 1, max })),
    );
    fc.assert(
      fc.property(box, box, (a, b) => {
        const [first, second] = [xywh(a), xywh(b)];
        const iou = boxIou(first, second);
        expect(iou).toBe(boxIou(second, first));
        expect(iou).toBeGreaterThanOrEqual(0);
        expect(iou).toBeLessThanOrEqual(1);
        expect(boxIou(first, first)).toBe(1);
      }),
    );
  });
});

function xywh(values: readonly number[]): readonly [number, number, number, number] {
  const [x = 0, y = 0, width = 1, height = 1] = values;
  return [x, y, width, height];
}
