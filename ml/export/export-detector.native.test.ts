import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DetectorConfig } from '../../contracts/detector-config.ts';
import type { PreparedImage } from '../../contracts/manifests.ts';
import { detectorPresets, fasterRcnnPresetNames, ssdPresetNames } from '../../core/detection/presets.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { smallFasterRcnn } from '../../test/lib/detector-job.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { makeExportJob, runExportHere, writePictures } from '../../test/lib/export-bench.ts';
import type { ExportCase } from '../../test/lib/export-bench.ts';

const dir = mkdtempSync(join(tmpdir(), 'graft-export-detector-test-'));
let paths: string[] = [];
let jobs = 0;
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  paths = await writePictures(join(dir, 'pictures'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

const image = { heightPx: 64, widthPx: 80, channels: 3, resize: 'stretch' } as const;
const job = (made: ExportCase) => makeExportJob(join(dir, String(jobs++)), paths, { image, ...made });
const formats = ['saved-model', 'tfjs', 'onnx', 'safetensors'] as const;
const resizings = [
  { ...image, resize: 'pad' },
  { ...image, resize: 'crop' },
  { ...image, resize: 'keep-aspect', keepAspect: { minPx: 40, maxPx: 60 } },
] as const satisfies PreparedImage[];
const detectors = {
  ssd: DetectorConfig.parse({ kind: 'ssd', predictorKernelPx: 3, extraChannels: [16] }),
  'faster-rcnn': smallFasterRcnn,
};

describe.each(['ssd', 'faster-rcnn'] as const)('%s', (kind) => {
  const detector = detectors[kind];

  it.each(formats)('%s finds what the model finds', async (format) => {
    const { check } = await runExportHere(await job({ format, detector }));
    expect(check.pixels.images).toBe(paths.length);
    expect(check.pixels.objects).toEqual({ found: paths.length * detector.postprocess.total, wrong: 0 });
    const proposals = kind === 'ssd' ? undefined : { found: paths.length * 30, others: 0 };
    expect(check.pixels.proposals).toEqual(proposals);
    expect(check.pixels.maxDifference).toBeLessThan(1e-5);
    expect(check.accuracy).toBeNull();
    expect(check.files === null).toBe(format === 'tfjs' || format === 'onnx');
  });

  it.each(formats)('%s is close to it with half the bits, and with a quarter', async (format) => {
    const half = (await runExportHere(await job({ format, detector, precision: 'float16' }))).check.pixels;
    const quarter = (await runExportHere(await job({ format, detector, precision: 'int8' }))).check.pixels;
    expect([half.objects?.wrong, quarter.objects?.wrong]).toEqual([0, 0]);
    expect(half.maxDifference).toBeGreaterThan(1e-6);
    expect(quarter.maxDifference).toBeGreaterThan(half.maxDifference);
    expect(quarter.maxDifference).toBeLessThan(0.5);
  });

  it.each(resizings)('files are the model’s own pictures, boxes in shares of them: $resize', async (frame) => {
    const { check } = await runExportHere(await job({ format: 'saved-model', detector, image: frame }));
    const { found = 0, wrong = 0 } = check.files?.objects ?? {};
    expect(found).toBeGreaterThan(50);
    // On an empty border many boxes score the same: which of them stays is the runtime's own.
    expect(wrong / found).toBeLessThan(frame.resize === 'crop' ? 1e-9 : 0.06);
    expect(check.pixels.objects?.wrong).toBe(0);
    expect(check.files?.maxDifference).toBeLessThan(1e-6);
  });
});

it('has the anchors beside the parameters in safetensors', async () => {
  const made = await job({ format: 'safetensors', detector: detectors.ssd, precision: 'int8' });
  await runExportHere(made);
  const { tensors } = await readSafetensorsFile(join(made.outputDir, 'model.safetensors'));
  const [count = 0, edges] = tensors.get('anchors')?.shape ?? [];
  expect(edges).toBe(4);
  expect(tensors.get('anchors')?.dtype).toBe('F32');
  // One score of each class and of background for each anchor of each map: as many as the predictors give.
  const cells = [16 * 20, 8 * 10, 4 * 5];
  const each = [0, 1, 2].map((map) => (tensors.get(`detector/map${map}/classes/bias`)?.shape[0] ?? 0) / 4);
  expect(each.map((anchors, map) => anchors * cells[map]!).reduce((sum, value) => sum + value, 0)).toBe(count);
});

// Proposals are few, and picked from few anchors: what else they are is the published configuration's.
const few = { firstStage: { proposals: 12, candidates: 60 } };
const presets = [...ssdPresetNames, ...fasterRcnnPresetNames].filter((name) => !name.endsWith('_pets'));
it.each(presets.flatMap((name) => formats.slice(0, 3).map((format) => [name, format] as const)))(
  '%s goes to %s',
  async (name, format) => {
    const { kind, backbone, detector: keys } = detectorPresets[name];
    const detector = DetectorConfig.parse({ kind, preset: name, ...keys, ...(kind === 'faster-rcnn' ? few : {}) });
    const made = { format, backbone, detector, image: { ...image, heightPx: 96, widthPx: 128 } };
    const { check } = await runExportHere(await makeExportJob(join(dir, String(jobs++)), paths.slice(0, 2), made));
    expect(check.pixels.objects?.found).toBeGreaterThan(5);
    expect(check.pixels.objects?.wrong).toBe(0);
    expect(check.pixels.maxDifference).toBeLessThan(1e-4);
  },
);
