import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MlEvent, MlJob } from '../../contracts/ml-protocol.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { shapesSide, SIDE_PX, smallFasterRcnn } from '../../test/lib/detector-job.ts';
import { writeDetector } from '../../test/lib/export-bench.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { runJob } from './run-job.ts';

let dir = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  dir = mkdtempSync(join(tmpdir(), 'graft-detector-score-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

async function eventsOf(job: MlJob): Promise<readonly MlEvent[]> {
  const events: MlEvent[] = [];
  const host = { stopRequested: () => false, nowMs: () => 0, residentBytes: () => 0 };
  await runJob(job, { ...host, emit: (event) => events.push(event) });
  return events;
}

it('Faster R-CNN says of pictures one by one what it says of several, and of the last ones', async () => {
  const weightsPath = join(dir, 'weights.safetensors');
  const image = { heightPx: SIDE_PX, widthPx: SIDE_PX, channels: 3, resize: 'stretch' } as const;
  const model = await writeDetector(weightsPath, { backbone: 'tiny-cnn', image, detector: smallFasterRcnn });
  const side = shapesSide(dir, 'test', 7, 0);
  const imagesPath = side.shards[0]?.path ?? '';
  const said = async (batchSize: number) => {
    const outputPath = join(dir, `of-${batchSize}.safetensors`);
    await eventsOf({ kind: 'evaluate', model, weightsPath, side, batchSize, outputPath });
    const { tensors } = await readSafetensorsFile(outputPath);
    const figures = ['logits', 'loss'].map((name) => {
      const tensor = tensors.get(name);
      return tensor ? [...asFloat32(tensor)] : [];
    });
    const events = await eventsOf({ kind: 'predict', model, weightsPath, imagesPath, batchSize });
    const objects = events.flatMap((event) => (event.kind === 'predicted' ? (event.detections ?? []) : []));
    return { figures: figures.flat(), labels: objects.map((own) => own.map(({ label }) => label)) };
  };
  const single = await said(1);
  const several = await said(4);
  expect(single.labels).toHaveLength(7);
  expect(single.labels.flat().length).toBeGreaterThan(50);
  expect(several.labels).toEqual(single.labels);
  expect(several.figures).toHaveLength(7 * smallFasterRcnn.postprocess.total * 6 + 1);
  // A batch's sums are rounded in another order.
  for (const [at, value] of several.figures.entries()) expect(value).toBeCloseTo(single.figures[at] ?? Number.NaN, 5);
});
