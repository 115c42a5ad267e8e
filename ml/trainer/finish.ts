import { join } from 'node:path';
import type { TrainJob, TrainResult } from '../../contracts/ml-protocol.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import type { EpochMetrics } from '../../contracts/manifests.ts';
import { elementCount, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { curveFindings } from '../../core/training/curves.ts';
import { detectorFindings } from '../../core/training/detector-curves.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { writeSafetensorsFile } from '../weights/safetensors-file.ts';
import type { Snapshot } from './checkpoint-file.ts';
import type { Model } from './model.ts';

/** Writes the best epoch's model, whole: deterministic bytes, so its hash names the result. */
export async function finish(
  job: TrainJob,
  model: Pick<Model, 'all' | 'trainable'>,
  best: Snapshot['best'],
  start: ReadonlyMap<string, Float32Array>,
  counters: TrainCounters,
): Promise<TrainResult> {
  const tensors = new Map<string, TensorData>();
  for (const spec of model.all) {
    // What does not learn is what it was; no checkpoint holds it.
    const values = start.get(spec.name);
    const data = best?.get(spec.name) ?? (values && float32Tensor(values, spec.shape));
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
    ...(counters.stopReason ? { stopReason: counters.stopReason } : {}),
    findings: findingsOf(job, counters),
  };
}

function findingsOf(job: TrainJob, counters: TrainCounters) {
  const input = {
    ...{ history: counters.history, epoch: counters.epoch, bestEpoch: counters.bestEpoch },
    ...{ validationRows: job.validation.rows, classes: job.model.classes.length, rollbacks: counters.rollbacks },
  };
  const { detector } = job.model;
  if (!detector) return curveFindings(input);
  const { everyEpochs } = detector.validation;
  return detectorFindings({ ...input, everyEpochs, kind: detector.kind, last: counters.last?.detection ?? null });
}

const sizeOf = (specs: readonly { readonly shape: readonly number[] }[]): number =>
  specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);

function required(metrics: EpochMetrics | null): EpochMetrics {
  if (!metrics) throw new Error('finished without an epoch');
  return metrics;
}
