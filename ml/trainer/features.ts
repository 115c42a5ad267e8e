import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalShard, LocalSide } from '../../contracts/ml-protocol.ts';
import { elementCount, float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import type { Engine } from '../engine/index.ts';
import { paramsOf } from '../nn/apply-blocks.ts';
import { openSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import { padded } from './learner.ts';
import type { Model } from './model.ts';
import { prefixProgram, variable } from './programs.ts';
import { labelsOf, openSamples, range } from './samples.ts';
import type { SampleReader } from './samples.ts';

/** Rows a file of features holds, and a forward pass takes: fixed, so that the bits do not depend on where it was killed. */
const CHUNK_ROWS = 256;
const BATCH_ROWS = 32;

export interface FeaturePass {
  readonly model: Model;
  /** Values of the prefix's parameters by name. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** A folder named by everything that the features hang on (prefix, weights, data). */
  readonly dir: string;
  /** Called between forward passes; throw to stop. */
  onProgress(done: number): void | Promise<void>;
}

/**
 * Sends every image once through the frozen prefix and keeps what comes out on disk (float32): a frozen trunk costs one
 * forward pass, not one an epoch. Finished chunks of an earlier, killed pass are found again.
 */
export async function frozenFeatures(side: LocalSide, name: string, pass: FeaturePass): Promise<LocalSide> {
  const samples = await openSamples(side, 'images');
  const shards: LocalShard[] = [];
  let prefix: Engine | undefined;
  await mkdir(join(pass.dir, name), { recursive: true });
  try {
    for (let start = 0; start < samples.rows; start += CHUNK_ROWS) {
      const rows = Math.min(CHUNK_ROWS, samples.rows - start);
      const path = join(pass.dir, name, `${String(start).padStart(10, '0')}.safetensors`);
      if (!(await isWhole(path, rows))) {
        prefix ??= await openPrefix(pass, samples.shape);
        await writeChunk(path, samples, start, rows, prefix, pass.onProgress);
      }
      shards.push({ path, rows });
      await pass.onProgress(start + rows);
    }
  } finally {
    prefix?.dispose();
    await samples.close();
  }
  return { rows: samples.rows, shards };
}

/** Files are renamed into place when they are whole; this guards against a full disk or a foreign file. */
async function isWhole(path: string, rows: number): Promise<boolean> {
  if (!existsSync(path)) return false;
  try {
    const file = await openSafetensorsFile(path);
    const found = file.header.tensors.get('codes')?.shape[0];
    await file.close();
    return found === rows;
  } catch {
    return false;
  }
}

/** The frozen prefix, compiled for batches of `BATCH_ROWS`. */
async function openPrefix({ model, values, dir }: FeaturePass, shape: readonly number[]): Promise<Engine> {
  const specs = paramsOf(model.blocks, 0, model.prefix);
  const state = new Map(specs.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const programs = { prefix: prefixProgram(model, shape, BATCH_ROWS) };
  const engine = await createEngine({ state, programs }, dir);
  engine.write(new Map(specs.map(({ name }) => [variable.parameter(name), values.get(name) ?? new Float32Array()])));
  return engine;
}

async function writeChunk(
  path: string,
  samples: SampleReader,
  start: number,
  rows: number,
  engine: Engine,
  onProgress: FeaturePass['onProgress'],
): Promise<void> {
  const parts: Float32Array[] = [];
  let shape: readonly number[] = [];
  for (let at = 0; at < rows; at += BATCH_ROWS) {
    const count = Math.min(BATCH_ROWS, rows - at);
    const pixels = await samples.read(range(start + at, count));
    const codes = outputOf(engine.run('prefix', { x: padded(pixels, count, BATCH_ROWS) }), 'codes');
    shape = codes.shape.slice(1);
    parts.push(codes.values.subarray(0, count * elementCount(shape)));
    await onProgress(start + at + count);
  }
  const values = new Float32Array(rows * elementCount(shape));
  for (const [index, part] of parts.entries()) values.set(part, index * BATCH_ROWS * elementCount(shape));
  const tensors = new Map([
    ['codes', float32Tensor(values, [rows, ...shape])],
    ['labels', int32Tensor(labelsOf(samples, range(start, rows)), [rows])],
  ]);
  await writeSafetensorsFile(path, tensors);
}
