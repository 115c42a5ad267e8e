import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBoxes, encodeBoxes } from './box-coder.ts';
import { iouMatrix, iouAt } from './boxes.ts';
import { matchAnchors, matchBipartite, ssdMatcher } from './matcher.ts';
import { suppress, suppressByClass, suppressSoftly } from './suppression.ts';
import { assignTargets } from './targets.ts';

const flat = (rows: readonly (readonly number[])[]): Float64Array => Float64Array.from(rows.flat());
const anyBox = fc
  .tuple(
    fc.double({ min: 0, max: 0.8, noNaN: true }),
    fc.double({ min: 0, max: 0.8, noNaN: true }),
    fc.double({ min: 0.02, max: 0.9, noNaN: true }),
    fc.double({ min: 0.02, max: 0.9, noNaN: true }),
  )
  .map(([y, x, h, w]) => [y, x, y + h, x + w] as const);

describe('the box coder', () => {
  test('gives the codes of faster_rcnn_box_coder_test.py', () => {
    const boxes = flat([
      [10, 10, 20, 15],
      [0.2, 0.1, 0.5, 0.4],
    ]);
    const anchors = flat([
      [15, 12, 30, 18],
      [0.1, 0, 0.7, 0.9],
    ]);
    const plain = [
      [-0.5, -0.416666, -0.405465, -0.182321],
      [-0.083333, -0.222222, -0.693147, -1.098612],
    ];
    const scaled = [
      [-1, -1.25, -1.62186, -0.911608],
      [-0.166667, -0.666667, -2.772588, -5.493062],
    ];
    for (const [scales, expected] of [
      [[1, 1, 1, 1], plain],
      [[2, 3, 4, 5], scaled],
    ] as const) {
      const codes = encodeBoxes(boxes, anchors, scales);
      for (const [index, value] of expected.flat().entries()) expect(codes[index]).toBeCloseTo(value, 5);
    }
  });

  test('there and back', () => {
    fc.assert(
      fc.property(anyBox, anyBox, (box, anchor) => {
        const back = decodeBoxes(encodeBoxes(flat([box]), flat([anchor])), flat([anchor]));
        for (const [index, value] of box.entries()) expect(back[index]).toBeCloseTo(value, 4);
      }),
    );
  });
});

describe('the argmax matcher, against the values of argmax_matcher_test.py', () => {
  const similarity = flat([
    [1, 1, 1, 3, 1],
    [2, -1, 2, 0, 4],
    [3, 0, -1, 0, 0],
  ]);
  const lone = flat([
    [1, 1, 1, 3, 1],
    [-1, 0, -2, -2, -1],
    [3, 0, -1, 2, 0],
  ]);
  const thresholds = { matched: 3, unmatched: 2, forceEach: false };

  test('one threshold', () => {
    expect([...matchAnchors(similarity, 3, 5, { ...thresholds, unmatched: 3 })]).toEqual([2, -1, -1, 0, 1]);
  });
  test('two: in between it is undecided', () => {
    expect([...matchAnchors(similarity, 3, 5, thresholds)]).toEqual([2, -1, -2, 0, 1]);
  });
  test('a truth that nothing fits goes empty, or is given its best by force', () => {
    expect([...matchAnchors(lone, 3, 5, thresholds)]).toEqual([2, -1, -1, 0, -1]);
    expect([...matchAnchors(lone, 3, 5, { ...thresholds, forceEach: true })]).toEqual([2, 1, -1, 0, -1]);
  });
  test('without truths all is background', () => {
    expect([...matchAnchors(new Float64Array(), 0, 3, ssdMatcher)]).toEqual([-1, -1, -1]);
  });
  test('two truths that claim one anchor: the first has it', () => {
    expect([
      ...matchAnchors(
        flat([
          [0.4, 0.1],
          [0.4, 0.2],
        ]),
        2,
        2,
        ssdMatcher,
      ),
    ]).toEqual([0, -1]);
  });
});

test('bipartite matching takes the most similar pair first', () => {
  const similarity = flat([
    [0.5, 0.1, 0.8],
    [0.8, 0.2, 0.9],
  ]);
  expect([...matchBipartite(similarity, 2, 3)]).toEqual([0, -1, 1]);
});

describe('targets of an image', () => {
  const anchors = flat([
    [0, 0, 0.5, 0.5],
    [0.5, 0.5, 1, 1],
    [0, 0.5, 0.5, 1],
  ]);

  test('a matched anchor has the class and the codes of its object, the others are background', () => {
    const targets = assignTargets({ boxes: flat([[0.45, 0.5, 0.95, 1]]), labels: [4] }, anchors, ssdMatcher);
    expect([...targets.labels]).toEqual([0, 5, 0]);
    expect([...targets.codeWeights]).toEqual([0, 1, 0]);
    expect([...targets.labelWeights]).toEqual([1, 1, 1]);
    // (.7 − .75)/.5 × 10 = −1; sizes are equal.
    const expected = [0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0].map((value): unknown => expect.closeTo(value, 5));
    expect([...targets.codes]).toEqual(expected);
    expect(targets.matched).toBe(1);
  });

  test('no objects: all background, and it counts', () => {
    const targets = assignTargets({ boxes: new Float32Array(), labels: [] }, anchors, ssdMatcher);
    expect([[...targets.labels], [...targets.labelWeights], targets.matched]).toEqual([[0, 0, 0], [1, 1, 1], 0]);
  });

  test('each object has an anchor where there are enough, and every anchor with IoU ≥ .5 is matched', () => {
    fc.assert(
      fc.property(
        fc.array(anyBox, { minLength: 1, maxLength: 4 }),
        fc.array(anyBox, { minLength: 8, maxLength: 20 }),
        (truths, priors) => {
          const [boxes, own] = [flat(truths), flat(priors)];
          const matches = matchAnchors(iouMatrix(boxes, own), truths.length, priors.length, ssdMatcher);
          for (const [anchor, match] of matches.entries()) {
            const best = Math.max(...truths.map((_, truth) => iouAt(boxes, truth, own, anchor)));
            if (best >= 0.5) expect(match).toBeGreaterThanOrEqual(0);
          }
        },
      ),
    );
  });
});

describe('suppression', () => {
  const boxes = flat([
    [0, 0, 1, 1],
    [0, 0.1, 1, 1.1],
    [0, -0.1, 1, 0.9],
    [0, 10, 1, 11],
    [0, 10.1, 1, 11.1],
    [0, 100, 1, 101],
  ]);
  const scores = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3];

  test('keeps the surest of each cluster, as TensorFlow’s own test of NonMaxSuppression has it', () => {
    expect(suppress(boxes, scores, { scoreThreshold: 0, iouThreshold: 0.5, limit: 10 })).toEqual([3, 0, 5]);
    expect(suppress(boxes, scores, { scoreThreshold: 0.4, iouThreshold: 0.5, limit: 10 })).toEqual([3, 0]);
    expect(suppress(boxes, scores, { scoreThreshold: 0, iouThreshold: 0.5, limit: 2 })).toEqual([3, 0]);
  });

  test('softly: scores fall by exp(−IoU²/σ), nothing is dropped that stays above the threshold', () => {
    const kept = suppressSoftly(boxes, scores, { scoreThreshold: 0, sigma: 0.5, limit: 10 });
    expect(kept.map(({ index }) => index).slice(0, 2)).toEqual([3, 0]);
    // IoU of boxes 0 and 1 is .9/1.1.
    const second = kept.find(({ index }) => index === 1);
    const iou02 = 0.8 / 1.2;
    const expected = 0.75 * Math.exp(-((0.9 / 1.1) ** 2) / 0.5);
    expect(second?.score).toBeLessThanOrEqual(expected + 1e-12);
    expect([expected, expected * Math.exp(-(iou02 ** 2) / 0.5)]).toContainEqual(expect.closeTo(second?.score ?? 0, 9));
  });

  test('class by class: an object of another class at the same place stays', () => {
    const two = flat([
      [0, 0, 1, 1],
      [0, 0, 1, 1],
    ]);
    const options = { scoreThreshold: 0.1, iouThreshold: 0.6, perClass: 10, total: 10 };
    expect(suppressByClass(two, [0.9, 0, 0.2, 0.8], 2, options)).toEqual([
      { index: 0, label: 0, score: 0.9 },
      { index: 1, label: 1, score: 0.8 },
    ]);
  });

  test('of what is kept no two overlap by more than the threshold, and what is dropped overlaps a surer one', () => {
    fc.assert(
      fc.property(fc.array(anyBox, { minLength: 1, maxLength: 12 }), (list) => {
        const all = flat(list);
        const own = list.map((_, index) => 1 / (index + 2));
        const kept = suppress(all, own, { scoreThreshold: 0, iouThreshold: 0.4, limit: 100 });
        for (const index of list.keys()) {
          const over = kept.filter((other) => other < index && iouAt(all, index, all, other) > 0.4);
          expect(kept.includes(index)).toBe(over.length === 0);
        }
      }),
    );
  });
});
