import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DetectorConfig } from '../../contracts/detector-config.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { smallFasterRcnn } from '../../test/lib/detector-job.ts';
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
const detectors = {
  ssd: DetectorConfig.parse({ kind: 'ssd', predictorKernelPx: 3, extraChannels: [16] }),
  'faster-rcnn': smallFasterRcnn,
};

describe.each(['ssd', 'faster-rcnn'] as const)('%s', (kind) => {
  it.each(formats)('%s finds what the model finds', async (format) => {
    const { check } = await runExportHere(await job({ format, detector: detectors[kind] }));
    console.log(kind, format, JSON.stringify(check));
    expect(check.pixels.images).toBe(paths.length);
    expect(check.pixels.objects?.found).toBeGreaterThan(50);
    expect(check.pixels.objects?.missing).toBe(0);
    expect(check.pixels.maxDifference).toBeLessThan(1e-4);
  });
});
