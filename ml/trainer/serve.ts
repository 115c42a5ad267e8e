import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServeJob } from '../../contracts/ml-protocol.ts';
import { failedError } from '../../core/errors.ts';
import { softmax } from '../../core/metrics/classification.ts';
import { unwrap } from '../../core/result.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import type { Engine } from '../engine/index.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { padded } from './learner.ts';
import type { JobHost } from './job.ts';
import { buildModel } from './model.ts';
import { parameterValues } from './parameters.ts';
import { inferProgram, variable } from './programs.ts';

/**
 * Loads a model, runs every graph of it once on noughts, and scores batches until there are no more. Errors of loading as
 * in `loadModel`; SERVE_BATCH (failed) for a batch that is larger than any graph or shorter than it says.
 */
export async function runServing(job: ServeJob, host: JobHost): Promise<void> {
  const { heightPx, widthPx, channels } = job.model.image;
  const rowBytes = heightPx * widthPx * channels;
  const scratchDir = await mkdtemp(join(tmpdir(), 'graft-serve-'));
  try {
    const engine = await loadEngine(job, scratchDir);
    for (const size of job.batchSizes) engine.run(programOf(size), { x: new Uint8Array(size * rowBytes) });
    host.emit({ kind: 'loaded' });
    let batches = 0;
    for await (const { id, path, rows } of host.batches ?? []) {
      const bytes = new Uint8Array(await readFile(path));
      const size = job.batchSizes.find((each) => each >= rows);
      if (size === undefined || bytes.length !== rows * rowBytes) throw wrongBatch(path, rows, bytes.length);
      host.emit({ kind: 'scored', id, probabilities: score(engine, bytes, rows, size, job.model.classes.length) });
      batches++;
    }
    host.emit({ kind: 'served', batches });
    engine.dispose();
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

const programOf = (size: number): string => `infer-${size}`;

/** A graph for each batch size over the same weights. */
async function loadEngine({ model: description, weightsPath, batchSizes }: ServeJob, scratchDir: string) {
  const model = buildModel({ ...description, strategy: 'full' }, 1);
  unwrap(checkPreprocessing(model.backbone, description.normalization, weightsPath));
  const { tensors } = await readSafetensorsFile(weightsPath);
  const values = parameterValues(model.all, tensors, weightsPath);
  const state = new Map(model.all.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const { heightPx, widthPx, channels } = description.image;
  const rows = { kind: 'pixels', shape: [heightPx, widthPx, channels] } as const;
  const programs = batchSizes.map((size) => [programOf(size), inferProgram(model, rows, size, false)] as const);
  const engine = await createEngine({ state, programs: Object.fromEntries(programs) }, scratchDir);
  engine.write(new Map([...values].map(([name, each]) => [variable.parameter(name), each])));
  return engine;
}

function score(engine: Engine, bytes: Uint8Array, rows: number, size: number, classes: number): number[][] {
  const { values } = outputOf(engine.run(programOf(size), { x: padded(bytes, rows, size) }), 'logits');
  return Array.from({ length: rows }, (_, row) => softmax(values.subarray(row * classes, (row + 1) * classes)));
}

function wrongBatch(path: string, rows: number, bytes: number): Error {
  return failedError('SERVE_BATCH', path, `${rows} rows in ${bytes} bytes`, 'whole rows, no more than a graph takes');
}
