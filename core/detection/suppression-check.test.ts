import { expect, test } from 'vitest';
import { stream } from '../rng.ts';
import { sidesAt } from './boxes.ts';
import type { RawDetection } from './found-objects.ts';
import { suppressByClass } from './suppression.ts';
import { suppressionFaults } from './suppression-check.ts';

const CLASSES = 3;
const options = { scoreThreshold: 0.1, iouThreshold: 0.5, perClass: 6, total: 12, clips: false };

/** 40 crowded candidates; `each`: one box for all classes, or one for each. */
function candidates(seed: number, each: 1 | 3) {
  const random = stream(seed, 'test');
  const draw = (index: number, part: number): number => (random.words(0, index, part)[0] ?? 0) / 2 ** 32;
  const boxes = Float32Array.from({ length: 40 * each * 4 }, (_, i) => {
    const [box, edge] = [Math.floor(i / 4), i % 4];
    const start = draw(box, edge % 2) * 0.5;
    return edge < 2 ? start : start + 0.3;
  });
  const scores = Float32Array.from({ length: 40 * CLASSES }, (_, i) => Math.round(draw(1000 + i, 0) * 20) / 20);
  return { boxes, scores, classes: CLASSES };
}

const keptOf = (from: ReturnType<typeof candidates>, how = options): RawDetection[] =>
  suppressByClass(from.boxes, from.scores, CLASSES, how).map(({ index, label, score }) => ({
    ...{ label, score, box: sidesAt(from.boxes, index) },
  }));

test.each([1, 3] as const)('what greedy suppression leaves has no fault, with %i box for each candidate', (each) => {
  for (let seed = 0; seed < 20; seed++) {
    const from = candidates(seed, each);
    expect(keptOf(from).length).toBe(options.total);
    expect(suppressionFaults(keptOf(from), from, options)).toBe(0);
    const loose = { ...options, total: 100 };
    expect(suppressionFaults(keptOf(from, loose), from, loose)).toBe(0);
  }
});

test('equal scores may be taken in another order', () => {
  for (let seed = 0; seed < 20; seed++) {
    const from = candidates(seed, 1);
    // The same candidates the other way round: of equals the other one comes first.
    const turned = {
      boxes: Float32Array.from(from.boxes, (_, i) => from.boxes[(39 - Math.floor(i / 4)) * 4 + (i % 4)]!),
      scores: Float32Array.from(
        from.scores,
        (_, i) => from.scores[(39 - Math.floor(i / CLASSES)) * CLASSES + (i % CLASSES)]!,
      ),
      classes: CLASSES,
    };
    expect(suppressionFaults(keptOf(turned), from, options)).toBe(0);
  }
});

test('one too few, one too many, one of another place and one of another limit are faults', () => {
  const from = candidates(1, 1);
  const loose = { ...options, total: 100, perClass: 100 };
  const kept = keptOf(from, loose);
  const [first, ...rest] = kept;
  expect(suppressionFaults(rest, from, loose)).toBeGreaterThan(0);
  expect(suppressionFaults([...kept, first!], from, loose)).toBeGreaterThan(0);
  const moved = { ...first!, box: [0, 0, 0.3, 0.3] as const };
  expect(suppressionFaults([moved, ...rest], from, loose)).toBeGreaterThan(0);
  expect(suppressionFaults([{ ...first!, label: 7 }, ...rest], from, loose)).toBeGreaterThan(0);
  expect(suppressionFaults(keptOf(from, { ...loose, iouThreshold: 0.8 }), from, loose)).toBeGreaterThan(0);
  expect(suppressionFaults(keptOf(from, { ...loose, iouThreshold: 0.2 }), from, loose)).toBeGreaterThan(0);
  expect(suppressionFaults(keptOf(from, { ...loose, scoreThreshold: 0.5 }), from, loose)).toBeGreaterThan(0);
  expect(suppressionFaults(keptOf(from, { ...loose, perClass: 3 }), from, loose)).toBeGreaterThan(0);
  expect(suppressionFaults(kept, from, options)).toBeGreaterThan(0);
});

test('boxes that were cut at the frame are known again', () => {
  const boxes = Float32Array.of(-0.2, -0.1, 0.5, 1.3);
  const from = { boxes, scores: Float32Array.of(0.9), classes: 1 };
  const cut = [{ label: 0, score: 0.9, box: [0, 0, 0.5, 1] as const }];
  expect(suppressionFaults(cut, from, { ...options, clips: true })).toBe(0);
  expect(suppressionFaults(cut, from, options)).toBeGreaterThan(0);
});
