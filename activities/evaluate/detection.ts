import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Box } from '../../contracts/annotations.ts';
import type { CocoGroundTruth, CocoResult } from '../../contracts/coco-files.ts';
import type { DetectionMetrics } from '../../contracts/detection-metrics.ts';
import type { BlobRef, ClassificationMetrics, EvaluateOutput, PrepareOutput } from '../../contracts/manifests.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { CROWD, DIFFICULT, flagsOf } from '../../core/dataset/framed-boxes.ts';
import { boxInPicture, placementOf } from '../../core/dataset/framing.ts';
import { transientError } from '../../core/errors.ts';
import { cocoSet } from '../../core/metrics/detection/coco-set.ts';
import type { DetectionSet } from '../../core/metrics/detection/boxes.ts';
import { precisionIntervals } from '../../core/metrics/detection/interval.ts';
import { objectFigures, operatingPoint, worstPictures } from '../../core/metrics/detection/operating-point.ts';
import { bootstrapOf, detectionReport } from '../../core/metrics/detection/report.ts';
import { unwrap } from '../../core/result.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { putPart, readLines } from '../lib/json-lines.ts';
import type { TrainPorts } from '../ports.ts';

/** A test picture and its objects, in its own pixels. */
export const TestPicture = z.object({
  path: z.string(),
  width: z.int(),
  height: z.int(),
  boxes: z.array(Box),
});
export type TestPicture = z.infer<typeof TestPicture>;

/** Class + 1, score, ymin, xmin, ymax, xmax. */
const COLUMNS = 6;

/** All figures of a detector, from what it said of each picture: in the pictures' own pixels. */
export function scoreDetections(
  pictures: readonly TestPicture[],
  raw: { readonly logits: Float32Array; readonly loss: number },
  { image, classes }: Pick<PrepareOutput, 'image' | 'classes'>,
): {
  metrics: ClassificationMetrics;
  detection: DetectionMetrics;
  groundTruth: CocoGroundTruth;
  detections: CocoResult[];
} {
  const groundTruth = groundTruthOf(pictures, classes);
  const detections = detectionsOf(pictures, raw.logits, image);
  const names = { groundTruth: 'test side', detections: 'detections' };
  const { set } = unwrap(cocoSet(groundTruth, detections, names));
  const point = operatingPoint(set);
  const figures = objectFigures(point, { images: pictures.length, loss: raw.loss, classes });
  const detection: DetectionMetrics = {
    ...plainReport(set),
    intervals: { ...precisionIntervals(set, bootstrapOf(set)) },
    scoreThreshold: point.scoreThreshold,
    confusion: point.confusion,
    worst: worstPictures(
      point,
      pictures.map(({ path }) => path),
    ),
  };
  return { metrics: figures, detection, groundTruth, detections };
}

function plainReport(set: DetectionSet) {
  const { perClass, ...rest } = detectionReport(set);
  return { ...rest, perClass: [...perClass] };
}

function groundTruthOf(pictures: readonly TestPicture[], classes: readonly string[]): CocoGroundTruth {
  const ids = new Map(classes.map((name, index) => [name, index + 1]));
  return {
    images: pictures.map(({ path, width, height }, index) => ({ id: index + 1, file_name: path, width, height })),
    categories: classes.map((name, index) => ({ id: index + 1, name })),
    annotations: pictures.flatMap(({ boxes }, index) =>
      boxes.flatMap((box) => {
        const category = ids.get(box.label);
        if (category === undefined) return [];
        const [width, height] = [box.xMax - box.xMin, box.yMax - box.yMin];
        const flags = flagsOf(box);
        return [
          {
            image_id: index + 1,
            category_id: category,
            bbox: [box.xMin, box.yMin, width, height] as [number, number, number, number],
            area: box.area ?? width * height,
            iscrowd: (flags & CROWD) === 0 ? (0 as const) : (1 as const),
            difficult: (flags & DIFFICULT) === 0 ? (0 as const) : (1 as const),
          },
        ];
      }),
    ),
  };
}

function detectionsOf(
  pictures: readonly TestPicture[],
  logits: Float32Array,
  image: PrepareOutput['image'],
): CocoResult[] {
  const most = logits.length / Math.max(1, pictures.length) / COLUMNS;
  return pictures.flatMap((picture, row) => {
    const placement = placementOf(image, picture.width, picture.height);
    const own = logits.subarray(row * most * COLUMNS, (row + 1) * most * COLUMNS);
    return Array.from({ length: most }, (_, index) => own.subarray(index * COLUMNS, (index + 1) * COLUMNS)).flatMap(
      ([label = 0, score = 0, top = 0, left = 0, bottom = 0, right = 0]) => {
        if (label === 0) return [];
        const frame = {
          ...{ xMin: left * image.widthPx, yMin: top * image.heightPx },
          ...{ xMax: right * image.widthPx, yMax: bottom * image.heightPx },
        };
        const bbox = cutBox(boxInPicture(frame, placement), picture);
        return [{ image_id: row + 1, category_id: label, bbox, score }];
      },
    );
  });
}

const hundredth = (value: number): number => Math.round(value * 100) / 100;

/** Left, top, width, height within the picture. */
export function cutBox(
  { xMin, yMin, xMax, yMax }: { xMin: number; yMin: number; xMax: number; yMax: number },
  { width, height }: { readonly width: number; readonly height: number },
): [number, number, number, number] {
  const within = (value: number, most: number): number => Math.min(most, Math.max(0, value));
  const [left, top] = [hundredth(within(xMin, width)), hundredth(within(yMin, height))];
  return [left, top, hundredth(within(xMax, width) - left), hundredth(within(yMax, height) - top)];
}

/** The test pictures of a set prepared for detection, in the order of the shards. */
export async function testPictures(
  { store }: Pick<TrainPorts, 'store'>,
  prepared: PrepareOutput,
  { signal }: RunningActivity,
): Promise<TestPicture[]> {
  const pictures: TestPicture[] = [];
  for (const { items } of prepared.sides.test?.shards ?? []) {
    for await (const picture of readLines(store, items, TestPicture, signal)) pictures.push(picture);
  }
  return pictures;
}

/** A detector’s part of an evaluation: what its raw answers at `path` come to, stored in COCO’s form beside them. */
export async function detectionEvaluation(
  ports: Pick<TrainPorts, 'store'>,
  prepared: PrepareOutput,
  { path, partsPrefix }: { readonly path: string; readonly partsPrefix: string },
  activity: RunningActivity,
): Promise<{
  metrics: ClassificationMetrics;
  detection: NonNullable<EvaluateOutput['detection']>;
  parts: BlobRef[];
}> {
  const { tensors } = unwrap(decodeSafetensors(await readFile(path), path));
  const [logits, loss] = [tensors.get('logits'), tensors.get('loss')];
  if (!logits || !loss) throw transientError('EVALUATE_OUTPUT', path, 'no detections or no loss', 'both');
  const pictures = await testPictures(ports, prepared, activity);
  const raw = { logits: asFloat32(logits), loss: asFloat32(loss)[0] ?? Number.NaN };
  const scored = scoreDetections(pictures, raw, prepared);
  const put = (name: string, value: unknown): Promise<BlobRef> => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    return putPart(ports.store, `${partsPrefix}${name}`, bytes, activity.signal, 'application/json');
  };
  const detections = await put('detections.json', scored.detections);
  const groundTruth = await put('ground-truth.json', scored.groundTruth);
  return {
    metrics: scored.metrics,
    detection: { metrics: scored.detection, detections, groundTruth },
    parts: [detections, groundTruth],
  };
}
