import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportCheck } from '../../contracts/export.ts';
import type { ExportJob } from '../../contracts/ml-protocol.ts';
import { failedError } from '../../core/errors.ts';
import { argMax, softmax } from '../../core/metrics/classification.ts';
import { loadModel } from '../trainer/inference.ts';
import type { LoadedModel } from '../trainer/inference.ts';
import { breathe, StopRequested } from '../trainer/job.ts';
import type { JobHost } from '../trainer/job.ts';
import { buildModel } from '../trainer/model.ts';
import { parameterValues } from '../trainer/parameters.ts';
import { openSamples, range } from '../trainer/samples.ts';
import type { SampleReader } from '../trainer/samples.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import type { ExportedModel } from './exported-model.ts';
import { writeExport } from './write-export.ts';

/** A float32 export that is farther from the original than this is not handed over. */
const TOLERANCE = 1e-4;
const BATCH_SIZE = 16;
/** Pictures of the check where no accuracy is to be measured: a lossless export differs by rounding alone. */
const CHECKED = 64;

/**
 * Writes a model in another form, loads it again by that form's own runtime, and compares the two on real pictures.
 * EXPORT_PARITY (failed) where a float32 export differs; lossy ones are measured on all labelled pictures.
 */
export async function runExport(job: ExportJob, host: JobHost): Promise<void> {
  const model = buildModel({ ...job.model, strategy: 'full' }, 1);
  const { tensors } = await readSafetensorsFile(job.weightsPath);
  const values = parameterValues(model.all, tensors, job.weightsPath);
  const scratchDir = await mkdtemp(join(tmpdir(), 'graft-export-'));
  const samples = await openSamples(job.side, 'images');
  const loading = { batchSize: BATCH_SIZE, shape: samples.shape, scratchDir };
  const original = await loadModel(job.model, job.weightsPath, loading);
  let exported: ExportedModel | null = null;
  try {
    exported = await writeExport({ job, specs: model.all, values, scratchDir });
    const check = await compare(job, { original, exported, samples }, host);
    refuseDifferent(job, check);
    const { id, scale, shift, channelOrder } = model.backbone.preprocessing;
    const normalization = { id, scale: [...scale], shift: [...shift], channelOrder };
    host.emit({ kind: 'exported', report: { check, normalization } });
  } finally {
    exported?.dispose();
    original.dispose();
    await samples.close();
    await rm(scratchDir, { recursive: true, force: true });
  }
}

interface Pair {
  readonly original: LoadedModel;
  readonly exported: ExportedModel;
  readonly samples: SampleReader;
}

async function compare(job: ExportJob, pair: Pair, host: JobHost): Promise<ExportCheck> {
  const { samples, exported } = pair;
  const classes = job.model.classes.length;
  const whole = job.precision !== 'float32';
  const rows = whole ? range(0, samples.rows) : spreadRows(samples.rows);
  const hits = { original: 0, exported: 0 };
  let images = 0;
  let largest = 0;
  for (let start = 0; start < rows.length; start += BATCH_SIZE) {
    const indexes = rows.slice(start, start + BATCH_SIZE);
    const pixels = await samples.read(indexes);
    const wanted = probabilities(pair.original.logits(pixels, indexes.length), classes);
    const got = await exported.ofPixels(pixels, [indexes.length, ...samples.shape]);
    largest = Math.max(largest, maxDifference(wanted, got));
    for (const [at, row] of indexes.entries()) {
      const label = samples.labels[row] ?? -1;
      if (label < 0) continue;
      images++;
      const likeliest = (of: Float32Array): number => argMax(of.subarray(at * classes, (at + 1) * classes));
      hits.original += likeliest(wanted) === label ? 1 : 0;
      hits.exported += likeliest(got) === label ? 1 : 0;
    }
    host.emit({ kind: 'features', done: start + indexes.length, total: rows.length });
    await breathe();
    if (host.stopRequested()) throw new StopRequested('stopped while checking the export');
  }
  return {
    pixels: { images: rows.length, maxDifference: largest },
    files: await compareFiles(job, pair),
    accuracy: images === 0 ? null : { images, original: hits.original / images, exported: hits.exported / images },
  };
}

/** What the export makes of files itself, against graft's rendering of them. */
async function compareFiles(job: ExportJob, { original, exported, samples }: Pair): Promise<ExportCheck['files']> {
  if (exported.ofFiles === null) return null;
  const classes = job.model.classes.length;
  let largest = 0;
  for (const { path, row } of job.pictures) {
    const wanted = probabilities(original.logits(await samples.read([row]), 1), classes);
    largest = Math.max(largest, maxDifference(wanted, exported.ofFiles([new Uint8Array(await readFile(path))])));
  }
  return { images: job.pictures.length, maxDifference: largest };
}

function refuseDifferent({ format, precision }: ExportJob, { pixels }: ExportCheck): void {
  const limit = precision === 'float32' ? TOLERANCE : 1;
  if (pixels.maxDifference <= limit) return;
  throw failedError(
    'EXPORT_PARITY',
    `export to ${format}`,
    `a probability differs by ${pixels.maxDifference.toExponential(1)} from the model's own`,
    `at most ${limit}`,
    'report it with the backbone’s name; nothing was handed over',
  );
}

/** Up to `CHECKED` rows, evenly over all. */
function spreadRows(rows: number): number[] {
  const count = Math.min(CHECKED, rows);
  return Array.from({ length: count }, (_, index) => Math.floor((index * rows) / count));
}

function probabilities(logits: Float32Array, classes: number): Float32Array {
  const rows = range(0, logits.length / classes);
  return Float32Array.from(rows.flatMap((row) => softmax(logits.subarray(row * classes, (row + 1) * classes))));
}

function maxDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`${b.length} probabilities for ${a.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? 0) - (b[i] ?? 0));
    // NaN compares with nothing: it is the largest of all.
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}
