import { mkdir } from 'node:fs/promises';
import type { EpochMetrics } from '../../contracts/manifests.ts';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../core/errors.ts';
import { learnLinear, linearScores } from '../../core/linear/classifiers.ts';
import type { LinearClassifier } from '../../core/linear/classifiers.ts';
import type { Iteration } from '../../core/linear/lbfgs.ts';
import type { LabelledCodes } from '../../core/linear/objectives.ts';
import { argMax, logSumExp } from '../../core/metrics/classification.ts';
import { unwrap } from '../../core/result.ts';
import { isLinear } from '../../core/training/frozen-prefix.ts';
import { freshCounters } from '../../core/training/progress.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { finish } from './finish.ts';
import { openInputs } from './inputs.ts';
import type { Source } from './inputs.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { openMetricsLog } from './metrics-log.ts';
import { buildModel } from './model.ts';
import { range } from './samples.ts';
import { startingValues } from './starting-values.ts';
import { checkSides } from './train.ts';

/** Rows that are read at once. */
const READ_ROWS = 256;

/**
 * Learns a linear classifier on the codes of a frozen backbone, exactly, and leaves the model that a head of one dense
 * layer would have left. It writes no checkpoints: killed, it does the same again, to the same bits.
 */
export async function runLinear(job: TrainJob, host: JobHost): Promise<void> {
  const model = buildModel(job.model, job.lastN);
  unwrap(checkPreprocessing(model.backbone, job.model.normalization, 'image.normalization'));
  checkSides(job);
  await mkdir(job.workDir, { recursive: true });
  const { train, validation } = await readCodes(job);
  try {
    const learnt = await solve(job, train, host);
    const [own, held] = [figures(learnt.classifier, train), figures(learnt.classifier, validation)];
    const metrics: EpochMetrics = {
      ...{ epoch: 1, step: learnt.iterations, learningRate: 0 },
      ...{ trainLoss: own.loss, trainAccuracy: own.accuracy },
      ...{ validationLoss: held.loss, validationAccuracy: held.accuracy },
    };
    learnt.log.epoch(metrics);
    host.emit({ kind: 'epoch', metrics });
    const counters = {
      ...freshCounters,
      step: learnt.iterations,
      epoch: 1,
      bestEpoch: 1,
      best: metrics,
      last: metrics,
    };
    const { kernel, bias } = learnt.classifier;
    const head = new Map([
      ['head/logits/kernel', float32Tensor(kernel, [train.width, train.classes])],
      ['head/logits/bias', float32Tensor(bias, [train.classes])],
    ]);
    const { model: description, weightsPath, weightsHold, config } = job;
    const values = await startingValues(model.all, { model: description, weightsPath, weightsHold, seed: config.seed });
    host.emit({ kind: 'trained', result: await finish(job, model, head, values, counters) });
    await breathe();
  } catch (error) {
    if (!(error instanceof StopRequested)) throw error;
    host.emit({ kind: 'stopped', step: 0, reason: 'requested' });
  }
}

async function solve(job: TrainJob, codes: LabelledCodes, host: JobHost) {
  const { strategy } = job.model;
  if (!isLinear(strategy)) throw new Error(`${strategy} is not linear`);
  const { linear } = job.config;
  const log = openMetricsLog(job.workDir, linear.maxIterations, { ...freshCounters }, () => host.nowMs());
  const steps = learnLinear(strategy, codes, linear);
  let iterations = 0;
  for (;;) {
    const startedMs = host.nowMs();
    const step = steps.next();
    if (step.done) return { classifier: step.value, iterations, log };
    iterations = step.value.iteration;
    log.step({ step: iterations, epoch: 1, loss: step.value.value, learningRate: 0 });
    report(job, codes, step.value, host, startedMs);
    await breathe();
    if (host.stopRequested()) throw new StopRequested();
  }
}

function report(job: TrainJob, codes: LabelledCodes, step: Iteration, host: JobHost, startedMs: number): void {
  host.emit({
    kind: 'step',
    step: step.iteration,
    totalSteps: Math.max(step.iteration, job.config.linear.maxIterations),
    epoch: 0,
    loss: step.value,
    imagesPerSecond: (1000 * codes.labels.length) / Math.max(1, host.nowMs() - startedMs),
    residentMb: host.residentBytes() / 1024 / 1024,
    tensors: 0,
  });
}

async function readCodes(job: TrainJob): Promise<{ train: LabelledCodes; validation: LabelledCodes }> {
  if (job.reads.kind !== 'codes') {
    const seen = 'drawn anew for every epoch';
    const expected = `none, or augment.cachedVariants: ${job.model.strategy} reads each image once`;
    throw inputError('CONFIG_VALUE', 'augment', seen, expected, 'write augment.cachedVariants: 4');
  }
  const inputs = await openInputs(job);
  try {
    const classes = job.model.classes.length;
    const { variants } = job.reads;
    return {
      train: await readSide(inputs.train, classes, variants),
      validation: await readSide(inputs.validation, classes, 1),
    };
  } finally {
    await inputs.close();
  }
}

/** A whole side in memory, all variants one after the other: 5 KB for each image of EfficientNet-Lite0. */
async function readSide(source: Source, classes: number, variants: number): Promise<LabelledCodes> {
  const width = source.spec.shape.reduce((product, side) => product * side, 1);
  const codes = new Float32Array(source.rows * variants * width);
  const labels = new Int32Array(source.rows * variants);
  for (let variant = 0; variant < variants; variant++) {
    for (let start = 0; start < source.rows; start += READ_ROWS) {
      const indexes = range(start, Math.min(READ_ROWS, source.rows - start));
      const batch = await source.batch(source.prefetch(indexes, variant), variant);
      const at = variant * source.rows + start;
      codes.set(batch.x, at * width);
      labels.set(batch.labels, at);
    }
  }
  return { codes, labels, width, classes };
}

/** Mean cross-entropy (nats) and accuracy of the scores. */
function figures(classifier: LinearClassifier, { codes, labels, classes }: LabelledCodes) {
  const scores = linearScores(classifier, codes);
  let lossSum = 0;
  let correct = 0;
  for (const [row, label] of labels.entries()) {
    const line = scores.subarray(row * classes, (row + 1) * classes);
    lossSum += logSumExp(line) - (line[label] ?? 0);
    if (argMax(line) === label) correct++;
  }
  return { loss: lossSum / labels.length, accuracy: correct / labels.length };
}
