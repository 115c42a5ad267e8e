import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Box } from '../../contracts/annotations.ts';
import type { BlobRef, ClassificationMetrics, EvaluateOutput, PrepareOutput } from '../../contracts/manifests.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { transientError } from '../../core/errors.ts';
import { scoreDetections } from '../../core/metrics/detection/score-pictures.ts';
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
  attributes: z.record(z.string(), z.string()).optional(),
});
export type TestPicture = z.infer<typeof TestPicture>;

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
