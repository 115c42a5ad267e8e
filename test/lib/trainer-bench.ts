import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MlEvent, TrainJob, TrainResult } from '../../contracts/ml-protocol.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { asRunId } from '../../core/ids.ts';
import { describeModel } from '../../core/training/model-description.ts';
import { findResumePoint } from '../../activities/train/checkpoints.ts';
import { createLocalFiles } from '../../infra/local-files.ts';
import { runTraining } from '../../ml/trainer/train.ts';
import { runDetectorTraining } from '../../ml/trainer/train-detector.ts';
import type { JobHost } from '../../ml/trainer/job.ts';
import { createMemoryObjectStore } from '../fakes/memory-object-store.ts';
import { hashOf, localSideOf } from '../fakes/stage-fixtures.ts';
import { featuresFirst } from './features-first.ts';

/** Keys of graft.yaml's `train`, `model` and `augment`, and the size of the made-up data. */
export interface JobChange {
  readonly train?: object;
  readonly model?: object;
  readonly augment?: object;
  readonly rows?: { readonly train: readonly number[]; readonly validation: readonly number[] };
  readonly classes?: number;
  readonly sizePx?: number;
  readonly weightsPath?: string;
}

/** A training of made-up pictures, in two shards so that batches reach over their border. */
export async function makeJob(dir: string, change: JobChange = {}): Promise<TrainJob> {
  const { rows = { train: [7, 11], validation: [5, 1] }, classes = 3, sizePx = 16 } = change;
  const config = PipelineConfig.parse({
    name: 'made-up',
    dataset: { source: '.' },
    model: { backbone: 'tiny-cnn', weights: 'random', strategy: 'scratch', ...change.model },
    train: { epochs: 3, batchSize: 4, ...change.train },
    augment: change.augment ?? {},
  });
  const { backbone, lastN } = config.model;
  const image = { heightPx: sizePx, widthPx: sizePx, channels: 3, resize: 'stretch' } as const;
  const names = Array.from({ length: classes }, (_, index) => `class-${index}`);
  return {
    kind: 'train',
    workDir: join(dir, 'work'),
    reads: { kind: 'pixels' },
    model: describeModel(config.model, {
      ...{ classes: names, image, normalization: backboneFacts[backbone].normalization },
    }),
    lastN,
    weightsPath: change.weightsPath ?? null,
    train: await localSideOf(dir, 'train', rows.train, { classes, image }),
    validation: await localSideOf(dir, 'validation', rows.validation, { classes, image }),
    config: config.train,
    augment: config.augment,
    dataOrderSha256: hashOf('order'),
    resume: null,
  };
}

/** The process died. */
export class Crash extends Error {}

export interface Session {
  readonly events: readonly MlEvent[];
  /** Null where it was stopped or crashed. */
  readonly result: TrainResult | null;
  readonly crashed: boolean;
}

export interface SessionOptions {
  /** Asked to stop after so many steps of this session. */
  readonly stopAfterSteps?: number;
  /** Dies as it says its n-th word (1 is the first). */
  readonly crashAtEvent?: number;
  readonly residentBytes?: () => number;
  /** Where the output of the frozen prefix lies; a folder of the training's own by default. */
  readonly featureDir?: string;
  /** Asked to stop after so many words. */
  readonly stopAfterEvents?: number;
}

/** Where `runSession` leaves the output of the frozen prefix. */
export const featureDirOf = (job: TrainJob): string => join(job.workDir, '../features');

/** A training's processes, in this process: the frozen prefix where its output is kept, then the steps. Its clock goes 0.6 s a look, so that every step is reported. */
export async function runSession(job: TrainJob, options: SessionOptions = {}): Promise<Session> {
  const { stopAfterSteps = Infinity, stopAfterEvents = Infinity, crashAtEvent = Infinity } = options;
  const events: MlEvent[] = [];
  let now = 0;
  let steps = 0;
  let crashed = false;
  const host: JobHost = {
    emit: (event) => {
      if (events.length + 1 >= crashAtEvent) throw new Crash();
      events.push(event);
      if (event.kind === 'step') steps++;
    },
    stopRequested: () => steps >= stopAfterSteps || events.length >= stopAfterEvents,
    nowMs: () => (now += 600),
    residentBytes: options.residentBytes ?? (() => 0),
  };
  try {
    const ready = await featuresFirst(job, options.featureDir ?? featureDirOf(job), host);
    if (ready) await (ready.model.detector ? runDetectorTraining : runTraining)(ready, host);
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    crashed = true;
  }
  const trained = events.find((event) => event.kind === 'trained');
  return { events, result: trained?.result ?? null, crashed };
}

/** The same training from where the disk says it stands, as the next attempt would. */
export async function resumed(job: TrainJob): Promise<TrainJob> {
  const store = createMemoryObjectStore();
  const identity = { runId: asRunId('r'), trainKey: '', dataOrderSha256: job.dataOrderSha256 };
  const files = createLocalFiles({ store, dir: join(job.workDir, 'files') });
  const resume = await findResumePoint({ store, files }, identity, join(job.workDir, 'checkpoints'), () => undefined);
  return { ...job, resume };
}

/** What must not hang on where a run was stopped: the weights, the figures and the log. */
export interface Outcome {
  readonly weightsSha256: string;
  readonly result: Omit<TrainResult, 'weightsPath'>;
  readonly log: string;
  readonly sessions: number;
}

/** Runs to the end through as many sessions as it takes; `optionsOf` says what happens to each (1 is the first). */
export async function runToEnd(
  job: TrainJob,
  optionsOf: (session: number) => SessionOptions = () => ({}),
): Promise<Outcome> {
  for (let session = 1; session <= 200; session++) {
    const { result } = await runSession(await resumed(job), optionsOf(session));
    if (!result) continue;
    const { weightsPath: _, ...figures } = result;
    // All but the time of day.
    const log = readFileSync(join(job.workDir, 'metrics.jsonl'), 'utf8').replaceAll(/,"timeMs":\d+/g, '');
    return { weightsSha256: result.weightsSha256, result: figures, log, sessions: session };
  }
  throw new Error('not done after 200 sessions');
}
