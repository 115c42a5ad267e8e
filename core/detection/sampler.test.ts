import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stream } from '../rng.ts';
import { gridAnchors } from './anchors.ts';
import { iouAt } from './boxes.ts';
import { anchorsInside, rpnTargets, takingPart } from './rpn-targets.ts';
import { roiSampler, rpnSampler, sampleBalanced } from './sampler.ts';

const counts = (examples: readonly number[], chosen: Uint8Array) => ({
  positives: examples.filter((kind, i) => kind === 1 && chosen[i] === 1).length,
  negatives: examples.filter((kind, i) => kind === 0 && chosen[i] === 1).length,
  ignored: examples.filter((kind, i) => kind === -1 && chosen[i] === 1).length,
});
const made = (positives: number, negatives: number, ignored: number): number[] => [
  ...Array.from({ length: positives }, () => 1),
  ...Array.from({ length: negatives }, () => 0),
  ...Array.from({ length: ignored }, () => -1),
];

describe('the balanced sampler', () => {
  const draw = (examples: readonly number[], epoch = 0) =>
    sampleBalanced(examples, roiSampler, stream(1, 'test'), { epoch, index: 3 });

  test('takes a quarter of positives at most and fills up with negatives, as the published one', () => {
    expect(counts(made(100, 900, 5), draw(made(100, 900, 5)))).toEqual({ positives: 16, negatives: 48, ignored: 0 });
    expect(counts(made(3, 900, 5), draw(made(3, 900, 5)))).toEqual({ positives: 3, negatives: 61, ignored: 0 });
    // Positives never take the place of negatives that are not there.
    expect(counts(made(100, 10, 5), draw(made(100, 10, 5)))).toEqual({ positives: 16, negatives: 10, ignored: 0 });
    expect(counts(made(0, 0, 5), draw(made(0, 0, 5)))).toEqual({ positives: 0, negatives: 0, ignored: 0 });
  });

  test('holds for any mixture, and the same address gives the same choice', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(1, 0, -1), { maxLength: 700 }), (examples) => {
        const chosen = sampleBalanced(examples, rpnSampler, stream(2, 'test'), { epoch: 1, index: 9 });
        const { positives, negatives, ignored } = counts(examples, chosen);
        const all = counts(examples, new Uint8Array(examples.length).fill(1));
        expect(ignored).toBe(0);
        expect(positives).toBe(Math.min(128, all.positives));
        expect(negatives).toBe(Math.min(256 - positives, all.negatives));
        const again = sampleBalanced(examples, rpnSampler, stream(2, 'test'), { epoch: 1, index: 9 });
        expect(again).toEqual(chosen);
      }),
    );
  });

  test('draws evenly, anew in every epoch', () => {
    const examples = made(40, 200, 0);
    const hits = new Float64Array(240);
    for (let epoch = 0; epoch < 400; epoch++) {
      for (const [place, hit] of draw(examples, epoch).entries()) hits[place] = (hits[place] ?? 0) + hit;
    }
    // 16 of 40 and 48 of 200 in 400 epochs: 160 and 96; five standard deviations of a binomial are 49 and 43.
    for (const [place, count] of hits.entries()) {
      expect(Math.abs(count - (place < 40 ? 160 : 96))).toBeLessThan(place < 40 ? 49 : 43);
    }
  });
});

describe('targets of the region proposal network', () => {
  const shares = (anchors: Float32Array, side: number): Float32Array => anchors.map((value) => value / side);
  const anchors = shares(gridAnchors({ rows: 8, columns: 8 }, { scales: [0.25, 0.5], aspectRatios: [1], basePx: 64, stridePx: 16 }), 128); // prettier-ignore
  const inside = anchorsInside(anchors);
  const boxes = Float64Array.of(0.3, 0.3, 0.55, 0.55, 0.7, 0.6, 0.83, 0.72);
  const draw = { seed: 1, epoch: 0, index: 0 };

  test('anchors that reach beyond the image take no part', () => {
    const { labels } = rpnTargets(boxes, takingPart(anchors, inside), draw);
    expect(inside.some((flag) => flag === 0)).toBe(true);
    for (const [anchor, flag] of inside.entries()) if (flag === 0) expect(labels[anchor]).toBe(-1);
  });

  test('every object has an anchor, background lies below .3, and what is in between does not count', () => {
    const { labels } = rpnTargets(boxes, takingPart(anchors, inside), draw);
    for (const object of [0, 1]) {
      const best = Math.max(...[...inside.keys()].filter((a) => inside[a] === 1).map((a) => iouAt(boxes, object, anchors, a))); // prettier-ignore
      expect([...labels.keys()].some((a) => labels[a] === 1 && iouAt(boxes, object, anchors, a) === best)).toBe(true);
    }
    for (const [anchor, label] of labels.entries()) {
      if (label === 0) expect(Math.max(iouAt(boxes, 0, anchors, anchor), iouAt(boxes, 1, anchors, anchor))).toBeLessThan(0.3); // prettier-ignore
    }
  });

  test('an image without objects is all background', () => {
    const { labels, codes } = rpnTargets(new Float64Array(), takingPart(anchors, inside), draw);
    expect(labels.every((label) => label <= 0)).toBe(true);
    expect(labels.filter((label) => label === 0).length).toBe(inside.filter((flag) => flag === 1).length);
    expect(codes.every((code) => code === 0)).toBe(true);
  });
});
