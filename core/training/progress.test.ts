import { describe, expect, it } from 'vitest';
import { EarlyStopConfig } from '../../contracts/pipeline-config.ts';
import golden from '../../test/golden/training/early-stop.json' with { type: 'json' };
import smoothGolden from '../../test/golden/training/smooth-stop.json' with { type: 'json' };
import { afterBatch, afterEpoch, freshCounters } from './progress.ts';
import type { Counters, StopRule } from './progress.ts';
import type { EpochFigures } from './stop-rules.ts';

type Epoch = EpochFigures & { readonly epoch: number };

const judgedBy = (metric: StopRule['metric'], epoch: number, value: number): Epoch => ({
  epoch,
  trainLoss: 1,
  validationLoss: metric === 'validation.loss' ? value : 1,
  validationAccuracy: metric === 'validation.accuracy' ? value : 0,
});

describe('early stop', () => {
  const cases = [...golden, ...smoothGolden].map((each) => {
    const rule = EarlyStopConfig.parse(each.rule);
    return [each.name, rule.metric, JSON.stringify(rule), { ...each, rule }] as const;
  });

  // keras.callbacks.EarlyStopping on the same curves: test/golden/training/make_golden.py.
  it.each(cases)('where validation %s (%s, %s) is that of Keras', (_, metric, _rule, each) => {
    let counters: Counters<Epoch> = freshCounters;
    const waits: number[] = [];
    let bestSeen = 0;
    // keras sees the medians: test/golden/training/make_stop_golden.py.
    for (const [index, value] of each.values.entries()) {
      const before = counters.stopBest;
      const rules = { bestMetric: metric, earlyStop: each.rule };
      counters = afterEpoch(counters, judgedBy(metric, index + 1, value), rules).counters;
      if (counters.stopBest !== before) bestSeen = index + 1;
      waits.push(counters.epochsWithoutImprovement);
      if (counters.stopped) break;
    }
    expect(waits).toEqual(each.waits);
    expect(counters.stopped).toBe(each.stopped);
    expect(bestSeen).toBe(each.bestEpoch);
  });

  it('never comes where it is not asked for', () => {
    let counters: Counters<Epoch> = freshCounters;
    const rules = { bestMetric: 'validation.loss' as const, earlyStop: null };
    for (let epoch = 1; epoch < 50; epoch++) {
      counters = afterEpoch(counters, judgedBy('validation.loss', epoch, epoch), rules).counters;
    }
    expect(counters).toMatchObject({ stopped: false, epochsWithoutImprovement: 0, stopBest: null, bestEpoch: 1 });
  });

  it('counts by its own metric, whatever decides about the best epoch', () => {
    const earlyStop = { metric: 'validation.accuracy' as const, patience: 2, minDelta: 0, smooth: 1, minEpochs: 0 };
    let counters: Counters<EpochFigures> = freshCounters;
    for (const [validationLoss, validationAccuracy] of [
      [1, 0.5],
      [0.9, 0.5],
      [0.8, 0.4],
    ] as const) {
      const metrics = { trainLoss: 1, validationLoss, validationAccuracy };
      counters = afterEpoch(counters, metrics, { bestMetric: 'validation.loss', earlyStop }).counters;
    }
    expect(counters).toMatchObject({ stopped: true, bestEpoch: 3, stopBest: 0.5 });
  });
});

describe('the best epoch', () => {
  it('is the earlier of two equals', () => {
    const rules = { bestMetric: 'validation.accuracy' as const, earlyStop: null };
    const first = afterEpoch<Epoch>(freshCounters, judgedBy('validation.accuracy', 1, 0.5), rules);
    const tie = afterEpoch(first.counters, judgedBy('validation.accuracy', 2, 0.5), rules);
    const better = afterEpoch(tie.counters, judgedBy('validation.accuracy', 3, 0.6), rules);
    expect([first.improved, tie.improved, better.improved]).toEqual([true, false, true]);
    expect(tie.counters).toMatchObject({ bestEpoch: 1, best: { epoch: 1 }, last: { epoch: 2 } });
    expect(better.counters).toMatchObject({ bestEpoch: 3, best: { epoch: 3 } });
  });
});

describe('counters', () => {
  it('sum a batch by its size, so that a smaller last batch weighs less', () => {
    const one = afterBatch(freshCounters, { loss: 2, correct: 3, size: 4 });
    const two = afterBatch(one, { loss: 1, correct: 1, size: 1 });
    expect(two).toMatchObject({ step: 2, cursor: 5, seen: 5, lossSum: 9, correct: 4, epoch: 0 });
    expect(two.lossSum / two.seen).toBeCloseTo(1.8, 12);
  });

  it('begin an epoch anew and keep the step', () => {
    const batch = afterBatch<Epoch>(freshCounters, { loss: 2, correct: 3, size: 4 });
    const { counters } = afterEpoch(batch, judgedBy('validation.loss', 1, 1), {
      bestMetric: 'validation.loss',
      earlyStop: null,
    });
    expect(counters).toMatchObject({ step: 1, epoch: 1, cursor: 0, seen: 0, lossSum: 0, correct: 0 });
  });
});
