import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { asFloat32, elementCount } from '../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { freshCounters } from '../../core/training/progress.ts';
import { momentumAt } from '../../core/training/schedule.ts';
import { momentumOf } from '../engine/rules.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { readCheckpoint } from './checkpoint-file.ts';
import type { Snapshot } from './checkpoint-file.ts';
import { gradualLearning } from './gradual.ts';
import { finish } from './finish.ts';
import { openInputs } from './inputs.ts';
import type { Inputs } from './inputs.ts';
import { breathe } from './job.ts';
import type { JobHost } from './job.ts';
import { createLearner } from './learner.ts';
import type { Learner, LearnerOptions } from './learner.ts';
import { trainLoop } from './loop.ts';
import { buildModel } from './model.ts';
import type { Model } from './model.ts';
import { slotStarts, variable } from './programs.ts';
import type { Learning } from './programs.ts';
import { startingValues } from './starting-values.ts';
import { validate } from './validate.ts';

/** Runs one training to its end, or to the stop that was asked for. Everything it says goes through `host.emit`. */
export async function runTraining(job: TrainJob, host: JobHost): Promise<void> {
  const model = buildModel(job.model, job.lastN);
  unwrap(checkPreprocessing(model.backbone, job.model.normalization, 'image.normalization'));
  checkSides(job);
  await mkdir(join(job.workDir, runFiles.checkpoints), { recursive: true });
  const { model: description, weightsPath, weightsHold, config } = job;
  const values = await startingValues(model.all, { model: description, weightsPath, weightsHold, seed: config.seed });
  const inputs = await openInputs(job);
  try {
    await train(job, model, values, inputs, host);
  } finally {
    await inputs.close();
  }
}

async function train(
  job: TrainJob,
  model: Model,
  values: ReadonlyMap<string, Float32Array>,
  inputs: Inputs,
  host: JobHost,
): Promise<void> {
  const learner = await createLearner(model, learnerOptions(job, inputs));
  try {
    const best = await load(learner, model, values, job);
    // TensorFlow plans each set of outputs when it is first asked for: here, and not in the first checkpoint.
    learner.state();
    const restart = (from: Snapshot['best']): void => {
      writeStart(learner, model, values, job);
      learner.engine.write(variablesOf(learner, from));
    };
    const validation = () => validate(learner, inputs.validation, job.config.batchSize);
    const parts = { job, learner, best, inputs, host, restart, validate: validation };
    const end = await trainLoop(parts, job.resume?.counters ?? { ...freshCounters });
    if (end.kind === 'stopped') {
      host.emit({ kind: 'stopped', step: end.counters.step, reason: end.reason });
      return;
    }
    host.emit({ kind: 'trained', result: await finish(job, model, end.best, values, end.counters) });
    await breathe();
  } finally {
    learner.engine.dispose();
  }
}

/** What `createLearner` is told of a training. */
export function learnerOptions(
  { config, augment, workDir, model: description }: TrainJob,
  { train }: Inputs,
): LearnerOptions {
  const { optimizer, backboneRate, labelSmoothing, clipNorm, averageDecay, seed, batchSize } = config;
  const isGradual = description.strategy === 'gradual';
  const moves = isGradual || momentumAt(config.schedule, 0, 1) !== null;
  const movesMomentum = momentumOf(optimizer) !== null && moves;
  const step = { optimizer, backboneRate, labelSmoothing, clipNorm, averageDecay, augment, seed, movesMomentum };
  const own = isGradual ? gradualLearning(description, config.gradual) : {};
  return { ...step, ...own, rows: train.spec, batchSize, trainRows: train.rows, scratchDir: workDir };
}

/** DATASET_SPLIT where a side is empty. */
export function checkSides({ train, validation }: TrainJob): void {
  for (const [name, { rows }] of Object.entries({ train, validation })) {
    if (rows === 0)
      throw inputError('DATASET_SPLIT', name, 'no images', 'at least one', 'add data or change the split');
  }
}

/** Fills the learner's variables: starting values, then what a checkpoint says of the part that learns. */
export async function load(
  learner: Pick<Learner, 'engine' | 'moving'>,
  model: Learning,
  values: ReadonlyMap<string, Float32Array>,
  job: TrainJob,
): Promise<Snapshot['best']> {
  writeStart(learner, model, values, job);
  if (!job.resume) return null;
  const restored = await readCheckpoint(job.resume, learner.moving);
  learner.engine.write(restored.values);
  return restored.best;
}

/** Starting values of everything that a step reads or changes. */
export function writeStart(
  { engine }: Pick<Learner, 'engine'>,
  model: Learning,
  values: ReadonlyMap<string, Float32Array>,
  { config }: { readonly config: Pick<TrainJob['config'], 'optimizer'> },
): void {
  const start = new Map<string, Float32Array>();
  for (const [name, value] of values) {
    for (const each of [variable.parameter(name), variable.average(name)]) {
      if (engine.shapes.has(each)) start.set(each, value);
    }
  }
  for (const [name, slot] of slotStarts(model, config.optimizer)) {
    start.set(name, new Float32Array(elementCount(slot.shape)).fill(slot.start));
  }
  engine.write(start);
}

/** A finished model's values, as the variables that hold them: the weights, and their averages where there are any. */
export function variablesOf({ engine }: Pick<Learner, 'engine'>, model: Snapshot['best']): Map<string, Float32Array> {
  const both = [...(model ?? [])].flatMap(([name, data]) =>
    [variable.parameter(name), variable.average(name)].map((each) => [each, asFloat32(data)] as const),
  );
  return new Map(both.filter(([name]) => engine.shapes.has(name)));
}
