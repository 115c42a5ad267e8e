import type { CacheView, LrFind, LrFinds, Schedules, Sweep, Sweeps } from '../../../contracts/web.ts';
import { asRunId } from '../../../core/ids.ts';
import { at, hash } from './made-up.ts';
import { rows } from './made-up-runs.ts';

/** Sweeps, schedules, range tests and caches; all made up. */

export const schedules: Schedules = {
  schedules: [
    {
      ...{ scheduleId: 'pets-nightly', name: 'pets', cron: ['0 3 * * *'], everyMs: null, timeZone: 'Europe/London' },
      trigger: { kind: 'threshold', newImages: 200, drift: 0.1 },
      ...{ paused: false, note: 'asked for by the clinic', next: [at(-190), at(-1_630), at(-3_070)] },
      ticks: [
        {
          at: at(1_250),
          outcome: {
            decision: 'skip',
            reason: '12 new images, 200 wanted',
            runId: asRunId('pets-1'),
            status: 'skipped',
          },
        },
        {
          at: at(2_690),
          outcome: { decision: 'train', reason: '233 new images', runId: asRunId('pets-2'), status: 'completed' },
        },
      ],
      ...{ taken: 41, skippedByOverlap: 1, missedCatchUp: 0 },
    },
  ],
};

const trials = Array.from({ length: 27 }, (_, trial) => {
  const epochs = trial % 9 === 4 ? 9 : trial % 3 === 1 ? 3 : 1;
  const rate = 1e-4 * 10 ** ((trial * 0.37) % 3);
  const metric = 0.93 - Math.abs(Math.log10(rate) + 2.4) * 0.11 + ((trial * 13) % 7) / 200 + epochs / 300;
  return {
    ...{ trial, runId: asRunId(`pets-sweep-t${String(trial)}`), epochs, steps: epochs * 161, seconds: epochs * 14.2 },
    values: {
      'train.optimizer.learningRate': rate,
      'model.strategy': ['head', 'last-n', 'full'][trial % 3] ?? '',
      'train.batchSize': [16, 32, 64][(trial * 2) % 3] ?? 0,
    },
    state: trial > 24 ? ('running' as const) : epochs === 9 ? ('done' as const) : ('dropped' as const),
    ...{ metric: trial > 24 ? null : metric, metrics: trial > 24 ? [] : [metric], reason: null },
  };
});
const best = trials[13];
export const sweep: Sweep = {
  report: {
    ...{ sweepId: asRunId('pets-sweep'), status: 'running', ended: null, pareto: [13], legs: 40, executions: 1 },
    best: best === undefined ? null : { trial: 13, runId: best.runId, values: best.values, metric: best.metric ?? 0 },
    ...{ objectives: [{ metric: 'validation.accuracy', goal: 'maximize' }], trials, promotion: null, error: null },
  },
  ...{ method: 'asha', paused: false },
  axes: [
    { name: 'train.optimizer.learningRate', scale: 'log', range: [1e-4, 1e-1], choices: null },
    { name: 'model.strategy', scale: 'category', range: null, choices: ['"head"', '"last-n"', '"full"'] },
    { name: 'train.batchSize', scale: 'category', range: null, choices: ['16', '32', '64'] },
  ],
  importance: [
    { name: 'train.optimizer.learningRate', share: 0.71 },
    { name: 'model.strategy', share: 0.22 },
    { name: 'train.batchSize', share: 0.07 },
  ],
  rungs: trials.flatMap(({ trial, epochs, metric }) =>
    [1, 3, 9]
      .filter((epoch) => epoch <= epochs && metric !== null)
      .map((epoch) => ({ trial, epoch, metric: metric ?? 0 })),
  ),
};
export const sweeps: Sweeps = {
  sweeps: [{ sweepId: 'pets-sweep', status: 'running', startedAt: at(90), endedAt: null }],
};

export const cache: CacheView = {
  runId: rows[2]?.runId ?? '',
  stages: [
    {
      ...{ stage: 'ingest', key: hash(31), cached: true, createdAt: at(900), sizeBytes: 1_200_000, fields: [] },
      why: 'the same source as pets-20261120-030000-11aa',
    },
    {
      ...{ stage: 'train', key: hash(32), cached: false, createdAt: at(60), sizeBytes: 13_600_000 },
      why: 'train.epochs is another than in the nearest result',
      fields: [
        { field: 'train.epochs', value: '12', other: '5' },
        { field: 'train.seed', value: '1', other: null },
      ],
    },
  ],
};
export const lrFind: LrFind = {
  ...{ kind: 'graft.lr-find/1', id: 'pets-1', name: 'pets', createdAt: at(500), backbone: 'efficientnet-lite0' },
  ...{ strategy: 'head', suggestions: { valley: 0.0021, slide: 0.011, steep: 0.0009, minimum: 0.031 } },
  curve: Array.from({ length: 100 }, (_, i) => {
    const power = -6 + (i / 99) * 6;
    return [10 ** power, 2 - 1.4 / (1 + Math.exp(-2.4 * (power + 2.9))) + Math.max(0, power + 1.2) ** 3] as [
      number,
      number,
    ];
  }),
};
export const lrFinds: LrFinds = { results: [{ id: 'pets-1', name: 'pets', createdAt: lrFind.createdAt }] };
