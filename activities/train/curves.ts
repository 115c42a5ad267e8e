import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobRef, TrainOutput } from '../../contracts/manifests.ts';
import type { RunId } from '../../core/ids.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { sha256Of } from '../lib/hash.ts';
import { putCurves } from '../lib/run-events.ts';
import type { EventPorts } from '../lib/run-events.ts';

const NDJSON = { contentType: 'application/x-ndjson' };
const metricsKey = (runId: RunId): string => `runs/${runId}/${runFiles.metrics}`;

/** Uploads what the trainer has logged so far: whole files, which it keeps below a few megabytes by thinning. */
export async function uploadCurves(ports: EventPorts, runId: RunId, workDir: string): Promise<void> {
  // Read at once, not streamed: the trainer goes on appending to them.
  const metrics = await readLog(workDir, runFiles.metrics);
  if (metrics === null) return;
  await ports.store.put(metricsKey(runId), metrics, NDJSON);
  const histograms = await readLog(workDir, runFiles.histograms);
  await putCurves(ports, runId, { metrics: metrics.toString(), histograms: histograms?.toString() ?? '' });
}

/** The curves as parts of the finished stage; absent where nothing was logged. */
export async function keepCurves(
  { store }: EventPorts,
  workDir: string,
  partsPrefix: string,
): Promise<Pick<TrainOutput, 'curves'>> {
  const metrics = await readLog(workDir, runFiles.metrics);
  if (metrics === null) return {};
  const histograms = (await readLog(workDir, runFiles.histograms)) ?? Buffer.alloc(0);
  const put = async (name: string, bytes: Buffer): Promise<BlobRef> => {
    const blob = { key: `${partsPrefix}${name}`, sha256: sha256Of(bytes), sizeBytes: bytes.byteLength };
    await store.put(blob.key, bytes, NDJSON);
    return blob;
  };
  return {
    curves: { metrics: await put(runFiles.metrics, metrics), histograms: await put(runFiles.histograms, histograms) },
  };
}

/** Gives a run that found its training done the curves of the run that did it. */
export async function adoptCurves(ports: EventPorts, runId: RunId, { curves }: TrainOutput): Promise<void> {
  if (!curves) return;
  const metrics = await ports.store.get(curves.metrics.key, { sha256: curves.metrics.sha256 });
  const histograms = await ports.store.get(curves.histograms.key, { sha256: curves.histograms.sha256 });
  // Gone with a clean-up: the model is whole without them.
  if (!metrics || !histograms) return;
  await ports.store.put(metricsKey(runId), metrics.body, NDJSON);
  await putCurves(ports, runId, { metrics: textOf(metrics.body), histograms: textOf(histograms.body) });
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function readLog(workDir: string, name: string): Promise<Buffer | null> {
  const path = join(workDir, name);
  return existsSync(path) ? readFile(path) : null;
}
