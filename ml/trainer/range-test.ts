import { mkdir } from 'node:fs/promises';
import type { RangeTestJob } from '../../contracts/ml-protocol.ts';
import { GraftError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import { permutation } from '../../core/rng.ts';
import { afterLoss, hasDiverged, noLoss, rangeTestRate } from '../../core/training/lr-finder.ts';
import type { CurvePoint } from '../../core/training/lr-finder.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { openDetectorInputs } from './detector-inputs.ts';
import { createDetectorLearner } from './detector-learner.ts';
import { buildDetector, detectorStart } from './detector-model.ts';
import { openInputs } from './inputs.ts';
import type { Inputs } from './inputs.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { createLearner } from './learner.ts';
import type { StepLearner } from './learner.ts';
import { buildModel } from './model.ts';
import { startingValues } from './starting-values.ts';
import { checkSides, learnerOptions, writeStart } from './train.ts';
import { detectorOptions } from './train-detector.ts';

/**
 * Trains a copy of the model at rates that grow from step to step until its loss diverges. Nothing of it is kept: weights
 * and optimizer are those of a process that ends with it.
 */
export async function runRangeTest({ train: job, test }: RangeTestJob, host: JobHost): Promise<void> {
  checkSides(job);
  await mkdir(job.workDir, { recursive: true });
  if (job.model.detector) await detectorTest(job, test, host);
  else await classifierTest(job, test, host);
}

type Job = RangeTestJob['train'];
type Test = RangeTestJob['test'];

async function classifierTest(job: Job, test: Test, host: JobHost): Promise<void> {
  const model = buildModel(job.model, job.lastN);
  unwrap(checkPreprocessing(model.backbone, job.model.normalization, 'image.normalization'));
  const { model: description, weightsPath, weightsHold, config } = job;
  const values = await startingValues(model.all, { model: description, weightsPath, weightsHold, seed: config.seed });
  const inputs = await openInputs(job);
  const learner = await createLearner(model, learnerOptions(job, inputs));
  await climb({ job, test, inputs, learner }, host, () => {
    writeStart(learner, model, values, job);
  });
}

async function detectorTest(job: Job, test: Test, host: JobHost): Promise<void> {
  const learning = buildDetector(job.model, job.lastN);
  unwrap(checkPreprocessing(learning.detector.backbone, job.model.normalization, 'image.normalization'));
  const { values } = await detectorStart(learning, { weightsPath: job.weightsPath, seed: job.config.seed });
  const inputs = await openDetectorInputs(job, learning.detector);
  const learner = await createDetectorLearner(learning, detectorOptions(job, inputs));
  await climb({ job, test, inputs, learner }, host, () => {
    writeStart(learner, learning, values, job);
  });
}

interface Climb<B> {
  readonly job: Job;
  readonly test: Test;
  readonly inputs: Inputs<B>;
  readonly learner: StepLearner<B>;
}

async function climb<B>(parts: Climb<B>, host: JobHost, begin: () => void): Promise<void> {
  const { test, inputs, learner } = parts;
  try {
    begin();
    const curve: CurvePoint[] = [];
    let state = noLoss;
    for await (const raw of lossesOf(parts)) {
      state = afterLoss(state, raw);
      curve.push({ rate: rangeTestRate(test, curve.length), loss: state.value });
      host.emit({ kind: 'features', done: curve.length, total: test.iterations });
      if (host.stopRequested()) throw new StopRequested();
      if (curve.length === test.iterations || !Number.isFinite(raw) || hasDiverged(state)) break;
    }
    host.emit({ kind: 'range-tested', curve: curve.filter(({ loss }) => Number.isFinite(loss)) });
    await breathe();
  } catch (error) {
    if (!(error instanceof StopRequested)) throw error;
    host.emit({ kind: 'stopped', step: 0, reason: 'requested' });
  } finally {
    learner.engine.dispose();
    await inputs.close();
  }
}

/** Step after step, epoch after epoch, without end; NaN where the loss is no number. */
async function* lossesOf<B>({ job: { config }, test, inputs: { train }, learner }: Climb<B>): AsyncGenerator<number> {
  let step = 0;
  for (let epoch = 0; ; epoch++) {
    const order = permutation(train.rows, config.seed, 'shuffle', epoch);
    for (let cursor = 0; cursor < train.rows; cursor += config.batchSize) {
      const size = Math.min(config.batchSize, train.rows - cursor);
      const indexes = Array.from({ length: size }, (_, i) => order(cursor + i));
      const batch = await train.batch(train.prefetch(indexes, epoch), epoch);
      await breathe();
      yield lossAt(() => learner.step(batch, { epoch, step, learningRate: rangeTestRate(test, step) }).loss);
      step++;
    }
  }
}

function lossAt(step: () => number): number {
  try {
    return step();
  } catch (error) {
    if (error instanceof GraftError && error.code === 'TRAIN_NONFINITE') return Number.NaN;
    throw error;
  }
}
