import { describe, expect, it } from 'vitest';
import { TrainingProgress } from '../../contracts/run.ts';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import { epochMetrics, hashOf } from '../../test/fakes/stage-fixtures.ts';
import { ProgressView } from './progress.ts';

const step = (now: number, loss: number): MlEvent => ({
  kind: 'step',
  step: now,
  totalSteps: 100,
  epoch: 1,
  loss,
  imagesPerSecond: 160,
  residentMb: 500,
  tensors: 10,
});
const viewFrom = (now = 0): ProgressView => new ProgressView(2, 5, { step: now, epoch: 0, last: null });

describe('progress', () => {
  it('is at every moment what its contract says', () => {
    const view = viewFrom();
    const events: MlEvent[] = [
      { kind: 'features', done: 1, total: 4 },
      step(1, 2),
      { kind: 'epoch', metrics: epochMetrics(1) },
      step(2, 2),
    ];
    for (const event of events) {
      view.take(event, 32);
      expect(() => TrainingProgress.parse(view.current)).not.toThrow();
    }
  });

  it('goes from start through features and steps to the end', () => {
    const view = viewFrom(40);
    expect(view.current).toMatchObject({ phase: 'starting', step: 40, attempt: 2, totalEpochs: 5, loss: null });
    view.take({ kind: 'features', done: 1, total: 4 }, 32);
    expect(view.current).toMatchObject({ phase: 'features', featuresDone: 0.25, step: 40 });
    view.take(step(41, 2), 32);
    expect(view.current).toMatchObject({ phase: 'training', featuresDone: null, step: 41, totalSteps: 100 });
    view.take({ kind: 'epoch', metrics: epochMetrics(1) }, 32);
    view.checkpointIs('runs/x', hashOf('x'), 41);
    expect(view.current).toMatchObject({ lastEpoch: { epoch: 1 }, checkpoint: { step: 41 } });
  });

  it('shows the loss that the child reports and estimates the time that is left', () => {
    const view = viewFrom();
    view.take(step(1, 2), 32);
    expect(view.current.loss).toBe(2);
    view.take(step(2, 1), 32);
    expect(view.current.loss).toBe(1);
    // 98 steps of 32 pictures at 160 a second.
    expect(view.current.etaSeconds).toBeCloseTo(19.6, 12);
  });
});
