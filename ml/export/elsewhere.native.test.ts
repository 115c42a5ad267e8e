import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackboneId } from '../../contracts/pipeline-config.ts';
import { softmax } from '../../core/metrics/classification.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { makeExportJob, runExportHere, writePictures } from '../../test/lib/export-bench.ts';
import { withTfjsPage } from '../../test/lib/tfjs-page.ts';
import { loadModel } from '../trainer/inference.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';

/** Where graft is not: a real browser, and Python. Set to other networks for real figures. */
const backbone = (process.env['GRAFT_EXPORT_BACKBONE'] ?? 'tiny-cnn') as BackboneId;
const sidePx = Number(process.env['GRAFT_EXPORT_SIDE'] ?? 32);
const python = process.env['GRAFT_BENCH_PYTHON'];
const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

const dir = mkdtempSync(join(tmpdir(), 'graft-elsewhere-'));
const image = { heightPx: sidePx, widthPx: sidePx, channels: 3, resize: 'stretch' } as const;
let paths: string[] = [];
let shape: readonly number[] = [];
let wanted: number[] = [];

beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  paths = await writePictures(join(dir, 'pictures'));
  for (const format of ['saved-model', 'tfjs', 'onnx'] as const) {
    const job = await makeExportJob(dir, paths, { format, backbone, image });
    await runExportHere(job);
    const { tensors } = await readSafetensorsFile(job.side.shards[0]!.path);
    const images = tensors.get('images')!;
    shape = images.shape;
    writeFileSync(join(dir, 'pixels.bin'), images.data);
    const options = { batchSize: paths.length, shape: shape.slice(1), scratchDir: dir };
    const original = await loadModel(job.model, job.weightsPath, options);
    const logits = original.logits(images.data, paths.length);
    wanted = paths.flatMap((_, row) => softmax(logits.subarray(row * 3, row * 3 + 3)));
    original.dispose();
  }
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

function difference(got: readonly number[]): number {
  expect(got).toHaveLength(wanted.length);
  const largest = Math.max(...got.map((value, index) => Math.abs(value - wanted[index]!)));
  return largest;
}

describe('elsewhere', () => {
  it.skipIf(browser === undefined)('tfjs in Chromium gives the probabilities of the model', async () => {
    await withTfjsPage(dir, browser ?? '', async (page) => {
      const got: unknown = await page.evaluate(`(async () => {
        await tf.setBackend('cpu');
        const model = await tf.loadGraphModel('/model.json');
        const pixels = new Uint8Array(await (await fetch('/pixels.bin')).arrayBuffer());
        const given = tf.tensor(Int32Array.from(pixels), ${JSON.stringify(shape)}, 'int32');
        return Array.from(await model.predict(given).data());
      })()`);
      const off = difference(got as number[]);
      console.log(
        `tfjs in Chromium ${page.context().browser()?.version() ?? ''}: ${backbone} differs by ${off.toExponential(1)}`,
      );
      expect(off).toBeLessThan(1e-4);
    });
  });

  // Without Python the same files are run by native TensorFlow and onnxruntime-node (export.native.test.ts).
  it.skipIf(python === undefined)('Python’s TensorFlow, fed the files, and onnxruntime give them too', async () => {
    const script = fileURLToPath(new URL('../../test/lib/check_exports.py', import.meta.url));
    const input = JSON.stringify({ files: paths, shape });
    const { stdout } = await execa(python ?? '', [script, dir], { input, env: { TF_CPP_MIN_LOG_LEVEL: '3' } });
    const got = JSON.parse(stdout) as Record<'files' | 'pixels' | 'onnx', number[][]>;
    for (const name of ['files', 'pixels', 'onnx'] as const) {
      const off = difference(got[name].flat());
      console.log(`Python, ${name}: ${backbone} differs by ${off.toExponential(1)}`);
      expect(off).toBeLessThan(1e-4);
    }
  });
});
