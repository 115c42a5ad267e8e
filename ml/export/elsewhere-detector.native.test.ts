import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DetectorConfig } from '../../contracts/detector-config.ts';
import { compareFound, together } from '../../core/detection/compare-found.ts';
import type { RawDetection } from '../../core/detection/found-objects.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { smallFasterRcnn } from '../../test/lib/detector-job.ts';
import { makeExportJob, runExportHere, writePictures } from '../../test/lib/export-bench.ts';
import { withTfjsPage } from '../../test/lib/tfjs-page.ts';
import { loadDetector } from '../trainer/loaded-detector.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';

/** Where graft is not: a real browser, and Python. */
const python = process.env['GRAFT_BENCH_PYTHON'];
const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

const root = mkdtempSync(join(tmpdir(), 'graft-elsewhere-detector-'));
const image = { heightPx: 64, widthPx: 80, channels: 3, resize: 'stretch' } as const;
const ssd = DetectorConfig.parse({ kind: 'ssd', predictorKernelPx: 3, extraChannels: [16] });
let paths: string[] = [];
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  paths = await writePictures(join(root, 'pictures'));
});
afterAll(() => {
  rmSync(root, { recursive: true });
});

type Row = [index: number, score: number, ymin: number, xmin: number, ymax: number, xmax: number];
const detections = (rows: readonly Row[]): RawDetection[] =>
  rows.map(([label, score, ...box]) => ({ label, score, box }));

const inside = (edge: number): number => Math.min(1, Math.max(0, edge));
const cut = (rows: readonly RawDetection[]): RawDetection[] =>
  rows.map(({ box: [top, left, bottom, right], ...each }) => {
    return { ...each, box: [inside(top), inside(left), inside(bottom), inside(right)] };
  });

describe.each([
  ['ssd', ssd, 6],
  ['faster-rcnn', smallFasterRcnn, 1],
] as const)('%s', (kind, detector, batch) => {
  const dir = join(root, kind);
  let shape: readonly number[] = [];
  let wanted: RawDetection[][] = [];
  beforeAll(async () => {
    for (const format of ['saved-model', 'tfjs', 'onnx'] as const) {
      const job = await makeExportJob(dir, paths, { format, detector, image });
      await runExportHere(job);
      const { tensors } = await readSafetensorsFile(job.side.shards[0]!.path);
      const images = tensors.get('images')!;
      shape = images.shape;
      writeFileSync(join(dir, 'pixels.bin'), images.data);
      const loading = { batchSizes: [paths.length], shape: shape.slice(1), scratchDir: dir, lossSizes: [] };
      const original = await loadDetector(job.model, job.weightsPath, loading);
      wanted = original.detections(new Uint8Array(images.data), paths.length);
      original.engine.dispose();
    }
  });

  /** Objects from 0.2 on, which the browser is asked for: below it the lists may end elsewhere. */
  function expectAlike(where: string, got: readonly RawDetection[][], own: readonly RawDetection[][]): void {
    const from = 0.2;
    const sure = (of: readonly RawDetection[]) => of.filter(({ score }) => score >= from);
    const all = together(own.map((each, row) => compareFound(sure(each), sure(got[row] ?? []), from + 1e-3)));
    console.log(`${kind}, ${where}: ${all.found} objects differ by ${all.maxDifference.toExponential(1)}`);
    expect(all.found).toBeGreaterThan(10);
    expect(all.missing).toBe(0);
    expect(all.maxDifference).toBeLessThan(1e-4);
  }

  it.skipIf(browser === undefined)('tfjs in Chromium, with suppression as docs/use-elsewhere.md has it', async () => {
    const docs = readFileSync(new URL('../../docs/use-elsewhere.md', import.meta.url), 'utf8');
    const finds = /```js\n(async function find[\s\S]*?)```/.exec(docs)?.[1] ?? '';
    await withTfjsPage(dir, browser ?? '', async (page) => {
      const got: unknown = await page.evaluate(`(async () => {
        ${finds}
        await tf.setBackend('cpu');
        const model = await tf.loadGraphModel('/model.json');
        const pixels = new Uint8Array(await (await fetch('/pixels.bin')).arrayBuffer());
        const found = [];
        const rowBytes = pixels.length / ${shape[0]};
        for (let row = 0; row < ${shape[0]}; row++) {
          const own = Int32Array.from(pixels.subarray(row * rowBytes, (row + 1) * rowBytes));
          const given = tf.tensor(own, [1, ...${JSON.stringify(shape.slice(1))}], 'int32');
          found.push(await find(model, given, ${JSON.stringify({ ...detector.postprocess, scoreThreshold: 0.2 })}));
        }
        return found;
      })()`);
      expectAlike(
        `tfjs in Chromium ${page.context().browser()?.version() ?? ''}`,
        (got as Row[][]).map(detections),
        wanted.map(cut),
      );
    });
  });

  // Without Python the same files are run by native TensorFlow and onnxruntime-node (export-detector.native.test.ts).
  it.skipIf(python === undefined)('Python’s TensorFlow, fed the files, and onnxruntime find them too', async () => {
    const script = fileURLToPath(new URL('../../test/lib/check_detector_exports.py', import.meta.url));
    const input = JSON.stringify({ files: paths, shape, batch });
    const { stdout } = await execa(python ?? '', [script, dir], { input, env: { TF_CPP_MIN_LOG_LEVEL: '3' } });
    const got = JSON.parse(stdout) as Record<'files' | 'pixels' | 'onnx', Row[][]> & { labels: string[][] };
    expectAlike('Python, pixels', got.pixels.map(detections), wanted);
    expectAlike('Python, onnx', got.onnx.map(detections), wanted);
    // Picture and frame are one here, since pictures are stretched.
    expectAlike('Python, files', got.files.map(detections), wanted.map(cut));
    const classes = ['ant', 'bee', 'cät'];
    expect(got.labels).toEqual(got.files.map((own) => own.map(([index]) => classes[index])));
  });
});
