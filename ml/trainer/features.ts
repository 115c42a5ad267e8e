import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import type { LocalShard, LocalSide } from '../../contracts/ml-protocol.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { applyBlocks } from '../nn/apply-blocks.ts';
import { openSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import { imageBatch } from './images.ts';
import type { Model } from './model.ts';
import { floatsOf, inferenceContext } from './parameters.ts';
import type { TensorStore } from './parameters.ts';
import { labelsOf, openSamples, range } from './samples.ts';
import type { SampleReader } from './samples.ts';

/** Rows a file of features holds, and a forward pass takes: fixed, so that the bits do not depend on where it was killed. */
const CHUNK_ROWS = 256;
const BATCH_ROWS = 32;

export interface FeaturePass {
  readonly model: Model;
  readonly parameters: TensorStore;
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
  await mkdir(join(pass.dir, name), { recursive: true });
  try {
    for (let start = 0; start < samples.rows; start += CHUNK_ROWS) {
      const rows = Math.min(CHUNK_ROWS, samples.rows - start);
      const path = join(pass.dir, name, `${String(start).padStart(10, '0')}.safetensors`);
      if (!(await isWhole(path, rows))) await writeChunk(path, samples, start, rows, pass);
      shards.push({ path, rows });
      await pass.onProgress(start + rows);
    }
  } finally {
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

async function writeChunk(
  path: string,
  samples: SampleReader,
  start: number,
  rows: number,
  pass: FeaturePass,
): Promise<void> {
  const parts: Float32Array[] = [];
  let shape: readonly number[] = [];
  for (let at = 0; at < rows; at += BATCH_ROWS) {
    const indexes = range(start + at, Math.min(BATCH_ROWS, rows - at));
    const codes = prefixOutput(await samples.read(indexes), indexes.length, samples.shape, pass);
    shape = codes.shape.slice(1);
    parts.push(floatsOf(codes));
    codes.dispose();
    await pass.onProgress(start + at + indexes.length);
  }
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    values.set(part, offset);
    offset += part.length;
  }
  const tensors = new Map([
    ['codes', float32Tensor(values, [rows, ...shape])],
    ['labels', int32Tensor(labelsOf(samples, range(start, rows)), [rows])],
  ]);
  await writeSafetensorsFile(path, tensors);
}

/** uint8 rows → the output of the frozen prefix. */
export function prefixOutput(
  bytes: Uint8Array,
  batch: number,
  shape: readonly number[],
  { model, parameters }: Pick<FeaturePass, 'model' | 'parameters'>,
): tf.Tensor {
  const images = imageBatch(bytes, batch, shape, model.backbone.preprocessing);
  const codes = applyBlocks(model.blocks, 0, model.prefix, images, inferenceContext(parameters));
  images.dispose();
  return codes;
}
