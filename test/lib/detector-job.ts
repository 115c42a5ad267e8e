import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DetectorConfig, FasterRcnnConfig } from '../../contracts/detector-config.ts';
import type { LocalSide, TrainJob } from '../../contracts/ml-protocol.ts';
import { AugmentConfig, TrainConfig } from '../../contracts/pipeline-config.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { hashOf } from '../fakes/stage-fixtures.ts';
import { shapePicture } from './shapes.ts';

export const SIDE_PX = 64;

export interface DetectorChange {
  readonly train?: object;
  readonly detector?: object;
  readonly augment?: object;
  readonly rows?: { readonly train: number; readonly validation: number };
}

/** Squares and discs as `prepare` leaves them: pixels, and boxes in shares of the frame. */
export function shapesSide(dir: string, name: string, rows: number, from: number, { objects = true } = {}): LocalSide {
  const drawn = Array.from({ length: rows }, (_, row) => shapePicture(SIDE_PX, 3, from + row));
  const none = { boxes: new Float64Array(), labels: [] };
  const pictures = objects ? drawn : drawn.map((picture) => ({ ...picture, ...none }));
  const boxes = pictures.flatMap((picture) => [...picture.boxes]);
  const labels = pictures.flatMap((picture) => [...picture.labels]);
  const data = new Uint8Array(rows * SIDE_PX * SIDE_PX * 3);
  for (const [row, { pixels }] of pictures.entries()) data.set(pixels, row * SIDE_PX * SIDE_PX * 3);
  const tensors = new Map<string, TensorData>([
    ['images', { dtype: 'U8', shape: [rows, SIDE_PX, SIDE_PX, 3], data }],
    ['labels', int32Tensor(new Int32Array(rows), [rows])],
    [
      'boxCounts',
      int32Tensor(
        Int32Array.from(pictures, (picture) => picture.labels.length),
        [rows],
      ),
    ],
    ['boxes', float32Tensor(Float32Array.from(boxes), [labels.length, 4])],
    ['boxLabels', int32Tensor(Int32Array.from(labels), [labels.length])],
    ['boxFlags', int32Tensor(new Int32Array(labels.length), [labels.length])],
  ]);
  mkdirSync(dir, { recursive: true });
  const path = join(dir, `${name}.safetensors`);
  writeFileSync(path, encodeSafetensors(tensors));
  return { rows, shards: [{ path, rows }] };
}

/** A Faster R-CNN for `detectorJob`, to be put in the SSD’s place. */
export const smallFasterRcnn = FasterRcnnConfig.parse({
  ...{ kind: 'faster-rcnn', batchNorm: 'batch' },
  anchors: { scales: [0.5, 1], aspectRatios: [1], basePx: 32, stridePx: 8, outside: 'keep' },
  firstStage: { channels: 16, deviation: 0.03, minibatch: 32, proposals: 30 },
  secondStage: { minibatch: 16, cropPx: 8, addObjects: true, mostObjects: 4 },
  validation: { everyEpochs: 2, medianOf: 3, resamples: 20 },
  postprocess: { total: 50 },
});

/** A small SSD that learns made-up shapes from nothing. */
export function detectorJob(dir: string, change: DetectorChange = {}): TrainJob {
  const { rows = { train: 18, validation: 5 } } = change;
  const detector = DetectorConfig.parse({
    ...{ kind: 'ssd', predictorKernelPx: 3, extraChannels: [16] },
    batchNorm: { momentum: 0.9 },
    validation: { everyEpochs: 2, medianOf: 3, resamples: 20 },
    ...change.detector,
  });
  return {
    kind: 'train',
    workDir: join(dir, 'work'),
    reads: { kind: 'pixels' },
    model: {
      ...{ backbone: 'tiny-cnn', strategy: 'scratch', dropout: 0, classes: ['square', 'disc'] },
      image: { heightPx: SIDE_PX, widthPx: SIDE_PX, channels: 3, resize: 'stretch' },
      ...{ normalization: 'minus1-to-1', detector },
    },
    lastN: 1,
    weightsPath: null,
    train: shapesSide(dir, 'train', rows.train, 0),
    validation: shapesSide(dir, 'validation', rows.validation, 10_000),
    config: TrainConfig.parse({ epochs: 3, batchSize: 4, bestMetric: 'validation.mAP', ...change.train }),
    augment: AugmentConfig.parse({ flipHorizontal: 0.5, boxCrop: {}, ...change.augment }),
    dataOrderSha256: hashOf('order'),
    resume: null,
  };
}
