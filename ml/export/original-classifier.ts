import { readFile } from 'node:fs/promises';
import type { ExportCheck } from '../../contracts/export.ts';
import { argMax, softmax } from '../../core/metrics/classification.ts';
import { loadModel } from '../trainer/inference.ts';
import type { LoadedModel } from '../trainer/inference.ts';
import type { JobHost } from '../trainer/job.ts';
import { buildModel } from '../trainer/model.ts';
import { parameterValues } from '../trainer/parameters.ts';
import { range } from '../trainer/samples.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import type { ExportedModel } from './exported-model.ts';
import { checkedRows, eachBatch, numbersOfOutput, TOLERANCE } from './original.ts';
import type { Original, OriginalOptions } from './original.ts';

const BATCH_SIZE = 16;

/** A classifier is compared by its probabilities, and by how many labelled pictures are right. */
export async function originalClassifier({ job, samples, scratchDir }: OriginalOptions): Promise<Original> {
  const model = buildModel({ ...job.model, strategy: 'full' }, 1);
  const { tensors } = await readSafetensorsFile(job.weightsPath);
  const values = parameterValues(model.all, tensors, job.weightsPath);
  const loading = { batchSize: BATCH_SIZE, shape: samples.shape, scratchDir };
  const original = await loadModel(job.model, job.weightsPath, loading);
  return {
    ...{ specs: model.all, values, preprocessing: model.backbone.preprocessing },
    anchors: null,
    compare: (exported, host) => compare({ job, samples, original, exported }, host),
    refusal: ({ pixels }) => {
      const limit = job.precision === 'float32' ? TOLERANCE : 1;
      if (pixels.maxDifference <= limit) return null;
      const seen = `a probability differs by ${pixels.maxDifference.toExponential(1)} from the model's own`;
      return { seen, expected: `at most ${limit}` };
    },
    dispose: () => {
      original.dispose();
    },
  };
}

interface Pair extends Pick<OriginalOptions, 'job' | 'samples'> {
  readonly original: LoadedModel;
  readonly exported: ExportedModel;
}

async function compare(pair: Pair, host: JobHost): Promise<ExportCheck> {
  const { job, samples, exported, original } = pair;
  const classes = job.model.classes.length;
  const rows = checkedRows(job, samples);
  const hits = { original: 0, exported: 0 };
  let images = 0;
  let largest = 0;
  await eachBatch(rows, BATCH_SIZE, host, async (indexes) => {
    const pixels = await samples.read(indexes);
    const wanted = probabilities(original.logits(pixels, indexes.length), classes);
    const outputs = await exported.ofPixels(pixels, [indexes.length, ...samples.shape]);
    const got = numbersOfOutput(outputs, 'probabilities');
    largest = Math.max(largest, maxDifference(wanted, got));
    for (const [at, row] of indexes.entries()) {
      const label = samples.labels[row] ?? -1;
      if (label < 0) continue;
      images++;
      const likeliest = (of: Float32Array): number => argMax(of.subarray(at * classes, (at + 1) * classes));
      hits.original += likeliest(wanted) === label ? 1 : 0;
      hits.exported += likeliest(got) === label ? 1 : 0;
    }
  });
  return {
    pixels: { images: rows.length, maxDifference: largest },
    files: await compareFiles(pair),
    accuracy: images === 0 ? null : { images, original: hits.original / images, exported: hits.exported / images },
  };
}

/** What the export makes of files itself, against graft's rendering of them. */
async function compareFiles({ job, original, exported, samples }: Pair): Promise<ExportCheck['files']> {
  if (exported.ofFiles === null) return null;
  const classes = job.model.classes.length;
  let largest = 0;
  for (const { path, row } of job.pictures) {
    const wanted = probabilities(original.logits(await samples.read([row]), 1), classes);
    const outputs = exported.ofFiles([new Uint8Array(await readFile(path))]);
    largest = Math.max(largest, maxDifference(wanted, numbersOfOutput(outputs, 'probabilities')));
  }
  return { images: job.pictures.length, maxDifference: largest };
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
