import { mkdir } from 'node:fs/promises';
import type { MeasureResult } from '../../contracts/measure-jobs.ts';
import type { MeasureJob } from '../../contracts/ml-protocol.ts';
import { unwrap } from '../../core/result.ts';
import { permutation } from '../../core/rng.ts';
import { median } from '../../core/training/stop-rules.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import type { TypedArray } from '../native/backend.ts';
import { paramsOf } from '../nn/apply-blocks.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { openInputs } from './inputs.ts';
import type { Source } from './inputs.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { createLearner, padded } from './learner.ts';
import type { Batch } from './learner.ts';
import { buildModel } from './model.ts';
import type { Model } from './model.ts';
import { prefixProgram, variable } from './programs.ts';
import type { RowSpec } from './programs.ts';
import { startingValues } from './starting-values.ts';
import { checkSides, learnerOptions, writeStart } from './train.ts';

/** Rows of a frozen forward pass, as ml/trainer/features.ts has them. */
const BATCH_ROWS = 32;

interface Measured {
  readonly job: MeasureJob;
  readonly host: JobHost;
  readonly model: Model;
  readonly values: ReadonlyMap<string, Float32Array>;
  residentBytes: number;
}

/** Runs the parts of a training a few times each and tells what they take. Weights stay in this process. */
export async function runMeasure(job: MeasureJob, host: JobHost): Promise<void> {
  const { train } = job;
  const begunMs = host.nowMs();
  const model = buildModel(train.model, train.lastN);
  unwrap(checkPreprocessing(model.backbone, train.model.normalization, 'image.normalization'));
  checkSides(train);
  await mkdir(train.workDir, { recursive: true });
  const { model: description, weightsPath, config } = train;
  const values = await startingValues(model.all, { model: description, weightsPath, seed: config.seed });
  const loadSeconds = secondsSince(host, begunMs);
  const inputs = await openInputs({ ...train, reads: { kind: 'pixels' } });
  const parts: Measured = { job, host, model, values, residentBytes: 0 };
  try {
    const prefix = job.keepsCodes ? await measurePrefix(parts, inputs.train, loadSeconds) : null;
    const rows: RowSpec = prefix ? { kind: 'codes', shape: prefix.shape } : inputs.train.spec;
    const timed = await measureSteps(parts, inputs.train, rows, loadSeconds);
    const measured: MeasureResult = {
      ...timed,
      prefix: prefix && { openSeconds: prefix.openSeconds, batchSeconds: prefix.batchSeconds },
      codeValues: prefix && prefix.shape.reduce((product, side) => product * side, 1),
      residentMb: parts.residentBytes / 2 ** 20,
    };
    host.emit({ kind: 'measured', measured });
    await breathe();
  } catch (error) {
    if (!(error instanceof StopRequested)) throw error;
    host.emit({ kind: 'stopped', step: 0, reason: 'requested' });
  } finally {
    await inputs.close();
  }
}

async function measurePrefix(parts: Measured, source: Source, loadSeconds: number) {
  const { job, host, model, values } = parts;
  const begunMs = host.nowMs();
  const specs = paramsOf(model.blocks, 0, model.prefix);
  const state = new Map(specs.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const program = prefixProgram(model, source.spec.shape, BATCH_ROWS);
  const engine = await createEngine({ state, programs: { plain: program } }, job.train.workDir);
  try {
    engine.write(new Map(specs.map(({ name }) => [variable.parameter(name), values.get(name) ?? new Float32Array(0)])));
    let shape: readonly number[] = [];
    const pass = async (at: number): Promise<void> => {
      const { x, labels } = await batchOf(source, BATCH_ROWS, at);
      shape = outputOf(engine.run('plain', { x: padded(x, labels.length, BATCH_ROWS) }), 'codes').shape.slice(1);
      await check(parts);
    };
    await pass(0);
    const openSeconds = loadSeconds + secondsSince(host, begunMs);
    const each = await repeated(parts, pass);
    return { shape, openSeconds, batchSeconds: median(each) };
  } finally {
    engine.dispose();
  }
}

async function measureSteps(parts: Measured, source: Source, rows: RowSpec, loadSeconds: number) {
  const { job, host, model, values } = parts;
  const { train } = job;
  const { batchSize } = train.config;
  const begunMs = host.nowMs();
  // All batches are whole ones: a second graph for what is left over is the training's own affair.
  const options = {
    ...learnerOptions(train, { train: source, validation: source, close: closed }),
    trainRows: batchSize,
  };
  const learner = await createLearner(model, { ...options, rows });
  try {
    writeStart(learner, model, values, train);
    const step = async (at: number): Promise<void> => {
      const batch = await fullBatch(source, rows, batchSize, at);
      learner.step(batch, { epoch: 0, step: at, learningRate: 1e-6 });
      await check(parts);
    };
    await step(0);
    const openSeconds = loadSeconds + secondsSince(host, begunMs);
    const each = (await repeated(parts, step)).sort((a, b) => a - b);
    const quantile = (share: number): number => each[Math.floor(share * (each.length - 1))] ?? 0;
    const { x } = await fullBatch(source, rows, batchSize, 0);
    learner.logits(x, batchSize);
    const score = await repeated(parts, () => Promise.resolve(void learner.logits(x, batchSize)));
    return {
      openSeconds,
      stepSeconds: median(each),
      stepFast: quantile(0.25),
      stepSlow: quantile(0.75),
      scoreSeconds: median(score),
    };
  } finally {
    learner.engine.dispose();
  }
}

/** So many rows, the next ones each time and the first again after the last, augmented where that is drawn. */
async function batchOf(source: Source, rows: number, at: number): Promise<Batch> {
  const order = permutation(source.rows, 1, 'measure', 0);
  const indexes = Array.from({ length: rows }, (_, i) => order((at * rows + i) % source.rows));
  return source.batch(source.prefetch(indexes, 0), 0);
}

/** Pixels of the sample; behind a frozen prefix zeros, which take as long as any code. */
async function fullBatch(source: Source, rows: RowSpec, batchSize: number, at: number): Promise<Batch> {
  if (rows.kind === 'pixels') return batchOf(source, batchSize, at);
  const x: TypedArray = new Float32Array(batchSize * rows.shape.reduce((product, side) => product * side, 1));
  return { x, labels: new Int32Array(batchSize) };
}

async function repeated({ job, host }: Measured, once: (at: number) => Promise<void>): Promise<number[]> {
  const seconds: number[] = [];
  for (let at = 1; at <= job.steps; at++) {
    const begunMs = host.nowMs();
    await once(at);
    seconds.push(secondsSince(host, begunMs));
  }
  return seconds;
}

async function check(parts: Measured): Promise<void> {
  parts.residentBytes = Math.max(parts.residentBytes, parts.host.residentBytes());
  await breathe();
  if (parts.host.stopRequested()) throw new StopRequested();
}

const closed = (): Promise<void> => Promise.resolve();

const secondsSince = (host: JobHost, ms: number): number => Math.max(0, host.nowMs() - ms) / 1000;
