import { describe, expect, it } from 'vitest';
import { daysFor, estimateTraining } from './estimate.ts';
import type { Measured, TrainingPlan } from './estimate.ts';
import { settledEstimate } from './settle.ts';

const measured: Measured = {
  readySeconds: 1,
  openSeconds: 2,
  stepSeconds: 0.5,
  stepFast: 0.45,
  stepSlow: 0.7,
  scoreSeconds: 0.1,
  prefix: null,
  codeValues: null,
  residentMb: 900.4,
};

const plan: TrainingPlan = {
  strategy: 'full',
  trainRows: 100,
  validationRows: 40,
  epochs: 5,
  frozenEpochs: 0,
  batchSize: 32,
  variants: 1,
  parameters: 1_000,
  trainable: 1_000,
  slots: 2,
  averages: false,
  codeBytes: 2,
  checkpoints: { keepLast: 3, keepBest: true },
};

describe('settledEstimate', () => {
  const expected = { seconds: { low: 8, expected: 10, high: 13 } };
  const stage = { name: 'train', cached: false, seconds: 12 };

  it('says how often the expected time it took', () => {
    expect(settledEstimate(expected, [stage])).toEqual({ ...expected, actualSeconds: 12, ratio: 1.2 });
  });

  it('says nothing of a training that was found done', () => {
    const none = { actualSeconds: null, ratio: null };
    expect(settledEstimate(expected, [{ ...stage, cached: true }])).toEqual({ ...expected, ...none });
    expect(settledEstimate(expected, [])).toEqual({ ...expected, ...none });
  });
});

describe('estimateTraining', () => {
  it('adds up steps and validation, each by whole batches', () => {
    const { seconds, parts, steps, memoryMb, saved } = estimateTraining(plan, measured);
    // ⌈100/32⌉ = 4 steps and ⌈40/32⌉ = 2 batches of validation, five times.
    expect(steps).toBe(20);
    expect(parts).toEqual({ starting: 3.8, features: 0, steps: 10, validation: 1 });
    expect(seconds.expected).toBeCloseTo(14.8);
    // The slowest quarter of steps took 40 % longer.
    expect(seconds.high).toBeCloseTo(18.8);
    expect(seconds.low).toBeCloseTo(14.8 * 0.85);
    expect(memoryMb).toBe(900);
    expect(saved).toBeNull();
  });

  it('says what keeping the frozen part saves', () => {
    const frozen = { ...measured, prefix: { openSeconds: 3, batchSeconds: 0.32 }, codeValues: 1280 };
    const { parts, saved, storage } = estimateTraining({ ...plan, strategy: 'head' }, frozen);
    // 140 pictures once in 5 batches, instead of 700 passes; 10 ms each.
    expect(parts.features).toBeCloseTo(1 + 3 + 5 * 0.32);
    expect(saved).toEqual({ passes: 140, passesWithout: 700, seconds: expect.closeTo(5.6) as number });
    expect(storage.codes).toBe(140 * 1280 * 2);
  });

  it('keeps weights, slots and the best epoch in each checkpoint', () => {
    expect(estimateTraining(plan, measured).storage).toEqual({ codes: 0, weights: 4_000, checkpoints: 4 * 16_000 });
    expect(estimateTraining({ ...plan, strategy: 'svm' }, measured).storage.checkpoints).toBe(0);
  });

  it('extends to more images than there are', () => {
    // 1.28 million images, 90 epochs, 10 images a second: 133 days.
    expect(daysFor(1_280_000, 90, { ...measured, stepSeconds: 3.2 }, 32)).toBeCloseTo(133.3, 1);
  });
});
