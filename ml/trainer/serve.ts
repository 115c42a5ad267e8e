import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MlEvent, ServeJob } from '../../contracts/ml-protocol.ts';
import { failedError } from '../../core/errors.ts';
import { softmax } from '../../core/metrics/classification.ts';
import { unwrap } from '../../core/result.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { padded } from './learner.ts';
import type { JobHost } from './job.ts';
import { loadDetector, sentDetections } from './loaded-detector.ts';
import { buildModel } from './model.ts';
import { parameterValues } from './parameters.ts';
import { inferProgram, variable } from './programs.ts';

/** What a model says of the rows of a batch. */
type Scores = Pick<Extract<MlEvent, { kind: 'scored' }>, 'probabilities' | 'detections'>;

/** A model with a graph for each batch size over the same weights. */
interface Loaded {
  /** uint8 rows of the model's image shape, no more than the largest batch size. */
  score(bytes: Uint8Array, rows: number): Scores;
  dispose(): void;
}

/**
 * Loads a model, runs every graph of it once on noughts, and scores batches until there are no more. Errors of loading as
 * in `loadModel` and `loadDetector`; SERVE_BATCH (failed) for a batch that is larger than any graph or shorter than it says.
 */
export async function runServing(job: ServeJob, host: JobHost): Promise<void> {
  const { heightPx, widthPx, channels } = job.model.image;
  const rowBytes = heightPx * widthPx * channels;
  const most = Math.max(...job.batchSizes);
  const scratchDir = await mkdtemp(join(tmpdir(), 'graft-serve-'));
  try {
    const loaded = await (job.model.detector ? loadedDetector(job, scratchDir) : loadedClassifier(job, scratchDir));
    for (const size of job.batchSizes) loaded.score(new Uint8Array(size * rowBytes), size);
    host.emit({ kind: 'loaded' });
    let batches = 0;
    for await (const { id, path, rows } of host.batches ?? []) {
      const bytes = new Uint8Array(await readFile(path));
      if (rows > most || bytes.length !== rows * rowBytes) throw wrongBatch(path, rows, bytes.length);
      host.emit({ kind: 'scored', id, ...loaded.score(bytes, rows) });
      batches++;
    }
    host.emit({ kind: 'served', batches });
    loaded.dispose();
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

async function loadedClassifier(
  { model: description, weightsPath, batchSizes }: ServeJob,
  scratchDir: string,
): Promise<Loaded> {
  const model = buildModel({ ...description, strategy: 'full' }, 1);
  unwrap(checkPreprocessing(model.backbone, description.normalization, weightsPath));
  const { tensors } = await readSafetensorsFile(weightsPath);
  const values = parameterValues(model.all, tensors, weightsPath);
  const state = new Map(model.all.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const { heightPx, widthPx, channels } = description.image;
  const rows = { kind: 'pixels', shape: [heightPx, widthPx, channels] } as const;
  const programs = batchSizes.map((size) => [`infer-${size}`, inferProgram(model, rows, size, false)] as const);
  const engine = await createEngine({ state, programs: Object.fromEntries(programs) }, scratchDir);
  engine.write(new Map([...values].map(([name, each]) => [variable.parameter(name), each])));
  const classes = description.classes.length;
  return {
    score: (bytes, count) => {
      const size = batchSizes.find((each) => each >= count) ?? count;
      const { values: logits } = outputOf(engine.run(`infer-${size}`, { x: padded(bytes, count, size) }), 'logits');
      const rowOf = (row: number): number[] => softmax(logits.subarray(row * classes, (row + 1) * classes));
      return { probabilities: Array.from({ length: count }, (_, row) => rowOf(row)) };
    },
    dispose: () => {
      engine.dispose();
    },
  };
}

async function loadedDetector({ model, weightsPath, batchSizes }: ServeJob, scratchDir: string): Promise<Loaded> {
  const { heightPx, widthPx, channels } = model.image;
  const loading = { batchSizes, shape: [heightPx, widthPx, channels], scratchDir, lossSizes: [] };
  const { engine, detections } = await loadDetector(model, weightsPath, loading);
  return {
    score: (bytes, rows) => ({ probabilities: [], detections: sentDetections(detections(bytes, rows)) }),
    dispose: () => {
      engine.dispose();
    },
  };
}

function wrongBatch(path: string, rows: number, bytes: number): Error {
  return failedError('SERVE_BATCH', path, `${rows} rows in ${bytes} bytes`, 'whole rows, no more than a graph takes');
}
