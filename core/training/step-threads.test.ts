import { describe, expect, it } from 'vitest';
import { batchParts, stepThreads } from './step-threads.ts';

const model = { backbone: 'efficientnet-lite0', lastN: 1 } as const;

describe('stepThreads', () => {
  it('gives a small head on codes one thread', () => {
    const step = { onCodes: true, batchSize: 32, classes: 10 };
    expect(stepThreads({ ...model, strategy: 'head' }, step, 2)).toBe(1);
    // 32 · 1,280 · 102 is the last below 4 Mi.
    expect(stepThreads({ ...model, strategy: 'head' }, { ...step, classes: 102 }, 2)).toBe(1);
    expect(stepThreads({ ...model, strategy: 'head' }, { ...step, classes: 103 }, 2)).toBe(2);
  });

  it('gives all to what goes through a backbone, and to whatever is solved', () => {
    expect(stepThreads({ ...model, strategy: 'head' }, { onCodes: false, batchSize: 32, classes: 10 }, 2)).toBe(2);
    for (const strategy of ['last-n', 'full', 'gradual', 'svm', 'linear-probe'] as const) {
      expect(stepThreads({ ...model, strategy }, { onCodes: true, batchSize: 32, classes: 2 }, 8)).toBe(8);
    }
  });
});

describe('batchParts', () => {
  it.each([
    [32, 1, 1],
    [32, 2, 2],
    [32, 4, 4],
    [30, 4, 1],
    [33, 2, 1],
    // Not measured.
    [32, 8, 1],
  ])('puts a batch of %i on %i threads in %i', (batchSize, threads, parts) => {
    expect(batchParts(batchSize, threads)).toBe(parts);
  });
});
