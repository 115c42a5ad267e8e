import { ApplicationFailure } from '@temporalio/common';
import { Context } from '@temporalio/activity';
import { asSha256 } from '../../core/ids.ts';
import type {
  AliasActivities,
  DataActivities,
  EvaluateActivities,
  NotifyActivities,
  PromotionActivities,
  RunActivities,
  ScheduleActivities,
  ShadowActivities,
  SweepActivities,
  TrainActivities,
} from '../../activities/index.ts';

export type AllActivities = DataActivities &
  SweepActivities &
  RunActivities &
  TrainActivities &
  EvaluateActivities &
  PromotionActivities &
  AliasActivities &
  ShadowActivities &
  ScheduleActivities &
  NotifyActivities;

const hash = (digit: string) => asSha256(digit.repeat(64));
const key = (stage: string) => `stages/${stage}/${'0'.repeat(64)}/manifest.json`;
const image = { heightPx: 32, widthPx: 32, channels: 3, resize: 'stretch' } as const;
const classes = ['cat', 'dog'];
const epoch = {
  epoch: 1,
  step: 8,
  learningRate: 1e-3,
  trainLoss: 0.5,
  trainAccuracy: 0.8,
  validationLoss: 0.6,
  validationAccuracy: 0.7,
};
const model = {
  backbone: 'tiny-cnn',
  strategy: 'scratch',
  classes,
  image,
  normalization: 'minus1-to-1',
  dropout: 0,
} as const;
const blob = (name: string) => ({ key: name, sha256: hash('b'), sizeBytes: 10 });
const figures = { images: 20, loss: 0.4, accuracy: 0.9, top5: 1, macroPrecision: 0.9, macroRecall: 0.9, macroF1: 0.9 };

/** A training in its third step. */
export const progress = {
  phase: 'training',
  attempt: 1,
  step: 3,
  totalSteps: 8,
  epoch: 1,
  totalEpochs: 1,
  loss: 0.7,
  imagesPerSecond: 100,
  etaSeconds: 1,
  featuresDone: null,
  lastEpoch: null,
  checkpoint: null,
  residentMb: 500,
} as const;

/** Activities that answer at once with plausible results; a test overrides the one it is about. */
export function fakeActivities(overrides: Partial<AllActivities> = {}): AllActivities {
  const answer = <S extends string>(stage: S) => ({
    stage,
    key: '0'.repeat(64),
    manifestKey: key(stage),
    cached: false,
    summary: `${stage} done`,
  });
  const counts = { train: 70, validation: 10, test: 20 };
  return {
    openRun: async () => undefined,
    closeRun: async () => undefined,
    openSweep: async () => undefined,
    reportSweep: async () => undefined,
    readShare: async () => ({ partitions: 1 }),
    renderShare: async () => ({ shards: 1 }),
    ingestDataset: async () => ({
      ...answer('ingest'),
      output: {
        dataset: 'pets',
        version: hash('d') as never,
        manifestKey: 'datasets/pets/d/manifest.json',
        classes,
        images: 100,
        quarantined: 0,
        quarantine: null,
      },
    }),
    validateDataset: async () => ({ ...answer('validate'), output: { findings: [], report: blob('report') } }),
    splitDataset: async () => ({
      ...answer('split'),
      output: {
        datasetManifestKey: 'datasets/pets/d/manifest.json',
        classes,
        counts,
        perClass: {},
        assignments: blob('a'),
        parent: null,
      },
    }),
    planRetraining: async () => ({
      kind: 'graft.retraining-plan/1',
      start: { model: 'pets', version: 1, weights: blob('champion'), backbone: 'tiny-cnn', cut: null },
      train: { paths: blob('recent'), images: 7 },
      newest: { paths: blob('newest'), images: 2 },
      findings: [],
    }),
    prepareImages: async () => ({ ...answer('prepare'), output: { image, classes, rows: counts } }),
    settleAutos: async ({ config: { auto: _, ...config } }) => ({
      ...answer('advise'),
      output: { learningRate: 0.002, why: ['learningRate 0.002: the valley of a range test of 60 steps'] },
      config: { ...config, train: { ...config.train, optimizer: { ...config.train.optimizer, learningRate: 0.002 } } },
    }),
    trainModel: async () => ({
      ...answer('train'),
      output: {
        weights: blob('model.safetensors'),
        model: { ...model, classes: [...classes] },
        environment: {
          backend: 'tensorflow',
          tensorflow: '2.21.0',
          device: 'cpu',
          threads: 2,
          oneDnn: true,
          kernels: null,
          parts: 1,
          engine: 'compiled',
          arch: 'x64',
        },
        steps: 8,
        epochs: 1,
        bestEpoch: 1,
        stoppedEarly: false,
        best: epoch,
        last: epoch,
        trainableParameters: 1,
        totalParameters: 1,
      },
    }),
    evaluateModel: async () => ({
      ...answer('evaluate'),
      output: { metrics: { ...figures, perClass: [], confusion: [] }, logits: blob('logits'), findings: [] },
    }),
    decidePromotion: async () => ({
      ...answer('gate'),
      output: {
        decision: 'promote',
        rules: [{ rule: 'champion', passed: true, explanation: 'there is no champion yet' }],
        champion: null,
      },
    }),
    promoteModel: async () => ({
      ...answer('promote'),
      output: {
        model: 'pets',
        version: 1,
        promoted: true,
        alias: 'champion',
        manifestKey: 'models/pets/versions/1/manifest.json',
      },
    }),
    prepareApproval: async () => ({ reportKey: 'runs/x/approval/1.json', pageKey: 'runs/x/approval/1.md' }),
    recordApproval: async () => undefined,
    planAliasChange: async () => ({ from: 2, to: 1 }),
    checkModelVersion: async () => '8 known images gave the recorded answers',
    applyAliasChange: async ({ model, alias, from, to, check }) => ({ model, alias, from, to, moved: true, check }),
    decideRetraining: async ({ input: { scheduleId }, runId, datasetVersion, datasetManifestKey }) => ({
      kind: 'graft.schedule-decision/1',
      ...{ scheduleId, runId, datasetVersion, datasetManifestKey, configSha256: hash('c') },
      ...{ at: '2026-01-01T00:00:00.000Z', decision: 'train', reason: 'a test', newImages: null, drift: null },
    }),
    recordRetraining: async () => undefined,
    shadowEvaluate: async ({ watchId, model, alias, datasetManifestKey, drift }) => ({
      ...{ kind: 'graft.watch/1', watchId, at: '2026-01-01T00:00:00.000Z', model, alias, version: 2, images: 100 },
      ...{ datasetManifestKey, drift, verdict: 'roll-back', reason: 'version 1 is better than 2' },
      accuracy: { seen: 0.8, recorded: 0.9, recordedImages: 200 },
      before: { version: 1, accuracy: 0.9, wins: 1, losses: 11, pValue: 0.003 },
    }),
    deliverNotification: async () => undefined,
    recordNotifications: async () => undefined,
    ...overrides,
  };
}

/** An activity that works until it is cancelled, as training does. */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => {
    context.heartbeat();
  }, 100);
  try {
    return await context.cancelled;
  } finally {
    clearInterval(beat);
  }
}

/** What the boundary makes of a wrong input. */
export async function wrongInput(): Promise<never> {
  const parts = { kind: 'input', where: './pets', seen: 'no such folder' };
  throw ApplicationFailure.create({
    message: 'DATASET_MISSING: ./pets — no such folder',
    type: 'DATASET_MISSING',
    nonRetryable: true,
    details: [{ code: 'DATASET_MISSING', ...parts }],
  });
}
