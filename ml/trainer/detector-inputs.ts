import type { LocalSide, TrainJob } from '../../contracts/ml-protocol.ts';
import { isAugmenting } from '../../core/augment/settings.ts';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import { augmentationInputs } from '../../core/augment/inputs.ts';
import { asFloat32, asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { augmentObjects } from '../../core/detection/augment.ts';
import type { AugmentedObjects } from '../../core/detection/augment.ts';
import { learnable, rowObjects } from '../../core/detection/row-objects.ts';
import type { RowObjects } from '../../core/detection/row-objects.ts';
import type { Objects } from '../../core/detection/targets.ts';
import { inputError } from '../../core/errors.ts';
import type { Detector } from '../detectors/detector.ts';
import type { InputValues } from '../engine/index.ts';
import { openSafetensorsFile } from '../weights/safetensors-file.ts';
import type { DetectorBatch } from './detector-learner.ts';
import type { Inputs, Source } from './inputs.ts';
import { openSamples } from './samples.ts';
import type { SampleReader } from './samples.ts';

export interface DetectorSource extends Source<DetectorBatch> {
  readonly objects: readonly RowObjects[];
}

/** The objects of every row of a side, in order. SHARD_BOXES where a shard holds none: it was prepared for classification. */
export async function readObjects(side: LocalSide): Promise<RowObjects[]> {
  const rows: RowObjects[] = [];
  for (const { path, rows: count } of side.shards) {
    const file = await openSafetensorsFile(path);
    try {
      if (!file.header.tensors.has('boxCounts'))
        throw inputError('SHARD_BOXES', path, 'no boxes', 'a shard prepared for detection');
      const whole = async (name: string): Promise<Uint8Array> => file.readRows(name, 0, file.entry(name).shape[0] ?? 0);
      const counts = asInt32({ dtype: 'I32', shape: [count], data: await whole('boxCounts') });
      const boxes = asFloat32({ dtype: 'F32', shape: [], data: await whole('boxes') });
      const labels = asInt32({ dtype: 'I32', shape: [], data: await whole('boxLabels') });
      const flags = asInt32({ dtype: 'I32', shape: [], data: await whole('boxFlags') });
      rows.push(...rowObjects({ counts, boxes, labels, flags }));
    } finally {
      await file.close();
    }
  }
  return rows;
}

export type DetectorInputs = Inputs<DetectorBatch> & {
  readonly validation: DetectorSource;
  /** Objects to learn from, of all training rows. */
  readonly trainBoxes: number;
};

/** Opens both sides: pixels and boxes, with the targets that `detector` makes of them. */
export async function openDetectorInputs(job: TrainJob, detector: Detector): Promise<DetectorInputs> {
  const { augment } = job;
  const { seed } = job.config;
  const [train, trainObjects] = [await openSamples(job.train, 'images'), await readObjects(job.train)];
  const [validation, objects] = [await openSamples(job.validation, 'images'), await readObjects(job.validation)];
  return {
    train: sourceOf(train, trainObjects, detector, { augment, seed }),
    validation: sourceOf(validation, objects, detector, { augment: null, seed }),
    trainBoxes: trainObjects.reduce((sum, each) => sum + learnable(each).labels.length, 0),
    async close() {
      await train.close();
      await validation.close();
    },
  };
}

/** Rows with their targets. Where augmentation moves an image, its boxes go with it, before targets are made of them. */
export function sourceOf(
  samples: SampleReader,
  all: readonly RowObjects[],
  detector: Detector,
  { augment, seed }: { readonly augment: AugmentSettings | null; readonly seed: number },
): DetectorSource {
  const [heightPx = 1, widthPx = 1] = samples.shape;
  const objects = all.map(learnable);
  const none: Objects = { boxes: new Float64Array(), labels: [] };
  return {
    rows: samples.rows,
    objects: all,
    spec: { kind: 'pixels', shape: samples.shape },
    rowBytes: samples.rowBytes,
    prefetch: (indexes, _epoch, into) => ({ indexes, bytes: samples.read(indexes, into) }),
    async batch({ indexes, bytes }, epoch) {
      const own = indexes.map((index) => objects[index] ?? none);
      if (epoch === null || augment === null || !isAugmenting(augment)) {
        const targets = detector.targets(own, { seed, epoch: epoch ?? 0, indexes });
        return { x: await bytes, rows: indexes.length, targets };
      }
      const size = { heightPx, widthPx };
      const moved = own.map((each, row) =>
        augmentObjects(each, augment, { seed, epoch, index: indexes[row] ?? 0 }, size),
      );
      const targets = detector.targets(
        moved.map(({ objects: at }) => at),
        { seed, epoch, indexes },
      );
      const drawn = augmentationInputs(augment, { seed, epoch, indexes, ...size });
      return { x: await bytes, rows: indexes.length, targets: { ...targets, ...augmentation(drawn, moved) } };
    },
  };
}

/** What augmentation drew, with the transforms that boxes have a say in. */
function augmentation(drawn: ReturnType<typeof augmentationInputs>, moved: readonly AugmentedObjects[]): InputValues {
  const values = Object.fromEntries(Object.entries(drawn).map(([name, input]) => [name, input.values]));
  if (values['transform'] === undefined) return values;
  return { ...values, transform: Float32Array.from(moved.flatMap(({ transform }) => [...transform])) };
}
