import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { histogramOf, histogramRows } from './histogram.ts';
import { hparamsOf } from './hparams.ts';
import { curveEvents } from './metrics-events.ts';
import { prCurve } from './pr-curve.ts';

describe('a histogram', () => {
  it('counts every finite value once, in buckets that cover them', () => {
    const values = fc.array(fc.float({ noDefaultInfinity: true }), { maxLength: 60 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 40 }), (list, buckets) => {
        const finite = list.filter((value) => Number.isFinite(value));
        const { min, max, counts } = histogramOf(list, buckets);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(finite.length);
        if (finite.length > 0) expect([min, max]).toEqual([Math.min(...finite), Math.max(...finite)]);
      }),
    );
  });

  it('has edges that meet and end at the largest value', () => {
    const rows = histogramRows(histogramOf([0, 0.1, 0.2, 0.7], 7));
    for (let i = 1; i < 7; i++) expect(rows[i * 3]).toBe(rows[i * 3 - 2]);
    expect(rows[6 * 3 + 1]).toBe(0.7);
  });

  it('puts equal values into the last bucket', () => {
    expect(histogramOf([2, 2, 2], 3)).toEqual({ min: 2, max: 2, counts: [0, 0, 3] });
    expect(histogramOf([], 3)).toEqual({ min: 0, max: 0, counts: [0, 0, 0] });
  });
});

describe('a PR curve', () => {
  it('is that of counting at each threshold by itself', () => {
    const items = fc.array(fc.tuple(fc.integer({ min: 0, max: 64 }), fc.boolean()), { maxLength: 40 });
    fc.assert(
      fc.property(items, (list) => {
        const scores = list.map(([score]) => score / 64);
        const truths = list.map(([, truth]) => truth);
        const curve = prCurve(scores, truths, 17);
        for (let i = 0; i < 17; i++) {
          const taken = list.filter(([score]) => score / 64 >= i / 16);
          const tp = taken.filter(([, truth]) => truth).length;
          expect([curve.truePositives[i], curve.falsePositives[i]]).toEqual([tp, taken.length - tp]);
          expect(curve.falseNegatives[i]).toBe(truths.filter(Boolean).length - tp);
          expect(curve.precision[i]).toBe(taken.length === 0 ? 0 : tp / taken.length);
        }
      }),
    );
  });
});

describe('hyperparameters', () => {
  const config = {
    name: 'pets',
    dataset: { source: './pets', split: { test: 0.2, groupBy: null } },
    image: { size: [96, 96] },
    model: { strategy: 'head' },
    train: { epochs: 5, optimizer: { learningRate: 0.001, nesterov: false }, checkpoint: { everySteps: 50 } },
    promote: { alias: 'champion' },
  };

  it('are the keys that decide how a model is made, by path', () => {
    expect(hparamsOf(config)).toEqual({
      'dataset.split.test': 0.2,
      'image.size': '[96,96]',
      'model.strategy': 'head',
      'train.epochs': 5,
      'train.optimizer.learningRate': 0.001,
      'train.optimizer.nesterov': false,
    });
  });

  it('are those of the space where a sweep names them', () => {
    const space = [
      { path: 'train.optimizer.learningRate', domain: { kind: 'interval', min: 1e-4, max: 1e-1 } },
      { path: 'train.optimizer.momentum', domain: { kind: 'any', type: 'number' } },
    ] as const;
    expect(hparamsOf(config, space)).toEqual({ 'train.optimizer.learningRate': 0.001 });
  });
});

describe('the curves of a training', () => {
  const step = (n: number) =>
    JSON.stringify({ kind: 'step', step: n, epoch: 1, loss: 1 / n, learningRate: 0.1, timeMs: n });
  const epoch = JSON.stringify({
    ...{ kind: 'epoch', epoch: 1, step: 2, learningRate: 0.1, timeMs: 3 },
    ...{ trainLoss: 0.5, trainAccuracy: 0.6, validationLoss: 0.7, validationAccuracy: 0.8 },
  });

  it('are its lines, in their order', () => {
    const { train, validation } = curveEvents([step(1), step(2), epoch, ''].join('\n'), 0);
    expect(train.map((event) => [event.step, event.timeMs])).toEqual([
      [1, 1],
      [2, 2],
      [2, 3],
    ]);
    expect(train[1]?.summaries).toEqual([
      { kind: 'scalar', tag: 'loss/step', value: 0.5 },
      { kind: 'scalar', tag: 'learning rate', value: 0.1 },
    ]);
    expect(validation).toEqual([
      {
        step: 2,
        timeMs: 3,
        summaries: [
          { kind: 'scalar', tag: 'loss/epoch', value: 0.7 },
          { kind: 'scalar', tag: 'accuracy/epoch', value: 0.8 },
        ],
      },
    ]);
  });

  it('pass over a torn line, and take a time for lines that have none', () => {
    const old = JSON.stringify({ kind: 'step', step: 1, loss: 1 });
    const { train } = curveEvents(`${old}\n{"kind":"st`, 42);
    expect(train).toEqual([{ step: 1, timeMs: 42, summaries: [{ kind: 'scalar', tag: 'loss/step', value: 1 }] }]);
  });
});
