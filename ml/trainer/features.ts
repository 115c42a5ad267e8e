import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FeaturesJob, FeaturesPass, StagedShard } from '../../contracts/ml-protocol.ts';
import { augmentationInputs } from '../../core/augment/inputs.ts';
import { float32ToHalf, LARGEST_HALF } from '../../core/checkpoint/half.ts';
import { elementCount, float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { GraftError, inputError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import { codeShards } from '../../core/training/frozen-prefix.ts';
import type { CodeShardRange } from '../../core/training/frozen-prefix.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import type { Engine, InputValues } from '../engine/index.ts';
import { paramsOf } from '../nn/apply-blocks.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { padded } from './learner.ts';
import { buildModel } from './model.ts';
import type { Model } from './model.ts';
import { prefixProgram, variable } from './programs.ts';
import { labelsOf, openSamples, range } from './samples.ts';
import type { SampleReader } from './samples.ts';
import { startingValues } from './starting-values.ts';

/** Rows of a forward pass: fixed, because the bits hang on it. */
const BATCH_ROWS = 32;

/** Sends images through the frozen prefix and leaves what comes out on the disk, in shards: each is told when it is whole. */
export async function runFeatures(job: FeaturesJob, host: JobHost): Promise<void> {
  const model = buildModel(job.model, job.lastN);
  unwrap(checkPreprocessing(model.backbone, job.model.normalization, 'image.normalization'));
  const extraction = new Extraction(job, model, host);
  try {
    for (const [index, pass] of job.passes.entries()) await extraction.run(pass, index);
    host.emit({ kind: 'extracted' });
    await breathe();
  } catch (error) {
    if (!(error instanceof StopRequested)) throw error;
    host.emit({ kind: 'stopped', step: 0, reason: 'requested' });
  } finally {
    extraction.close();
  }
}

class Extraction {
  private readonly job: FeaturesJob;
  private readonly model: Model;
  private readonly host: JobHost;
  private readonly total: number;
  private done = 0;
  private engine: Engine | null = null;

  constructor(job: FeaturesJob, model: Model, host: JobHost) {
    this.job = job;
    this.model = model;
    this.host = host;
    const rows = job.passes.flatMap((pass) => wanted(pass).map((shard) => shard.rows));
    this.total = rows.reduce((sum, each) => sum + each, 0);
  }

  async run(pass: FeaturesPass, index: number): Promise<void> {
    await mkdir(pass.outputDir, { recursive: true });
    const samples = await openSamples(pass.side, 'images');
    try {
      for (const shard of wanted(pass)) {
        const found = await findShard(pass.outputDir, shard);
        const staged = found ?? (await this.compute(pass, samples, shard));
        if (found) await this.progress(shard.rows);
        this.host.emit({ kind: 'shard', staged: { ...staged, pass: index, index: shard.index, rows: shard.rows } });
      }
    } finally {
      await samples.close();
    }
  }

  close(): void {
    this.engine?.dispose();
  }

  private async compute(pass: FeaturesPass, samples: SampleReader, { index, start, rows }: CodeShardRange) {
    const engine = (this.engine ??= await openPrefix(this.job, this.model, samples.shape));
    const startedMs = this.host.nowMs();
    const parts: Float32Array[] = [];
    let shape: readonly number[] = [];
    for (let at = 0; at < rows; at += BATCH_ROWS) {
      const count = Math.min(BATCH_ROWS, rows - at);
      const pixels = await samples.read(range(start + at, count));
      const inputs = { x: padded(pixels, count, BATCH_ROWS), ...this.drawn(pass, samples, start + at) };
      const codes = outputOf(engine.run(programOf(pass), inputs), 'codes');
      shape = codes.shape.slice(1);
      parts.push(codes.values.subarray(0, count * elementCount(shape)));
      await this.progress(count);
    }
    const tensors = new Map([
      ['codes', codesTensor(joined(parts), [rows, ...shape], this.job.type)],
      ['labels', int32Tensor(labelsOf(samples, range(start, rows)), [rows])],
    ]);
    const written = await writeShard(pass.outputDir, index, tensors);
    return { ...written, seconds: Math.max(0, this.host.nowMs() - startedMs) / 1000 };
  }

  /** What augmentation draws for a batch; for its padding too, which is cut off again. */
  private drawn({ variant }: FeaturesPass, samples: SampleReader, start: number): InputValues {
    if (variant === null) return {};
    const [heightPx = 1, widthPx = 1] = samples.shape;
    const batch = { seed: this.job.seed, epoch: variant, indexes: range(start, BATCH_ROWS), heightPx, widthPx };
    const inputs = augmentationInputs(this.job.augment, batch);
    return Object.fromEntries(Object.entries(inputs).map(([name, { values }]) => [name, values]));
  }

  private async progress(rows: number): Promise<void> {
    this.done += rows;
    this.host.emit({ kind: 'features', done: this.done, total: this.total });
    await breathe();
    if (this.host.stopRequested()) throw new StopRequested();
  }
}

const wanted = ({ side, shards }: FeaturesPass): CodeShardRange[] =>
  codeShards(side.rows).filter(({ index }) => shards.includes(index));

const programOf = ({ variant }: FeaturesPass): 'plain' | 'augmented' => (variant === null ? 'plain' : 'augmented');

/** The frozen prefix, compiled for batches of `BATCH_ROWS`, with and without augmentation before it as the job needs. */
async function openPrefix(job: FeaturesJob, model: Model, shape: readonly number[]): Promise<Engine> {
  const specs = paramsOf(model.blocks, 0, model.prefix);
  const state = new Map(specs.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const programs = Object.fromEntries(
    [...new Set(job.passes.map(programOf))].map((name) => [
      name,
      prefixProgram(model, shape, BATCH_ROWS, name === 'plain' ? null : job.augment),
    ]),
  );
  const engine = await createEngine({ state, programs }, job.passes[0]?.outputDir ?? '.');
  const values = await startingValues(specs, job);
  engine.write(new Map([...values].map(([name, each]) => [variable.parameter(name), each])));
  return engine;
}

type WrittenShard = Pick<StagedShard, 'path' | 'sha256' | 'sizeBytes' | 'seconds'>;

/** `<index>-<sha256>.safetensors`: what is torn or foreign does not verify against its own name. */
const SHARD = /^(\d{6})-([0-9a-f]{64})\.safetensors$/;
const numbered = (index: number): string => String(index).padStart(6, '0');

async function findShard(dir: string, { index, rows }: CodeShardRange): Promise<WrittenShard | null> {
  for (const name of await readdir(dir)) {
    const [, number, hash] = SHARD.exec(name) ?? [];
    if (number !== numbered(index) || hash === undefined) continue;
    const path = join(dir, name);
    try {
      const sha256 = asSha256(hash);
      const { tensors } = await readSafetensorsFile(path, { sha256 });
      if (tensors.get('codes')?.shape[0] !== rows) continue;
      return { path, sha256, sizeBytes: (await stat(path)).size, seconds: null };
    } catch (error) {
      if (!(error instanceof GraftError)) throw error;
    }
  }
  return null;
}

/** No fsync: what a power cut tears does not verify, and is computed again. */
async function writeShard(dir: string, index: number, tensors: ReadonlyMap<string, TensorData>) {
  const unnamed = join(dir, `${numbered(index)}.part`);
  const written = await writeSafetensorsFile(unnamed, tensors, {}, { fsync: false });
  const path = join(dir, `${numbered(index)}-${written.sha256}.safetensors`);
  await rename(unnamed, path);
  return { path, ...written };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

function codesTensor(values: Float32Array, shape: readonly number[], type: FeaturesJob['type']): TensorData {
  if (type === 'float32') return float32Tensor(values, shape);
  const halves = float32ToHalf(values);
  refuseOverflow(values, halves);
  return { dtype: 'F16', shape, data: new Uint8Array(halves.buffer) };
}

/** FEATURE_RANGE where a finite value has no finite half: the head would learn from infinities. */
function refuseOverflow(values: Float32Array, halves: Uint16Array): void {
  for (let i = 0; i < halves.length; i++) {
    const value = values[i] ?? 0;
    if (((halves[i] ?? 0) & 0x7fff) !== 0x7c00 || !Number.isFinite(value)) continue;
    const expected = `at most ${LARGEST_HALF}, the largest float16`;
    throw inputError(
      'FEATURE_RANGE',
      'frozen features',
      `a value of ${value}`,
      expected,
      'set train.featureType: float32',
    );
  }
}
