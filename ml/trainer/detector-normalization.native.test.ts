import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalSide, MlEvent, MlJob, ScoreBatch, ServeJob, TrainJob } from '../../contracts/ml-protocol.ts';
import { DetectorConfig } from '../../contracts/detector-config.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { measuredName } from '../../core/training/measured-normalization.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { detectorJob, SIDE_PX, smallFasterRcnn } from '../../test/lib/detector-job.ts';
import { makeExportJob, runExportHere, writePictures } from '../../test/lib/export-bench.ts';
import { runSession, runToEnd } from '../../test/lib/trainer-bench.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { runJob } from './run-job.ts';

let dir = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  dir = mkdtempSync(join(tmpdir(), 'graft-detector-normalization-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

/** What tiny-cnn's own x / 127.5 − 1 is of pixels that are twice as bright: the very same bits. */
const half = 127.5 / 2;
const measured = measuredName({ mean: [half, half, half], deviation: [half, half, half] });

const detectors = {
  ssd: DetectorConfig.parse({ kind: 'ssd', predictorKernelPx: 3, extraChannels: [16] }),
  'faster-rcnn': smallFasterRcnn,
};

/** A training on pixels of at most 127 by measured figures, or on their doubles by the backbone's own. */
async function job(name: string, kind: keyof typeof detectors, bright: boolean): Promise<TrainJob> {
  const train = { checkpoint: { everySteps: 3, everySeconds: null } };
  const made = detectorJob(join(dir, name), { train, augment: { boxCrop: undefined } });
  await repaint(made.train, bright);
  await repaint(made.validation, bright);
  const model = { ...made.model, detector: detectors[kind] };
  return { ...made, model: bright ? model : { ...model, normalization: measured } };
}

async function repaint({ shards }: LocalSide, bright: boolean): Promise<void> {
  for (const { path } of shards) {
    const { tensors } = await readSafetensorsFile(path);
    const images = tensors.get('images');
    if (!images) throw new Error(`no images in ${path}`);
    const data = images.data.map((value) => (bright ? value & 254 : value >> 1));
    writeFileSync(path, encodeSafetensors(new Map([...tensors, ['images', { ...images, data }]])));
  }
}

async function eventsOf(of: MlJob, batches: readonly ScoreBatch[] = []): Promise<readonly MlEvent[]> {
  const events: MlEvent[] = [];
  const waiting = (async function* () {
    yield* batches;
  })();
  const host = { stopRequested: () => false, nowMs: () => 0, residentBytes: () => 0, batches: waiting };
  await runJob(of, { ...host, emit: (event) => events.push(event) });
  return events;
}

const found = (events: readonly MlEvent[]) =>
  events.flatMap((event) => (event.kind === 'predicted' || event.kind === 'scored' ? [event.detections] : []));

/** What a detector says of its validation side: evaluated, predicted and served. */
async function answers({ model, validation: side, workDir }: TrainJob, weightsPath: string) {
  const outputPath = join(workDir, 'logits.safetensors');
  mkdirSync(workDir, { recursive: true });
  const imagesPath = side.shards[0]?.path ?? '';
  await eventsOf({ kind: 'evaluate', model, weightsPath, side, batchSize: 4, outputPath });
  const predicted = found(await eventsOf({ kind: 'predict', model, weightsPath, imagesPath, batchSize: 5 }));
  const path = join(workDir, 'rows');
  const { tensors } = await readSafetensorsFile(imagesPath);
  writeFileSync(path, tensors.get('images')?.data.subarray(0, 2 * SIDE_PX * SIDE_PX * 3) ?? new Uint8Array());
  const serving: ServeJob = { kind: 'serve', model, weightsPath, batchSizes: [2] };
  const served = found(await eventsOf(serving, [{ kind: 'score', id: 1, path, rows: 2 }]));
  const evaluated = [...(await readSafetensorsFile(outputPath)).tensors].map(([name, each]) =>
    name === 'labels' ? [name] : [name, ...asFloat32(each)],
  );
  return { evaluated, predicted, served };
}

describe.each(['ssd', 'faster-rcnn'] as const)('%s by measured figures', (kind) => {
  it('trains, also when stopped, and answers as by the same figures of its own', { timeout: 120_000 }, async () => {
    const own = await job(`${kind}-own`, kind, true);
    const by = await job(`${kind}-measured`, kind, false);
    const { result } = await runSession(own);
    const weightsPath = result?.weightsPath ?? '';
    const outcome = await runToEnd(by, () => ({ stopAfterSteps: 4 }));
    expect(outcome.sessions).toBeGreaterThan(2);
    expect(outcome.weightsSha256).toBe(result?.weightsSha256);
    const wanted = await answers(own, weightsPath);
    expect(wanted.predicted.flat(2).length).toBeGreaterThan(10);
    expect(wanted.served.flat(2).length).toBeGreaterThan(2);
    expect(await answers(by, weightsPath)).toEqual(wanted);
  });

  it.each(['saved-model', 'onnx'] as const)('goes to %s, which finds what the model finds', async (format) => {
    const paths = await writePictures(join(dir, 'pictures'));
    const image = { heightPx: 64, widthPx: 80, channels: 3, resize: 'stretch' } as const;
    const made = await makeExportJob(join(dir, `${kind}-${format}-export`), paths, {
      format,
      image,
      detector: detectors[kind],
    });
    const { check, normalization } = await runExportHere({
      ...made,
      model: { ...made.model, normalization: measured },
    });
    expect(normalization).toMatchObject({ id: measured, scale: [1 / half, 1 / half, 1 / half], shift: [-1, -1, -1] });
    expect(check.pixels.objects?.found).toBeGreaterThan(50);
    expect(check.pixels.objects?.wrong).toBe(0);
  });
});
