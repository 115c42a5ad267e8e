import * as tf from '@tensorflow/tfjs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainJob, TrainResult } from '../../contracts/ml-protocol.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import type { EpochMetrics } from '../../contracts/manifests.ts';
import { elementCount, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { freshCounters } from '../../core/training/progress.ts';
import { createBackbone } from '../backbones/index.ts';
import { initialize } from '../nn/initialize.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { loadBackboneWeights } from '../weights/load.ts';
import { writeSafetensorsFile } from '../weights/safetensors-file.ts';
import { restoreCheckpoint } from './checkpoint-file.ts';
import type { TrainTensors } from './checkpoint-file.ts';
import { openInputs } from './inputs.ts';
import type { Inputs } from './inputs.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { trainLoop } from './loop.ts';
import { buildModel } from './model.ts';
import type { Model } from './model.ts';
import { loadValues, TensorStore } from './parameters.ts';

/** Runs one training to its end, or to the stop that was asked for. Everything it says goes through `host.emit`. */
export async function runTraining(job: TrainJob, host: JobHost): Promise<void> {
  const model = buildModel(job.model, job.lastN);
  unwrap(checkPreprocessing(model.backbone, job.model.normalization, 'image.normalization'));
  checkSides(job);
  await mkdir(join(job.workDir, runFiles.checkpoints), { recursive: true });
  const state: TrainTensors = { parameters: new TensorStore(), slots: new TensorStore(), best: null };
  const frozen = await startingValues(job, model, state);
  let inputs: Inputs;
  try {
    inputs = await openInputs(job, model, state.parameters, host);
  } catch (error) {
    if (!(error instanceof StopRequested)) throw error;
    host.emit({ kind: 'stopped', step: job.resume?.counters.step ?? 0, reason: 'requested' });
    return;
  }
  try {
    const end = await trainLoop({ job, model, state, inputs, host }, job.resume?.counters ?? { ...freshCounters });
    if (end.kind === 'stopped') {
      host.emit({ kind: 'stopped', step: end.counters.step, reason: end.reason });
      return;
    }
    host.emit({ kind: 'trained', result: await finish(job, model, state, frozen, end.counters) });
    await breathe();
  } finally {
    await inputs.close();
    state.parameters.dispose();
    state.slots.dispose();
    tf.disposeVariables();
  }
}

function checkSides({ train, validation }: TrainJob): void {
  for (const [name, { rows }] of Object.entries({ train, validation })) {
    if (rows === 0)
      throw inputError('DATASET_SPLIT', name, 'no images', 'at least one', 'add data or change the split');
  }
}

/**
 * Starting values: a file's backbone or a random one, a random head; then what a checkpoint says of the part that
 * learns. Returns the frozen values, which the finished model needs and no checkpoint holds.
 */
async function startingValues(
  job: TrainJob,
  model: Model,
  state: TrainTensors,
): Promise<ReadonlyMap<string, Float32Array>> {
  const values = initialize(model.all, job.config.seed);
  if (job.weightsPath !== null) {
    const pretrained = await loadBackboneWeights(createBackbone(job.model.backbone), job.weightsPath);
    for (const [name, value] of pretrained) values.set(name, value);
  }
  loadValues(state.parameters, model.all, values);
  if (job.resume) await restoreCheckpoint(job.resume, model, state);
  const learning = new Set([...model.trainable, ...model.statistics].map((spec) => spec.name));
  return new Map([...values].filter(([name]) => !learning.has(name)));
}

/** Writes the best epoch's model, whole: deterministic bytes, so its hash names the result. */
async function finish(
  job: TrainJob,
  model: Model,
  state: TrainTensors,
  frozen: ReadonlyMap<string, Float32Array>,
  counters: TrainCounters,
): Promise<TrainResult> {
  const tensors = new Map<string, TensorData>();
  for (const spec of model.all) {
    const values = frozen.get(spec.name);
    const data = state.best?.get(spec.name) ?? (values && float32Tensor(values, spec.shape));
    if (!data) throw new Error(`no value for ${spec.name}`);
    tensors.set(spec.name, data);
  }
  const weightsPath = join(job.workDir, runFiles.model);
  const written = await writeSafetensorsFile(weightsPath, tensors, { graft: 'model/1', backbone: job.model.backbone });
  return {
    weightsPath,
    weightsSha256: written.sha256,
    sizeBytes: written.sizeBytes,
    steps: counters.step,
    epochs: counters.epoch,
    bestEpoch: counters.bestEpoch,
    stoppedEarly: counters.stopped,
    best: required(counters.best),
    last: required(counters.last),
    trainableParameters: sizeOf(model.trainable),
    totalParameters: sizeOf(model.all.filter((spec) => spec.kind === 'weight')),
  };
}

const sizeOf = (specs: readonly { readonly shape: readonly number[] }[]): number =>
  specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);

function required(metrics: EpochMetrics | null): EpochMetrics {
  if (!metrics) throw new Error('finished without an epoch');
  return metrics;
}
