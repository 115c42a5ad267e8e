import * as tf from '@tensorflow/tfjs';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { frozenFeatures, prefixOutput } from './features.ts';
import { flipRows, imageBatch } from './images.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import type { Model } from './model.ts';
import type { TensorStore } from './parameters.ts';
import { labelsOf, openSamples } from './samples.ts';
import type { SampleReader } from './samples.ts';

/** A batch on its way: bytes are read ahead of the step, tensors are made when it is due. */
export interface PendingBatch {
  readonly indexes: readonly number[];
  readonly bytes: Promise<Uint8Array>;
}

/** What the learning part of the model eats, from either side. */
export interface Source {
  readonly rows: number;
  /** Starts reading; await nothing until the step before is done. */
  prefetch(indexes: readonly number[]): PendingBatch;
  /** The input of block `model.prefix` and int32 labels [batch]; the caller disposes of both. `epoch` addresses augmentation; null for none. */
  tensors(batch: PendingBatch, epoch: number | null): Promise<{ features: tf.Tensor; labels: tf.Tensor1D }>;
}

export interface Inputs {
  readonly train: Source;
  readonly validation: Source;
  close(): Promise<void>;
}

/**
 * Opens both sides. Behind a frozen prefix that no augmentation precedes, images go through it once and the step reads
 * its output from disk (architecture §2.9); else the step starts from pixels.
 */
export async function openInputs(job: TrainJob, model: Model, parameters: TensorStore, host: JobHost): Promise<Inputs> {
  const cached = model.prefix > 0 && job.augment.flipHorizontal === 0;
  if (!cached) {
    const train = await openSamples(job.train, 'images');
    const validation = await openSamples(job.validation, 'images');
    return {
      train: pixelSource(train, job, model, parameters),
      validation: pixelSource(validation, job, model, parameters),
      close: () => closeAll(train, validation),
    };
  }
  const total = job.train.rows + job.validation.rows;
  const passOver = (before: number) => ({
    model,
    parameters,
    dir: job.featureDir,
    onProgress: async (done: number): Promise<void> => {
      host.emit({ kind: 'features', done: before + done, total });
      await breathe();
      if (host.stopRequested()) throw new StopRequested();
    },
  });
  const train = await openSamples(await frozenFeatures(job.train, 'train', passOver(0)), 'codes');
  const rows = job.train.rows;
  const validation = await openSamples(await frozenFeatures(job.validation, 'validation', passOver(rows)), 'codes');
  // The prefix has done its work: its weights need not stay in memory.
  parameters.dispose(model.blocks.slice(0, model.cut).flatMap((block) => block.params.map((spec) => spec.name)));
  return { train: codeSource(train), validation: codeSource(validation), close: () => closeAll(train, validation) };
}

function codeSource(samples: SampleReader): Source {
  return {
    rows: samples.rows,
    prefetch: (indexes) => ({ indexes, bytes: samples.read(indexes) }),
    async tensors({ indexes, bytes }) {
      const shape = [indexes.length, ...samples.shape];
      const values = asFloat32({ dtype: 'F32', shape, data: await bytes });
      return { features: tf.tensor(values, shape, 'float32'), labels: labelTensor(samples, indexes) };
    },
  };
}

function pixelSource(samples: SampleReader, job: TrainJob, model: Model, parameters: TensorStore): Source {
  const { seed } = job.config;
  const probability = job.augment.flipHorizontal;
  return {
    rows: samples.rows,
    prefetch: (indexes) => ({ indexes, bytes: samples.read(indexes) }),
    async tensors({ indexes, bytes }, epoch) {
      const pixels = await bytes;
      if (epoch !== null) flipRows(pixels, indexes, samples.shape, { probability, seed, epoch });
      const features =
        model.prefix > 0
          ? prefixOutput(pixels, indexes.length, samples.shape, { model, parameters })
          : imageBatch(pixels, indexes.length, samples.shape, model.backbone.preprocessing);
      return { features, labels: labelTensor(samples, indexes) };
    },
  };
}

function labelTensor(samples: SampleReader, indexes: readonly number[]): tf.Tensor1D {
  return tf.tensor1d(labelsOf(samples, indexes), 'int32');
}

async function closeAll(...readers: readonly SampleReader[]): Promise<void> {
  for (const reader of readers) await reader.close();
}
