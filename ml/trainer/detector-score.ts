import { dirname } from 'node:path';
import type { EvaluateJob, PredictJob } from '../../contracts/ml-protocol.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { Detection } from '../detectors/detector.ts';
import { outputOf } from '../engine/index.ts';
import type { Engine } from '../engine/index.ts';
import { openSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import { readObjects, sourceOf } from './detector-inputs.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { loadDetector, sentDetections } from './loaded-detector.ts';
import { openSamples, range } from './samples.ts';

/** Columns of a detection in `logits`: class + 1, score, ymin, xmin, ymax, xmax. */
const COLUMNS = 6;

/**
 * Sends a side through a trained detector. Writes `logits` [rows, most × 6] (contracts/manifests.ts, EvaluateOutput),
 * `labels` of noughts, and, where the side has boxes, `loss` [1]: the mean over its images of all losses.
 */
export async function runDetectorEvaluation(job: EvaluateJob, host: JobHost): Promise<void> {
  const samples = await openSamples(job.side, 'images');
  const { batchSize } = job;
  const hasObjects = await sideHasObjects(job);
  const sizes = [...new Set([Math.min(batchSize, samples.rows), samples.rows % batchSize])].filter((size) => size > 0);
  const loaded = await loadDetector(job.model, job.weightsPath, {
    ...{ batchSizes: [batchSize], shape: samples.shape, scratchDir: dirname(job.outputPath) },
    lossSizes: hasObjects ? sizes : [],
  });
  const { detector } = loaded.learning;
  const most = detector.suppression.total;
  const out = new Float32Array(samples.rows * most * COLUMNS);
  const objects = hasObjects ? await readObjects(job.side) : [];
  const source = sourceOf(samples, objects, detector, { augment: null, seed: 0 });
  let lossSum = 0;
  try {
    for (let start = 0; start < samples.rows; start += batchSize) {
      const indexes = range(start, Math.min(batchSize, samples.rows - start));
      const batch = await source.batch(source.prefetch(indexes, null), null);
      for (const [row, own] of loaded.detections(batch.x, batch.rows).entries()) {
        out.set(encoded(own), (start + row) * most * COLUMNS);
      }
      if (hasObjects) lossSum += lossOf(loaded.engine, batch) * batch.rows;
      host.emit({ kind: 'features', done: start + indexes.length, total: samples.rows });
      await breathe();
      if (host.stopRequested()) throw new StopRequested('stopped while evaluating');
    }
    const tensors = new Map([
      ['logits', float32Tensor(out, [samples.rows, most * COLUMNS])],
      ['labels', int32Tensor(samples.labels, [samples.rows])],
      ...(hasObjects ? ([['loss', float32Tensor(Float32Array.of(lossSum / samples.rows), [1])]] as const) : []),
    ]);
    await writeSafetensorsFile(job.outputPath, tensors);
    host.emit({ kind: 'evaluated', rows: samples.rows });
  } finally {
    await samples.close();
    loaded.engine.dispose();
  }
}

function lossOf(
  engine: Engine,
  { x, rows, targets }: Awaited<ReturnType<ReturnType<typeof sourceOf>['batch']>>,
): number {
  const { values } = outputOf(engine.run(`loss-${rows}`, { ...targets, x }), 'losses');
  return values.reduce((sum, each) => sum + each, 0);
}

const encoded = (detections: readonly Detection[]): number[] =>
  detections.flatMap(({ label, score, box }) => [label + 1, score, ...box]);

/** Whether the rows of a side come with their boxes. */
export async function sideHasObjects({ side }: Pick<EvaluateJob, 'side'>): Promise<boolean> {
  const [first] = side.shards;
  if (!first) return false;
  const file = await openSafetensorsFile(first.path);
  try {
    return file.header.tensors.has('boxCounts');
  } finally {
    await file.close();
  }
}

/** What is found in a few rendered images, in order. */
export async function runDetectorPrediction(job: PredictJob, host: JobHost): Promise<void> {
  const file = await openSafetensorsFile(job.imagesPath);
  const [rows = 0, ...shape] = file.entry('images').shape;
  const batchSize = Math.min(job.batchSize, rows);
  const loading = { batchSizes: [batchSize], shape, scratchDir: dirname(job.imagesPath), lossSizes: [] };
  const loaded = await loadDetector(job.model, job.weightsPath, loading);
  try {
    const detections: Detection[][] = [];
    const batchMs: number[] = [];
    for (let start = 0; start < rows; start += batchSize) {
      const count = Math.min(batchSize, rows - start);
      const images = await file.readRows('images', start, count);
      const startedMs = performance.now();
      detections.push(...loaded.detections(images, count));
      batchMs.push(performance.now() - startedMs);
      await breathe();
    }
    host.emit({ kind: 'predicted', probabilities: [], detections: sentDetections(detections), batchMs });
  } finally {
    await file.close();
    loaded.engine.dispose();
  }
}
