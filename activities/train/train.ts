import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PrepareOutput, TrainOutput } from '../../contracts/manifests.ts';
import type { BlobRef, ModelDescription } from '../../contracts/manifests.ts';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import type { TrainingProgress } from '../../contracts/run.ts';
import type { TrainInput, TrainStageResult } from '../../contracts/stages.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import { inputError, transientError } from '../../core/errors.ts';
import { frozenFigures, frozenLine } from '../../core/training/frozen-figures.ts';
import type { KeptCodes } from '../../core/training/frozen-figures.ts';
import { isLinear } from '../../core/training/frozen-prefix.ts';
import { describeModel } from '../../core/training/model-description.ts';
import { stepThreads } from '../../core/training/step-threads.ts';
import { progressIsDue } from '../../core/training/thinning.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { currentActivity, tellWorkflow } from '../lib/activity-context.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { beating } from '../lib/beating.ts';
import { uploadFile } from '../lib/blobs.ts';
import { atActivityEdge, stoppedByRequest } from '../lib/error-boundary.ts';
import { sha256Of } from '../lib/hash.ts';
import { localSide } from '../lib/local-side.ts';
import { normalizationFor } from '../lib/normalization.ts';
import { preparedHash } from '../lib/prepared-hash.ts';
import { cachedStage, requireStage } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';
import { claimAttempt } from './attempt.ts';
import { findResumePoint, furtherOf, pausePoint } from './checkpoints.ts';
import { adoptCurves, keepCurves } from './curves.ts';
import { FEATURES_CODE_VERSION, planFeatures } from './features-plan.ts';
import type { FeaturesPlan } from './features-plan.ts';
import { frozenCodes } from './frozen-codes.ts';
import { bringMetrics, planLeg } from './leg.ts';
import type { LegPlan } from './leg.ts';
import { ProgressView } from './progress.ts';
import { superviseTraining } from './training-session.ts';
import type { TrainingEnd } from './training-session.ts';
import { startingWeights } from './starting-weights.ts';
import { telling } from './trajectory.ts';

/** Raise it when the trainer would give other bits for the same input. */
const CODE_VERSION = 9;

/** The training stage: a child process that can die at any point and goes on from its last checkpoint, bit for bit. */
export function createTrainActivities(ports: TrainPorts) {
  return {
    trainModel: atActivityEdge(async (given: TrainInput): Promise<TrainStageResult> => {
      // What an older graft started lacks newer keys.
      const input = { ...given, config: PipelineConfig.parse(given.config) };
      refuseAutos(input.config);
      const activity = currentActivity();
      const prepared = await requireStage(ports.store, input.prepareManifestKey, PrepareOutput);
      const plan = await planTraining(ports, input, prepared, activity);
      let here: Kept | null = null;
      const answer = await cachedStage({
        store: ports.store,
        clock: ports.clock,
        signal: activity.signal,
        stage: 'train',
        codeVersion: CODE_VERSION,
        addressedBy: plan.addressedBy,
        output: TrainOutput,
        fresh: input.fresh,
        compute: async (partsPrefix) => {
          here = await train(ports, input, prepared, plan, activity, partsPrefix);
          return { output: here.output, parts: here.parts };
        },
      });
      if (answer.cached) await adoptCurves(ports, input.runId, answer.output);
      // Only now is the result safe: until its manifest stands, a crash resumes from what lies here.
      if (here !== null) await leaveWeights(ports, here);
      await ports.files.removeScratch('runs', input.runId);
      return { stage: 'train', ...answer, summary: summaryOf(answer.output) };
    }),
  };
}

function summaryOf({ steps, epochs, best, bestEpoch, frozen }: TrainOutput): string {
  if (best.detection) {
    const maps = `mAP@.5 ${best.detection.mAP50.toFixed(4)}, median ${best.detection.median50.toFixed(4)}`;
    return `${steps} steps, ${epochs} epochs; best epoch ${bestEpoch}: validation loss ${best.validationLoss.toFixed(4)}, ${maps}`;
  }
  const figures = `validation loss ${best.validationLoss.toFixed(4)}, accuracy ${best.validationAccuracy.toFixed(4)}`;
  const line = `${steps} steps, ${epochs} epochs; best epoch ${bestEpoch}: ${figures}`;
  return frozen ? `${line}; ${frozenLine(frozen)}` : line;
}

type TrainPlan = {
  readonly model: ModelDescription;
  readonly weightsPath: string | null;
  readonly weightsHold: TrainJob['weightsHold'];
  /** Of the training's steps. */
  readonly threads: number;
  /** Of the pass through the frozen part. */
  readonly passThreads: number;
  /** The codes that it reads; null where it reads pixels. */
  readonly features: FeaturesPlan | null;
} & LegPlan;

/** Everything that can change a bit of the result goes into the key; checkpoint and memory policy do not. */
async function planTraining(
  ports: TrainPorts,
  input: TrainInput,
  prepared: PrepareOutput,
  activity: RunningActivity,
): Promise<TrainPlan> {
  const { config } = input;
  const normalization = await normalizationFor(ports, config, prepared, activity);
  const weights = await startingWeights(ports, input);
  const { threads: wanted, featureType } = config.train;
  const passThreads = wanted ?? ports.ml.defaultThreads;
  const { classes, image } = prepared;
  const model: ModelDescription = {
    ...describeModel(config.model, { classes, image, normalization }),
    ...(config.model.detector ? { detector: config.model.detector } : {}),
  };
  const arch = process.arch;
  const weightsSha256 = weights?.sha256 ?? null;
  const features = config.model.detector
    ? null
    : planFeatures({ config, prepared, normalization, weightsSha256, threads: passThreads, arch });
  const step = { onCodes: features !== null, batchSize: config.train.batchSize, classes: classes.length };
  const threads = wanted ?? stepThreads(config.model, step, passThreads);
  const { cachedVariants: _, ...augment } = config.augment;
  const addressedBy = {
    prepared: preparedHash(prepared, ['train', 'validation']),
    model,
    lastN: config.model.strategy === 'last-n' ? config.model.lastN : null,
    weightsSha256,
    // The same file for the backbone alone leaves the head to chance.
    ...(input.start === undefined ? {} : { start: 'model' }),
    train: telling(config.train, config.model.strategy),
    augment,
    features: features && { type: featureType, variants: features.variants, codeVersion: FEATURES_CODE_VERSION },
    threads,
    arch,
  } satisfies Record<string, Json>;
  const weightsHold = input.start === undefined ? undefined : ('model' as const);
  const whole = { model, weightsPath: weights?.path ?? null, weightsHold, threads, passThreads, features };
  return { ...whole, ...(await planLeg(ports.store, input, { addressedBy, codeVersion: CODE_VERSION })) };
}

/** CONFIG_AUTO: the defaults that stand there are nobody's choice. */
function refuseAutos({ auto = [] }: PipelineConfig): void {
  if (auto.length === 0) return;
  const expected = 'values: the stage advise measures them before a training';
  throw inputError('CONFIG_AUTO', auto.join(', '), 'auto', expected, 'start it with graft run, or write values');
}

async function train(
  ports: TrainPorts,
  { runId, config }: TrainInput,
  prepared: PrepareOutput,
  plan: TrainPlan,
  activity: RunningActivity,
  partsPrefix: string,
): Promise<Kept> {
  const { seed } = config.train;
  // What is solved at once has no epochs to count.
  const ownConfig = isLinear(config.model.strategy) ? { ...config.train, epochs: 1 } : config.train;
  const dataOrderSha256 = sha256Of(
    canonicalJson({ order: 'feistel-philox/1', seed, data: plan.addressedBy['prepared'] ?? null }),
  );
  const identity = { runId, trainKey: plan.trajectory, formerKey: plan.key, dataOrderSha256 };
  const workDir = await ports.files.scratch('runs', runId, plan.key.slice(0, 16));
  const own = await findResumePoint(ports, identity, join(workDir, runFiles.checkpoints), (key, reason) => {
    activity.warn(`checkpoint ${key} is skipped: ${reason}`);
  });
  const resume = furtherOf(own, plan.from && (await pausePoint(ports, plan.from)));
  if (resume) await bringMetrics(ports.store, runId, workDir, plan.curves);
  const reachedStep = await readReachedStep(workDir);
  const { attempt } = await claimAttempt(ports, runId, {
    resumedFromStep: resume?.counters.step ?? 0,
    reachedStep,
    executionId: activity.executionId,
  });
  const counters = resume?.counters;
  const view = new ProgressView(attempt, ownConfig.epochs, {
    step: counters?.step ?? 0,
    epoch: counters?.epoch ?? 0,
    last: counters?.last ?? null,
  });
  const onProgress = progressTeller(ports, activity);
  const sides = await bringSides(ports, { runId, config, prepared, plan, activity, view, onProgress });
  const job: TrainJob = {
    kind: 'train',
    workDir,
    model: plan.model,
    lastN: config.model.lastN,
    weightsPath: plan.weightsPath,
    weightsHold: plan.weightsHold,
    reads: sides.reads,
    train: sides.train,
    validation: sides.validation,
    config: ownConfig,
    augment: config.augment,
    dataOrderSha256,
    resume,
    ...(plan.untilEpoch === null ? {} : { untilEpoch: plan.untilEpoch }),
  };
  const signal = activity.signal;
  const end = await superviseTraining({ ports, identity, attempt, threads: plan.threads, job, signal, onProgress });
  if (end.kind === 'stopped') throw stopped(activity, runId);
  return keepResult({ ports, workDir, plan, end, kept: sides.kept, partsPrefix, signal });
}

interface Trained {
  readonly ports: TrainPorts;
  readonly workDir: string;
  readonly plan: TrainPlan;
  readonly end: Extract<TrainingEnd, { kind: 'trained' }>;
  readonly kept: KeptCodes | null;
  readonly partsPrefix: string;
  readonly signal: AbortSignal;
}

interface Kept {
  readonly output: TrainOutput;
  readonly parts: BlobRef[];
  /** The weights on this disk. */
  readonly weightsPath: string;
}

/** An evaluation on this machine need not download them. */
async function leaveWeights({ files }: TrainPorts, { output, weightsPath }: Kept): Promise<void> {
  await files.adopt(output.weights, weightsPath);
}

/** Uploads the weights, and for a part of a training the state at its end. */
async function keepResult(trained: Trained): Promise<Kept> {
  const { ports, workDir, plan, end, kept, partsPrefix, signal } = trained;
  const { store } = ports;
  const { weightsPath, weightsSha256, sizeBytes: _, ...figures } = end.result;
  const weights = await uploadFile(store, `${partsPrefix}model.safetensors`, weightsPath, {
    sha256: weightsSha256,
    signal,
  });
  const frozen = kept ? { frozen: frozenFigures(kept, figures.epochs) } : {};
  const { curves } = await keepCurves(ports, workDir, partsPrefix);
  const told = { ...frozen, ...(curves ? { curves } : {}) };
  const output = { weights, model: plan.model, environment: end.environment, ...figures, ...told };
  const parts = [weights, ...(curves ? [curves.metrics, curves.histograms] : [])];
  if (plan.untilEpoch === null || figures.stoppedEarly || end.latest === null) {
    return { output, parts, weightsPath };
  }
  const { path, sha256 } = end.latest;
  // A copy of its own: the run's checkpoints make room for newer ones.
  const checkpoint = await uploadFile(store, `${partsPrefix}pause.safetensors`, path, { sha256, signal });
  const paused = { checkpoint, trajectory: plan.trajectory };
  return { output: { ...output, paused }, parts: [...parts, checkpoint], weightsPath };
}

interface SidesRequest {
  readonly runId: TrainInput['runId'];
  readonly config: PipelineConfig;
  readonly prepared: PrepareOutput;
  readonly plan: TrainPlan;
  readonly activity: RunningActivity;
  readonly view: ProgressView;
  onProgress(progress: TrainingProgress): void;
}

type Sides = Pick<TrainJob, 'reads' | 'train' | 'validation'> & { readonly kept: KeptCodes | null };

/** What the training reads, on this disk: pixels, or what the frozen prefix makes of them. */
async function bringSides(ports: TrainPorts, request: SidesRequest): Promise<Sides> {
  const { runId, config, prepared, plan, activity, view, onProgress } = request;
  if (plan.features === null) {
    const train = await localSide(ports, prepared.sides.train, activity);
    const validation = await localSide(ports, prepared.sides.validation, activity);
    return { reads: { kind: 'pixels' }, train, validation, kept: null };
  }
  // Between two words of the child may lie a download or a slow pass.
  const rest = beating(activity, () => view.current);
  try {
    const { model, weightsPath, weightsHold, passThreads, features } = plan;
    const codes = await frozenCodes({
      ...{ ports, activity, runId, config, model, weightsPath, weightsHold, threads: passThreads, plan: features },
      onEvent: (event) => {
        view.take(event, config.train.batchSize);
        onProgress(view.current);
      },
    });
    if (codes === null) throw stopped(activity, runId);
    const { variants, train, validation, kept } = codes;
    return { reads: { kind: 'codes', variants }, train, validation, kept };
  } finally {
    rest();
  }
}

function stopped(activity: RunningActivity, runId: string): Error {
  return activity.signal.aborted ? stoppedByRequest(activity) : stoppedByOthers(runId);
}

/** A SIGTERM from outside, as when the machine goes down: nobody cancelled the run. */
function stoppedByOthers(runId: string): Error {
  return transientError('TRAIN_STOPPED', `run ${runId}`, 'the trainer was told to stop from outside', 'a finished run');
}

/**
 * Beats, and sends progress to the workflow's query: first at once, then ever more rarely (core/training/thinning.ts). Counted from
 * when the stage was scheduled, and a retry does not begin anew: a month of crashes must not fill the history either.
 */
function progressTeller(ports: TrainPorts, activity: RunningActivity) {
  const attemptMs = ports.clock.nowMs();
  const startedMs = activity.scheduledMs ?? attemptMs;
  let lastMs = activity.attempt === 1 ? Number.NEGATIVE_INFINITY : attemptMs;
  return (progress: TrainingProgress): void => {
    activity.heartbeat(progress);
    const now = ports.clock.nowMs();
    if (!progressIsDue(now, startedMs, lastMs)) return;
    lastMs = now;
    tellWorkflow(activity, progress);
  };
}

async function readReachedStep(workDir: string): Promise<number | null> {
  const path = join(workDir, runFiles.reachedStep);
  if (!existsSync(path)) return null;
  const step = Number.parseInt(await readFile(path, 'utf8'), 10);
  return Number.isInteger(step) && step >= 0 ? step : null;
}
