import * as tf from '@tensorflow/tfjs';
import { mkdir } from 'node:fs/promises';
import type { ProbeJob } from '../../contracts/measure-jobs.ts';
import { crossValidate, majorityOf } from '../../core/advice/probe.ts';
import { inputError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import type { Engine, Program } from '../engine/index.ts';
import { applyBlocks, paramsOf } from '../nn/apply-blocks.ts';
import { inferenceContext } from '../nn/contexts.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { imageBatch } from './images.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { padded } from './learner.ts';
import { buildModel } from './model.ts';
import type { Model } from './model.ts';
import { variable } from './programs.ts';
import { labelsOf, openSamples } from './samples.ts';
import { startingValues } from './starting-values.ts';

/** Rows of a forward pass. */
const BATCH_ROWS = 32;

interface Place {
  readonly name: string;
  /** Blocks before it. */
  readonly blocks: number;
  readonly width: number;
}

/** Pooled codes of some pictures at several cuts, from one forward pass; then how well they separate the classes. */
export async function runProbe(job: ProbeJob, host: JobHost): Promise<void> {
  const model = buildModel(job.model, 1);
  unwrap(checkPreprocessing(model.backbone, job.model.normalization, 'image.normalization'));
  const places = placesOf(model, job.cuts);
  await mkdir(job.workDir, { recursive: true });
  const { labels, codes } = await readCodes(job, model, places, host);
  const classes = job.model.classes.length;
  const cuts: { cut: string; accuracy: number }[] = [];
  for (const [index, { name, width }] of places.entries()) {
    const data = { codes: codes[index] ?? new Float32Array(0), labels, width, classes };
    const folds = crossValidate(data, job.options);
    let step = folds.next();
    while (!step.done) {
      await breathe();
      if (host.stopRequested()) throw new StopRequested();
      step = folds.next();
    }
    cuts.push({ cut: name, accuracy: step.value });
  }
  const { folds } = job.options;
  const probe = { images: labels.length, folds, majority: majorityOf(labels, classes), cuts };
  host.emit({ kind: 'probed', probe });
  await breathe();
}

function placesOf({ backbone }: Model, cuts: readonly string[]): Place[] {
  const named = cuts.map((name) => {
    const point = backbone.cutPoints.find((each) => each.name === name);
    const names = backbone.cutPoints.map((each) => each.name).join(', ');
    if (!point) throw inputError('CONFIG_VALUE', 'cut', name, `a cut point of ${backbone.id}: ${names}`, 'correct it');
    return { name, blocks: point.afterBlock + 1, width: point.channels };
  });
  const end = backbone.cutPoints.at(-1)?.name ?? 'end';
  return [...named, { name: end, blocks: backbone.blocks.length, width: backbone.featureChannels }];
}

async function readCodes(job: ProbeJob, model: Model, places: readonly Place[], host: JobHost) {
  const samples = await openSamples(job.side, 'images');
  let engine: Engine | undefined;
  try {
    engine = await openEngine(job, model, places, samples.shape);
    const codes = places.map(({ width }) => new Float32Array(job.rows.length * width));
    for (let at = 0; at < job.rows.length; at += BATCH_ROWS) {
      const rows = job.rows.slice(at, at + BATCH_ROWS);
      const outputs = engine.run('codes', { x: padded(await samples.read(rows), rows.length, BATCH_ROWS) });
      for (const [index, { width }] of places.entries()) {
        codes[index]?.set(outputOf(outputs, `at${index}`).values.subarray(0, rows.length * width), at * width);
      }
      host.emit({ kind: 'features', done: at + rows.length, total: job.rows.length });
      await breathe();
      if (host.stopRequested()) throw new StopRequested();
    }
    return { labels: labelsOf(samples, job.rows), codes };
  } finally {
    engine?.dispose();
    await samples.close();
  }
}

async function openEngine(job: ProbeJob, model: Model, places: readonly Place[], shape: readonly number[]) {
  const specs = paramsOf(model.blocks, 0, model.backbone.blocks.length);
  const state = new Map(specs.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const engine = await createEngine({ state, programs: { codes: codesProgram(model, places, shape) } }, job.workDir);
  const values = await startingValues(specs, { ...job, seed: job.options.seed });
  engine.write(new Map([...values].map(([name, each]) => [variable.parameter(name), each])));
  return engine;
}

/** Pixels → means over the cells of each cut's map, `at0`, `at1` … */
function codesProgram(model: Model, places: readonly Place[], shape: readonly number[]): Program {
  return {
    inputs: { x: { shape: [BATCH_ROWS, ...shape], dtype: 'uint8' } },
    run({ x }, state) {
      if (x === undefined) throw new Error('no input');
      const context = inferenceContext((name) => state.get(variable.parameter(name)));
      const outputs: Record<string, tf.Tensor> = {};
      let value = imageBatch(x, model.backbone.preprocessing);
      let from = 0;
      for (const [index, { blocks }] of places.entries()) {
        value = applyBlocks(model.blocks, from, blocks, value, context);
        from = blocks;
        outputs[`at${index}`] = value.rank === 4 ? tf.mean(value, [1, 2]) : value.clone();
      }
      return outputs;
    },
  };
}
