import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { augmentationInputs } from '../../core/augment/inputs.ts';
import { isAugmenting } from '../../core/augment/settings.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import type { Batch } from './learner.ts';
import type { RowSpec } from './programs.ts';
import { labelsOf, openSamples, widened } from './samples.ts';
import type { SampleReader } from './samples.ts';

/** A batch on its way: bytes are read ahead of the step, tensors are made when it is due. */
export interface PendingBatch {
  readonly indexes: readonly number[];
  readonly bytes: Promise<Uint8Array>;
}

/** What the learning part of the model eats, from either side. */
export interface Source<B = Batch> {
  readonly rows: number;
  /**
   * Starts reading what `batch` is asked for next; await nothing until the step before is done. Into `into`, where given:
   * `rowBytes` a row, and the batch is to be used up before that memory is given again.
   */
  prefetch(indexes: readonly number[], epoch: number | null, into?: Uint8Array): PendingBatch;
  readonly rowBytes: number;
  /** What a row is: pixels, or codes behind a frozen prefix. */
  readonly spec: RowSpec;
  /** The rows and their labels. `epoch` addresses augmentation, drawn or kept; null for none. */
  batch(batch: PendingBatch, epoch: number | null): Promise<B>;
}

export interface Inputs<B = Batch> {
  readonly train: Source<B>;
  readonly validation: Source<B>;
  close(): Promise<void>;
}

/**
 * Opens both sides. Behind a frozen prefix whose output is kept (architecture §2.9) the step starts from that; else from
 * pixels.
 */
export async function openInputs(job: TrainJob): Promise<Inputs> {
  if (job.reads.kind === 'pixels') {
    const train = await openSamples(job.train, 'images');
    const validation = await openSamples(job.validation, 'images');
    return inputsOf(pixelSource(train, job), pixelSource(validation, job), train, validation);
  }
  const { variants } = job.reads;
  const train = await openSamples({ ...job.train, rows: job.train.rows * variants }, 'codes');
  const validation = await openSamples(job.validation, 'codes');
  return inputsOf(codeSource(train, variants), codeSource(validation, 1), train, validation);
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

/** Variant after variant of the same rows: epoch e reads variant e mod `variants`. */
function codeSource(samples: SampleReader, variants: number): Source {
  const rows = samples.rows / variants;
  const placed = (indexes: readonly number[], epoch: number | null): number[] =>
    indexes.map((index) => ((epoch ?? 0) % variants) * rows + index);
  return {
    rows,
    spec: { kind: 'codes', shape: samples.shape },
    rowBytes: samples.rowBytes,
    prefetch: (indexes, epoch, into) => ({ indexes, bytes: samples.read(placed(indexes, epoch), into) }),
    async batch({ indexes, bytes }, epoch) {
      return { x: floatsOf(await bytes, samples.dtype), labels: labelsOf(samples, placed(indexes, epoch)) };
    },
  };
}

/** `bytes` begin where their buffer begins, so both views are aligned. */
function floatsOf(bytes: Uint8Array, dtype: SampleReader['dtype']): Float32Array {
  if (dtype === 'F16') return widened(bytes);
  return asFloat32({ dtype, shape: [], data: bytes });
}

function pixelSource(samples: SampleReader, { augment, config: { seed } }: TrainJob): Source {
  const [heightPx = 1, widthPx = 1] = samples.shape;
  return {
    rows: samples.rows,
    spec: { kind: 'pixels', shape: samples.shape },
    rowBytes: samples.rowBytes,
    prefetch: (indexes, _epoch, into) => ({ indexes, bytes: samples.read(indexes, into) }),
    async batch({ indexes, bytes }, epoch) {
      const batch = { x: await bytes, labels: labelsOf(samples, indexes) };
      if (epoch === null || !isAugmenting(augment)) return batch;
      const drawn = augmentationInputs(augment, { seed, epoch, indexes, heightPx, widthPx });
      const augmentation = Object.fromEntries(Object.entries(drawn).map(([name, { values }]) => [name, values]));
      return { ...batch, augmentation };
    },
  };
}
