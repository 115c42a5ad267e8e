import { dirname } from 'node:path';
import type { EvaluateJob, PredictJob } from '../../contracts/ml-protocol.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { unwrap } from '../../core/result.ts';
import { detectorInferProgram, detectorLossProgram } from '../detectors/detector-programs.ts';
import type { Detection } from '../detectors/detector.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import type { Engine, Program } from '../engine/index.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { openSafetensorsFile, readSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import { readObjects, sourceOf } from './detector-inputs.ts';
import { buildDetector } from './detector-model.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { padded } from './learner.ts';
import { parameterValues } from './parameters.ts';
import { variable } from './programs.ts';
import { openSamples, range } from './samples.ts';

/** Columns of a detection in `logits`: class + 1, score, ymin, xmin, ymax, xmax. */
const COLUMNS = 6;

interface LoadedDetector {
  readonly engine: Engine;
  readonly learning: ReturnType<typeof buildDetector>;
  detections(x: Uint8Array, rows: number): Detection[][];
}

interface Loading {
  readonly batchSize: number;
  readonly shape: readonly number[];
  readonly scratchDir: string;
  /** Sizes of the batches whose losses are wanted. */
  readonly lossSizes: readonly number[];
}

async function loadDetector(
  { model, weightsPath }: Pick<EvaluateJob, 'model' | 'weightsPath'>,
  { batchSize, shape, scratchDir, lossSizes }: Loading,
): Promise<LoadedDetector> {
  const learning = buildDetector({ ...model, strategy: 'full' }, 1);
  const { detector } = learning;
  unwrap(checkPreprocessing(detector.backbone, model.normalization, weightsPath));
  const { tensors } = await readSafetensorsFile(weightsPath);
  const values = parameterValues(detector.params, tensors, weightsPath);
  const state = new Map(detector.params.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const losses = lossSizes.map((size): [string, Program] => [
    `loss-${size}`,
    detectorLossProgram(learning, shape, size, false),
  ]);
  const programs = {
    infer: detectorInferProgram(learning, shape, batchSize, false),
    ...Object.fromEntries(losses),
  };
  const engine = await createEngine({ state, programs }, scratchDir);
  engine.write(new Map([...values].map(([name, each]) => [variable.parameter(name), each])));
  return {
    ...{ engine, learning },
    detections: (x, rows) => detector.detections(engine.run('infer', { x: padded(x, rows, batchSize) }), rows),
  };
}

/**
 * Sends a side through a trained detector. Writes `logits` [rows, most × 6] (contracts/manifests.ts, EvaluateOutput),
 * `labels` of noughts, and, where the side has boxes, `loss` [1]: the mean over its images of all losses.
 */
export async function runDetectorEvaluation(job: EvaluateJob, host: JobHost): Promise<void> {
  const samples = await openSamples(job.side, 'images');
  const { batchSize } = job;
  const hasObjects = await sideHasObjects(job);
  const sizes = [...new Set([Math.min(batchSize, samples.rows), samples.rows % batchSize])].filter((size) => size > 0);
  const loaded = await loadDetector(job, {
    ...{ batchSize, shape: samples.shape, scratchDir: dirname(job.outputPath), lossSizes: hasObjects ? sizes : [] },
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

async function sideHasObjects({ side }: EvaluateJob): Promise<boolean> {
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
  const loaded = await loadDetector(job, { batchSize, shape, scratchDir: dirname(job.imagesPath), lossSizes: [] });
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
    const boxes = detections.map((own) => own.map(({ label, score, box }) => ({ label, score, box: sides(box) })));
    host.emit({ kind: 'predicted', probabilities: [], detections: boxes, batchMs });
  } finally {
    await file.close();
    loaded.engine.dispose();
  }
}

const sides = ([top, left, bottom, right]: Detection['box']): [number, number, number, number] => [
  top,
  left,
  bottom,
  right,
];
