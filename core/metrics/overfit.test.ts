import { describe, expect, it } from 'vitest';
import { overfitFindings } from './overfit.ts';

const fit = (trainAccuracy: number, validationAccuracy: number) => ({
  trainAccuracy,
  validationAccuracy,
  trainLoss: 0.1,
  validationLoss: 0.2,
});
const codesOf = (train: number, validation: number, test: number): string[] =>
  overfitFindings(fit(train, validation), test).map(({ code }) => code);

describe('overfitting', () => {
  it('is told where figures drift apart by more than ten points', () => {
    expect(codesOf(0.9, 0.85, 0.84)).toEqual([]);
    expect(codesOf(0.99, 0.8, 0.8)).toEqual(['OVERFIT']);
    expect(codesOf(0.9, 0.9, 0.7)).toEqual(['VALIDATION_GAP']);
    expect(codesOf(1, 0.8, 0.6)).toEqual(['OVERFIT', 'VALIDATION_GAP']);
  });

  it('is not told where held-out figures are the better ones', () => {
    expect(codesOf(0.6, 0.8, 1)).toEqual([]);
  });

  it('says the figures and what to do', () => {
    const [finding] = overfitFindings(fit(0.991, 0.8), 0.8);
    expect(finding).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('99.1 % against validation 80.0 %'),
    });
    expect(finding?.message).toContain('freeze more');
  });
});
