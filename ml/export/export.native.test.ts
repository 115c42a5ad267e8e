import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedImage } from '../../contracts/manifests.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { makeExportJob, runExportHere, writePictures } from '../../test/lib/export-bench.ts';
import type { ExportCase } from '../../test/lib/export-bench.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'graft-export-test-'));
let paths: string[] = [];
let jobs = 0;
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  paths = await writePictures(join(dir, 'pictures'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

const job = (made: ExportCase) => makeExportJob(join(dir, String(jobs++)), paths, made);
const formats = ['saved-model', 'tfjs', 'onnx', 'safetensors'] as const;

describe.each(formats)('%s', (format) => {
  it('gives the probabilities of the model', async () => {
    const { check } = await runExportHere(await job({ format }));
    expect(check.pixels.images).toBe(paths.length);
    expect(check.pixels.maxDifference).toBeLessThan(1e-6);
    expect(check.accuracy?.exported).toBe(check.accuracy?.original);
  });

  it('is close to it with half the bits, and with a quarter', async () => {
    const half = await runExportHere(await job({ format, precision: 'float16' }));
    const quarter = await runExportHere(await job({ format, precision: 'int8' }));
    expect(half.check.pixels.maxDifference).toBeGreaterThan(0);
    expect(half.check.pixels.maxDifference).toBeLessThan(1e-3);
    expect(quarter.check.pixels.maxDifference).toBeGreaterThan(half.check.pixels.maxDifference);
    expect(quarter.check.pixels.maxDifference).toBeLessThan(0.02);
  });
});

// Depthwise and padded convolutions and residuals; channels turned about and padded pooling.
it.each([
  ['saved-model', 'mobilenet-v2'],
  ['tfjs', 'mobilenet-v2'],
  ['onnx', 'mobilenet-v2'],
  ['tfjs', 'resnet50'],
  ['onnx', 'resnet50'],
] as const)('%s of %s gives the probabilities of the model', async (format, backbone) => {
  const image: PreparedImage = { heightPx: 33, widthPx: 32, channels: 3, resize: 'stretch' };
  const { check } = await runExportHere(await job({ format, backbone, image }));
  expect(check.pixels.maxDifference).toBeLessThan(1e-5);
});

describe('files that a SavedModel decodes itself', () => {
  const shapes: PreparedImage[] = (['stretch', 'pad', 'crop'] as const).flatMap((resize) => [
    { heightPx: 32, widthPx: 40, channels: 3, resize },
    { heightPx: 24, widthPx: 24, channels: 1, resize },
  ]);
  shapes.push({
    ...{ heightPx: 32, widthPx: 40, channels: 3, resize: 'keep-aspect', keepAspect: { minPx: 20, maxPx: 30 } },
  });

  it.each(shapes)(
    'are the very pixels that graft renders: $heightPx × $widthPx × $channels, $resize',
    async (image) => {
      const { check } = await runExportHere(await job({ format: 'saved-model', image }));
      expect(check.files?.images).toBe(paths.length);
      // Not a rounding: one pixel that differs by one shows.
      expect(check.files?.maxDifference).toBeLessThan(1e-7);
    },
  );

  it('are not compared where an export takes pixels alone', async () => {
    expect((await runExportHere(await job({ format: 'onnx' }))).check.files).toBeNull();
  });
});

it('stores whole numbers beside their scales in safetensors', async () => {
  const made = await job({ format: 'safetensors', precision: 'int8' });
  await runExportHere(made);
  const { tensors } = await readSafetensorsFile(join(made.outputDir, 'model.safetensors'));
  expect(tensors.get('backbone/conv1/kernel')?.dtype).toBe('I8');
  expect(tensors.get('backbone/conv1/kernel.scale')?.shape).toEqual([16]);
  expect(tensors.get('backbone/conv1/bn/gamma')?.dtype).toBe('F32');
});

it('refuses an export that gives no number', async () => {
  const made = await job({ format: 'onnx', precision: 'float16' });
  const { tensors } = await readSafetensorsFile(made.weightsPath);
  // Beyond what half a float can hold: infinity, and then no number.
  const kernel = tensors.get('head/logits/kernel')!;
  new Float32Array(kernel.data.buffer, kernel.data.byteOffset, 32 * 3).fill(1e6);
  await writeSafetensorsFile(made.weightsPath, new Map([...tensors].map(([name, each]) => [name, each])));
  await expect(runExportHere(made)).rejects.toMatchObject({ code: 'EXPORT_PARITY' });
});

it('writes a tfjs model in files that browsers cache', async () => {
  const image: PreparedImage = { heightPx: 32, widthPx: 32, channels: 3, resize: 'stretch' };
  const made = await job({ format: 'tfjs', backbone: 'mobilenet-v2', image });
  await runExportHere(made);
  const { weightsManifest } = JSON.parse(readFileSync(join(made.outputDir, 'model.json'), 'utf8')) as {
    weightsManifest: { paths: string[] }[];
  };
  const sizes = weightsManifest[0]!.paths.map((path) => readFileSync(join(made.outputDir, path)).length);
  expect(sizes.length).toBeGreaterThan(1);
  expect(Math.max(...sizes)).toBe(4 * 1024 * 1024);
});
