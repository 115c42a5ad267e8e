import type { LocalSide, TrainJob } from '../../contracts/ml-protocol.ts';
import { augmentationInputs } from '../../core/augment/inputs.ts';
import { isAugmenting } from '../../core/augment/settings.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { frozenFeatures } from './features.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import type { Batch } from './learner.ts';
import type { Model } from './model.ts';
import type { RowSpec } from './programs.ts';
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
  /** What a row is: pixels, or codes behind a frozen prefix. */
  readonly spec: RowSpec;
  /** The rows and their labels. `epoch` addresses augmentation; null for none. */
  batch(batch: PendingBatch, epoch: number | null): Promise<Batch>;
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
export async function openInputs(
  job: TrainJob,
  model: Model,
  values: ReadonlyMap<string, Float32Array>,
  host: JobHost,
): Promise<Inputs> {
  const cached = model.prefix > 0 && !isAugmenting(job.augment);
  if (!cached) {
    const train = await openSamples(job.train, 'images');
    const validation = await openSamples(job.validation, 'images');
    return inputsOf(pixelSource(train, job), pixelSource(validation, job), train, validation);
  }
  const total = job.train.rows + job.validation.rows;
  const passOver = (side: LocalSide, name: string, before: number): Promise<LocalSide> =>
    frozenFeatures(side, name, {
      model,
      values,
      dir: job.featureDir,
      onProgress: async (done) => {
        host.emit({ kind: 'features', done: before + done, total });
        await breathe();
        if (host.stopRequested()) throw new StopRequested();
      },
    });
  const codes = await passOver(job.train, 'train', 0);
  const validationCodes = await passOver(job.validation, 'validation', job.train.rows);
  const train = await openSamples(codes, 'codes');
  const validation = await openSamples(validationCodes, 'codes');
  return inputsOf(codeSource(train), codeSource(validation), train, validation);
}

function inputsOf(train: Source, validation: Source, ...readers: readonly SampleReader[]): Inputs {
  return {
    train,
    validation,
    async close() {
      for (const reader of readers) await reader.close();
    },
  };
}

function codeSource(samples: SampleReader): Source {
  return {
    rows: samples.rows,
    spec: { kind: 'codes', shape: samples.shape },
    prefetch: (indexes) => ({ indexes, bytes: samples.read(indexes) }),
    async batch({ indexes, bytes }) {
      const shape = [indexes.length, ...samples.shape];
      return { x: asFloat32({ dtype: 'F32', shape, data: await bytes }), labels: labelsOf(samples, indexes) };
    },
  };
}

function pixelSource(samples: SampleReader, { augment, config: { seed } }: TrainJob): Source {
  const [heightPx = 1, widthPx = 1] = samples.shape;
  return {
    rows: samples.rows,
    spec: { kind: 'pixels', shape: samples.shape },
    prefetch: (indexes) => ({ indexes, bytes: samples.read(indexes) }),
    async batch({ indexes, bytes }, epoch) {
      const batch = { x: await bytes, labels: labelsOf(samples, indexes) };
      if (epoch === null || !isAugmenting(augment)) return batch;
      const drawn = augmentationInputs(augment, { seed, epoch, indexes, heightPx, widthPx });
      const augmentation = Object.fromEntries(Object.entries(drawn).map(([name, { values }]) => [name, values]));
      return { ...batch, augmentation };
    },
  };
}
