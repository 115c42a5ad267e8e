import { describe, expect, it } from 'vitest';
import { curveFindings, instability, lossLevel, overfitting } from './curves.ts';
import type { CurveInput } from './curves.ts';
import { explainLoss } from './loss-guidance.ts';

const curve = (accuracies: readonly number[], change: Partial<CurveInput> = {}): CurveInput => ({
  history: accuracies.map((validationAccuracy) => ({ trainLoss: 0.5, validationLoss: 0.5, validationAccuracy })),
  ...{ epoch: accuracies.length, bestEpoch: 2, validationRows: 10_000, classes: 10, rollbacks: 0 },
  ...change,
});
const losses = (pairs: readonly (readonly [number, number])[]): CurveInput => ({
  ...curve(pairs.map(() => 0.5)),
  history: pairs.map(([trainLoss, validationLoss]) => ({ trainLoss, validationLoss, validationAccuracy: 0.5 })),
});

describe('instability', () => {
  const swinging = [0.6, 0.7, 0.58, 0.71, 0.6, 0.69, 0.61, 0.7, 0.6, 0.71];

  it('is a swing larger than the trend', () => {
    expect(instability(curve(swinging))?.message).toMatch(
      /^validation accuracy swings by 1[01]\.\d % .*lower the learning rate/,
    );
    expect(instability(curve([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]))).toBeNull();
    expect(instability(curve(swinging.map((value) => 0.9 + (value - 0.65) / 10)))).toBeNull();
    expect(instability(curve(swinging.slice(0, 6)))).toBeNull();
  });

  it('of so few images is their number’s doing', () => {
    expect(instability(curve(swinging, { validationRows: 30 }))?.message).toMatch(
      /30 validation images can tell no better/,
    );
  });

  it('names the epoch that is best by its neighbours as well', () => {
    const lucky = [0.5, 0.9, 0.5, 0.6, 0.75, 0.7, 0.74, 0.6, 0.5, 0.6];
    expect(instability(curve(lucky))?.message).toMatch(/epoch 2 is kept; by the median of three it would be epoch 6$/);
  });
});

describe('overfitting', () => {
  it('is a validation loss that rises while the training loss falls', () => {
    const found = overfitting(
      losses([
        [1, 1],
        [0.6, 0.7],
        [0.4, 0.72],
        [0.3, 0.8],
        [0.2, 0.9],
      ]),
    );
    expect(found?.message).toMatch(/^since epoch 2 the validation loss has risen from 0\.700 to 0\.900/);
  });

  it('is not a loss that stands still, one bad epoch, or both rising', () => {
    const flat = [1, 0.7, 0.71, 0.71, 0.72, 0.72].map((loss) => [loss / 2, loss] as const);
    expect(overfitting(losses(flat))).toBeNull();
    expect(overfitting(losses([[1, 1], [0.5, 0.5], [0.4, 2]]))).toBeNull(); // prettier-ignore
    expect(overfitting(losses([0.5, 0.6, 0.8, 1, 1.2].map((loss) => [loss, loss])))).toBeNull();
  });
});

describe('the loss', () => {
  it('of a classifier that guesses is ln(classes)', () => {
    expect(lossLevel(losses([[2.3, 2.3]]))?.code).toBe('LOSS_LEVEL');
    expect(lossLevel(losses([[1.5, 2.3]]))).toBeNull();
    expect(curveFindings({ ...losses([[0.2, 0.2]]), rollbacks: 2 }).map(({ code }) => code)).toEqual([
      'NONFINITE_ROLLBACK',
    ]);
  });

  it.each([
    ['ssd-mobilenet', 30, /above where it starts/],
    ['ssd-mobilenet', 1.5, /where most stop: .* below 2, ideally 1/],
    ['ssd-mobilenet', 0.8, /as low as it needs to be/],
    ['faster-rcnn', 0.5, /on its way: faster-rcnn starts near 3 and is trained until it stays below 0.05/],
    ['faster-rcnn', Number.NaN, /is no loss/],
  ] as const)('of %s at %f has a meaning of its own', (architecture, loss, message) => {
    expect(explainLoss(architecture, loss)).toMatch(message);
  });
});
