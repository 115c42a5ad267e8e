import { ApplicationFailure } from '@temporalio/common';
import type { TrainStageResult } from '../../contracts/stages.ts';
import type { SweepInput } from '../../contracts/sweep.ts';
import { openSearch } from '../../core/search/searcher.ts';
import type { SearchState } from '../../core/search/searcher.ts';
import type { Simulated } from '../../core/search/simulate.ts';
import type { Values } from '../../core/search/space.ts';
import { openSweep } from '../../core/search/sweep.ts';
import type { Leg, SweepRules } from '../../core/search/sweep.ts';
import { methods } from '../../core/search/testing/methods.ts';
import { asRunId } from '../../core/ids.ts';
import { stream } from '../../core/rng.ts';
import { fakeActivities } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { retrainInput } from './workflow-bench.ts';

export const EPOCHS = 27;

const space: SearchState['space'] = {
  parameters: [
    {
      name: 'train.optimizer.learningRate',
      domain: { kind: 'float', low: 1e-5, high: 1, log: true, step: null },
      when: null,
      points: null,
    },
    {
      name: 'model.dropout',
      domain: { kind: 'float', low: 0, high: 0.5, log: false, step: null },
      when: null,
      points: null,
    },
  ],
  constraints: [],
};

export interface SweepOptions extends Partial<SweepRules> {
  readonly method?: SearchState['method'];
  readonly budget?: number;
  readonly historyLimit?: number;
  readonly promote?: boolean;
  readonly hours?: number | null;
}

/** A sweep over the learning rate and dropout of a pipeline whose trainings are made up. */
export function sweepInput(name: string, options: SweepOptions = {}): SweepInput {
  const {
    method = methods['asha'] ?? { kind: 'random' },
    budget = 12,
    historyLimit,
    promote = true,
    hours = null,
    ...rules
  } = options;
  const base = retrainInput(name).config;
  const search = openSearch({
    method,
    seed: 1,
    objectives: [{ metric: 'validation.accuracy', goal: 'maximize' }],
    epochs: EPOCHS,
    budget,
    space,
  });
  return {
    sweepId: asRunId(name),
    base: { ...base, train: { ...base.train, epochs: EPOCHS } },
    state: openSweep(search, {
      concurrency: 1,
      inOrder: true,
      stop: { target: null, patience: null, minDelta: 0, epochs: null, cost: null },
      retries: 1,
      failuresAtMost: 1,
      ...rules,
    }),
    promote,
    hours,
    requestedBy: 'tester',
    ...(historyLimit === undefined ? {} : { historyLimit }),
  };
}

/** What a training with these values comes to after so many epochs; null where it fails. */
export function accuracyOf(values: Values, epoch: number, failing = 0): number | null {
  const rate = Number(values['train.optimizer.learningRate']);
  const dropout = Number(values['model.dropout']);
  if (stream(1, 'fails').uniform(0, Math.floor(dropout * 1e9)) < failing) return null;
  return 0.9 - Math.abs(Math.log10(rate) + 3) / 10 - Math.abs(dropout - 0.2) / 5 - 0.3 / epoch;
}

/** The same for the simulator. */
export const simulated =
  (failing = 0) =>
  ({ values, toEpoch }: Leg): Simulated => {
    const accuracy = accuracyOf(values, toEpoch, failing);
    if (accuracy === null) return { end: { kind: 'failed', reason: 'TRAIN_NONFINITE', passing: false }, seconds: 1 };
    return { end: { kind: 'trained', epoch: toEpoch, values: [accuracy], ended: false, seconds: 1 }, seconds: 1 };
  };

export interface MadeUp {
  readonly failing?: number;
  /** How long a part takes, in ms. */
  readonly pauseMs?: (runId: string) => number;
}

/** Activities that make up trainings of `accuracyOf`. */
export function sweepActivities({ failing = 0, pauseMs = () => 0 }: MadeUp = {}): AllActivities {
  const fakes = fakeActivities();
  return {
    ...fakes,
    trainModel: async (input): Promise<TrainStageResult> => {
      const { train, model } = input.config;
      const epoch = input.leg?.untilEpoch ?? train.epochs;
      const ms = pauseMs(input.runId);
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      const values = { 'train.optimizer.learningRate': train.optimizer.learningRate, 'model.dropout': model.dropout };
      const accuracy = accuracyOf(values, epoch, failing);
      if (accuracy === null) throw ApplicationFailure.nonRetryable('TRAIN_NONFINITE: step 3', 'TRAIN_NONFINITE');
      const whole = await fakes.trainModel(input);
      const best = { ...whole.output.best, epoch, validationAccuracy: accuracy };
      const manifestKey = `stages/train/${input.runId}-${epoch}/manifest.json`;
      return { ...whole, manifestKey, output: { ...whole.output, epochs: epoch, steps: epoch * 10, best, last: best } };
    },
  };
}
