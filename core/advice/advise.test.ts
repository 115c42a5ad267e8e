import { describe, expect, it } from 'vitest';
import { backboneFacts, backboneNames } from '../backbone-facts.ts';
import { frozenInTheMiddle } from '../training/frozen-prefix.ts';
import { advise } from './advise.ts';
import type { AdviceFacts } from './advise.ts';
import { dataSize, earlierCut, separation, similarityOf } from './situation.ts';
import type { ProbeFigures } from './situation.ts';

const probe = (...accuracies: readonly number[]): ProbeFigures => ({
  ...{ images: 1_000, folds: 3, majority: 0.1 },
  cuts: accuracies.map((accuracy, index) => ({ cut: index === accuracies.length - 1 ? 'top' : `b${index}`, accuracy })),
});

const facts: AdviceFacts = {
  ...{ images: 1_000, classes: 10, backbone: 'efficientnet-lite0', pretrained: true, probe: probe(0.6, 0.95) },
  ...{ gray: false, augmenting: false, batchSize: 32 },
};

describe('advise', () => {
  it('follows the four situations of cs231n', () => {
    const strategyAt = (images: number, found: ProbeFigures): string =>
      advise({ ...facts, images, probe: found }).strategy;
    expect(strategyAt(1_000, probe(0.6, 0.95))).toBe('linear-probe');
    expect(strategyAt(1_000, probe(0.2, 0.3))).toBe('svm');
    expect(strategyAt(10_000, probe(0.2, 0.3))).toBe('gradual');
    expect(strategyAt(100_000, probe(0.6, 0.95))).toBe('full');
    expect(advise({ ...facts, images: 100_000, probe: probe(0.2, 0.3) })).toMatchObject({
      ...{ strategy: 'full', backboneRate: 0.3 },
      quadrant: 'large data, different from what the network knows',
    });
  });

  it('takes the cut whose activations separate better, where they do beyond doubt', () => {
    expect(advise({ ...facts, probe: probe(0.5, 0.3) })).toMatchObject({ strategy: 'svm', cut: 'b0' });
    expect(advise({ ...facts, probe: probe(0.31, 0.3) })).toMatchObject({ strategy: 'svm', cut: null });
  });

  it('solves nothing on pictures that are drawn anew', () => {
    expect(advise({ ...facts, augmenting: true }).strategy).toBe('head');
  });

  it('goes by size alone where nothing was measured, and says so', () => {
    const advice = advise({ ...facts, images: 10_000, probe: null });
    expect(advice).toMatchObject({ strategy: 'last-n', lastN: 2, similarity: 'unknown' });
    expect(advice.why.join(' ')).toContain('was not measured');
  });

  it('starts from scratch only where there is nothing else', () => {
    expect(advise({ ...facts, pretrained: false })).toMatchObject({ strategy: 'scratch' });
  });

  it('never advises a frozen cut in the middle', () => {
    for (const backbone of backboneNames) {
      const { strategy, lastN } = advise({ ...facts, backbone, images: 10_000 });
      expect(strategy).toBe('last-n');
      const shape = { backbone, strategy, lastN: lastN ?? 0 };
      // Of four or five blocks one is a fifth or a quarter.
      if (backboneFacts[backbone].blocks > 5) expect(frozenInTheMiddle(shape), backbone).toBe(false);
    }
  });

  it('warns of what works and disappoints', () => {
    const codes = (change: Partial<AdviceFacts>): string[] =>
      advise({ ...facts, ...change }).cautions.map(({ code }) => code);
    expect(codes({})).toEqual([]);
    expect(codes({ gray: true })).toEqual(['GRAY_FROM_COLOUR']);
    expect(codes({ pretrained: false, batchSize: 4 })).toEqual(['SMALL_FULL', 'BATCH_NORM_BATCH', 'PARAMETERS_MANY']);
    expect(codes({ images: 100_000, batchSize: 4 })).toEqual(['BATCH_NORM_BATCH']);
    expect(codes({ images: 100_000, batchSize: 4, backbone: 'vgg16' })).toEqual([]);
  });
});

describe('the situation', () => {
  it('counts few pictures of each class as few', () => {
    expect([1_999, 2_000, 20_000].map((images) => dataSize(images, 10))).toEqual(['small', 'medium', 'large']);
    expect([20_000, 100_000, 500_000].map((images) => dataSize(images, 1_000))).toEqual(['small', 'medium', 'large']);
  });

  it('measures likeness by what the codes win over the commonest class', () => {
    expect(separation({ ...probe(0.55), majority: 0.1 })).toBeCloseTo(0.5);
    expect(separation({ ...probe(0.05), majority: 0.1 })).toBe(0);
    expect([0.2, 0.6, 0.9].map((share) => similarityOf(probe(share)))).toEqual(['different', 'between', 'similar']);
  });

  it('doubts a small difference between cuts', () => {
    // 2 √(2 · 0.8 · 0.2 / 1000) = 0.036 of difference.
    expect(earlierCut(probe(0.83, 0.8))).toBeNull();
    expect(earlierCut(probe(0.84, 0.8))).toBe('b0');
  });
});
