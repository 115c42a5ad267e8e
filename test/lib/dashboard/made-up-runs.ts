import type { Run, RunLive, RunLog, RunMetrics, RunRow, Runs } from '../../../contracts/web.ts';
import { PipelineConfig } from '../../../contracts/pipeline-config.ts';
import { asSha256 } from '../../../core/ids.ts';

/** Runs as the dashboard's server tells of them; all made up. */

const NOW = Date.now();
const MINUTE = 60_000;
const states = ['completed', 'completed', 'completed', 'failed', 'completed', 'cancelled', 'completed'] as const;

function rowOf(n: number): RunRow {
  const startedMs = NOW - n * 47 * MINUTE - 9 * MINUTE;
  const status = n < 2 ? 'running' : (states[n % states.length] ?? 'completed');
  return {
    runId: `${n % 3 === 0 ? 'digits' : 'pets'}-20261126-101500-${n.toString(16).padStart(4, '0')}`,
    status,
    startedAt: new Date(startedMs).toISOString(),
    endedAt: n < 2 ? null : new Date(startedMs + (3 + (n % 11)) * MINUTE).toISOString(),
    requestedBy: n % 5 === 0 ? 'schedule pets-nightly' : 'ada',
    accuracy: status === 'completed' ? 0.9 + ((n * 7) % 90) / 1_000 : null,
    version: status === 'completed' ? (n % 12) + 1 : null,
    promoted: n % 4 === 0 && status === 'completed',
  };
}

/** Ten thousand, the newest first. */
export const rows: readonly RunRow[] = Array.from({ length: 10_000 }, (_, n) => rowOf(n));

export function runsPage(query: Readonly<Record<string, string>>): Runs {
  const { status, search = '', limit = '50', cursor } = query;
  const found = rows.filter((row) => (status === undefined || row.status === status) && row.runId.includes(search));
  const from = Number(cursor ?? 0);
  const to = from + Number(limit);
  return { runs: found.slice(from, to), total: found.length, cursor: to < found.length ? String(to) : null };
}

const summaries = {
  ingest: '7,349 images in 7 classes, 3 quarantined',
  validate: '1 warning',
  split: '5,144 train, 735 validation, 1,470 test',
  prepare: '224 × 224, 6 shards',
};

export function liveOf(row: RunRow, step: number): RunLive {
  const running = row.status === 'running';
  const ended = running ? 'waiting' : row.status === 'completed' ? 'done' : 'skipped';
  const rest = { done: null, attempt: 1, problem: null };
  return {
    runId: row.runId,
    status: row.status,
    stages: [
      ...(['ingest', 'validate', 'split', 'prepare'] as const).map((name) => ({
        ...{ name, state: 'cached' as const, seconds: 0.1, summary: summaries[name], ...rest },
      })),
      {
        ...{ name: 'train', ...rest, state: running ? 'running' : row.status === 'completed' ? 'done' : 'failed' },
        ...{ seconds: 312, summary: running ? null : '12 epochs, 1,932 steps', done: running ? step / 1_932 : null },
        problem: row.status === 'failed' ? 'TRAIN_NONFINITE: step 412 — loss NaN' : null,
      },
      { name: 'evaluate', state: ended, seconds: running ? null : 8.2, summary: null, ...rest },
      { name: 'gate', state: ended, seconds: running ? null : 0.4, summary: null, ...rest },
      { name: 'promote', state: ended, seconds: running ? null : 0.3, summary: null, ...rest },
    ],
    training: running
      ? {
          ...{ phase: 'training', attempt: 1, step, totalSteps: 1_932, epoch: Math.floor(step / 161), totalEpochs: 12 },
          ...{ loss: lossAt(step), imagesPerSecond: 412, etaSeconds: (1_932 - step) / 13, featuresDone: null },
          ...{ lastEpoch: null, checkpoint: null, residentMb: 1_184 },
        }
      : null,
    ...{ notice: null, error: null },
    ...(row.status === 'failed'
      ? {
          error: { code: 'TRAIN_NONFINITE', message: 'TRAIN_NONFINITE: step 412 — loss NaN — lower the learning rate' },
        }
      : {}),
  };
}

const lossAt = (step: number): number =>
  0.2 + 1.9 * Math.exp(-step / 300) + 0.12 * Math.sin(step * 12.9898) * Math.cos(step * 78.233);

export function runOf(row: RunRow, step: number): Run {
  const config = PipelineConfig.parse({
    name: 'pets',
    dataset: { source: './pets' },
    model: { backbone: 'efficientnet-lite0' },
  });
  return {
    ...{ row, live: liveOf(row, step), config, graftVersion: '0.1.0', report: null, approval: null },
    checkpoints: [200, 600, 1_000, 1_400]
      .filter((each) => each <= step)
      .map((each) => ({
        ...{ step: each, epoch: Math.floor(each / 161), attempt: 1, createdAt: row.startedAt, isBest: each === 1_000 },
        sizeBytes: 27_000_000,
      })),
    attempts: [
      { attempt: 1, startedAt: row.startedAt, host: 'workshop', resumedFromStep: 0, redoneSteps: 0 },
      { attempt: 2, startedAt: row.startedAt, host: 'workshop', resumedFromStep: 600, redoneSteps: 31 },
    ],
    findings: [{ level: 'info', code: 'CURVE_PLATEAU', message: 'the validation loss has not fallen for 3 epochs' }],
    gate:
      row.status === 'completed'
        ? [{ rule: 'minimum accuracy', passed: true, explanation: '.941 is at least .9' }]
        : [],
    actions: row.status === 'running' ? ['cancel'] : row.status === 'completed' ? ['extend'] : ['resume'],
    ...(row.status === 'completed'
      ? {
          report: {
            ...{
              runId: asRun(row),
              status: 'completed',
              weightsSha256: asSha256('ab'.repeat(32)),
              gate: [],
              stages: [],
            },
            metrics: { accuracy: row.accuracy ?? 0, macroF1: 0.938, loss: 0.212 },
            model: { name: 'pets', version: row.version, promoted: row.promoted, alias: 'champion' },
            dataset: {
              name: 'pets',
              version: 'ab'.repeat(32),
              images: 7_349,
              quarantined: 3,
              classes: ['beagle', 'boxer'],
            },
            findings: [],
          },
        }
      : {}),
  };
}

const asRun = ({ runId }: RunRow) => {
  const parsed: unknown = runId;
  return parsed as NonNullable<Run['report']>['runId'];
};

/** As the server thins a million steps: two thousand points. */
export function metricsOf(step: number, total = step): RunMetrics {
  const points = Math.min(step, 2_000);
  const x = Array.from({ length: points }, (_, i) => Math.round(((i + 1) * total) / points));
  const epochs = Array.from({ length: Math.max(1, Math.floor(step / 161)) }, (_, i) => i + 1);
  const ex = epochs.map((epoch) => Math.round((epoch * total) / Math.max(1, epochs.length)));
  const series = (name: string, xs: number[], y: (step: number) => number) => ({
    name,
    x: xs,
    y: xs.map((each) => y((each * step) / total)),
    total: xs === x ? total : xs.length,
  });
  return {
    series: [
      series('loss.step', x, lossAt),
      series('learningRate', x, (s) => 1e-3 * Math.max(0.01, Math.min(1, s / 400) * Math.cos((s / 1_932) * 1.5))),
      series('loss.train', ex, (s) => 0.2 + 1.9 * Math.exp(-s / 300)),
      series('loss.validation', ex, (s) => 0.26 + 1.9 * Math.exp(-s / 320)),
      series('accuracy.train', ex, (s) => 0.97 - 0.8 * Math.exp(-s / 260)),
      series('accuracy.validation', ex, (s) => 0.945 - 0.8 * Math.exp(-s / 270)),
    ],
    epochs: [],
    etag: String(step),
  };
}

export const log: RunLog = {
  cut: false,
  lines: [
    { at: new Date(NOW - 9 * MINUTE).toISOString(), level: 'info', text: 'ingest: taken from the cache' },
    {
      at: new Date(NOW - 8 * MINUTE).toISOString(),
      level: 'warning',
      text: 'train: try 1 ended: the worker was killed',
    },
    { at: new Date(NOW - 8 * MINUTE).toISOString(), level: 'info', text: 'train: goes on from step 600' },
  ],
};
