import { describe, expect, it } from 'vitest';
import { detectorFindings, mapsOf, mapStability, movingMedian } from './detector-curves.ts';
import type { DetectorCurveInput } from './detector-curves.ts';

const input = (maps: readonly number[], change: Partial<DetectorCurveInput> = {}): DetectorCurveInput => ({
  history: maps.map((validationAccuracy) => ({ trainLoss: 1.5, validationLoss: 2, validationAccuracy })),
  ...{ epoch: maps.length, bestEpoch: 3, validationRows: 60, classes: 4, rollbacks: 0 },
  ...{ kind: 'ssd', everyEpochs: 1, last: { low50: 0.5, high50: 0.6 } },
  ...change,
});

describe('the stability of mAP', () => {
  it('looks at the epochs that have one: those that are due, and the last', () => {
    expect(mapsOf(input([0, 0.1, 0.1, 0.2, 0.3], { everyEpochs: 2 }))).toEqual([0.1, 0.2, 0.3]);
    expect(movingMedian([0.9, 0.1, 0.3, 0.2], 3)).toBe(0.2);
  });

  it('is steady, or still rises', () => {
    expect(mapStability(input([0.7, 0.7, 0.71, 0.7, 0.7, 0.71]))).toMatchObject({ code: 'MAP_STABLE', level: 'info' });
    expect(mapStability(input([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))?.message).toMatch(/still rises/);
  });

  it('swings because of the training, or because of so few images', () => {
    const swings = [0.5, 0.7, 0.5, 0.7, 0.5, 0.7, 0.5, 0.7];
    expect(mapStability(input(swings))?.message).toMatch(/swings by 0\.200.*lower the learning rate/);
    const wide = { low50: 0.3, high50: 0.9 };
    expect(mapStability(input(swings, { last: wide }))?.message).toMatch(
      /within the ± 0\.300 that 60 validation images/,
    );
  });

  it('says nothing of too few', () => {
    expect(mapStability(input([0.1, 0.9, 0.1, 0.9]))).toBeNull();
  });
});

it('says what the loss means for this kind of detector, and the rule that would stop there', () => {
  const said = (kind: DetectorCurveInput['kind'], trainLoss: number) =>
    detectorFindings(
      input([0.5], { kind, history: [{ trainLoss, validationLoss: trainLoss, validationAccuracy: 0.5 }] }),
    ).find(({ code }) => code === 'LOSS_LEVEL')?.message;
  expect(said('ssd', 4)).toMatch(/on its way.*stopWhen: \{ loss: \{ below: 2, for: 500 \} \}/);
  expect(said('ssd', 1.5)).not.toMatch(/stopWhen/);
  expect(said('faster-rcnn', 0.5)).toMatch(/below: 0\.05/);
});
