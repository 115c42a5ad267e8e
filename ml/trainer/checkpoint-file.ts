import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { StagedCheckpoint, TrainJob } from '../../contracts/ml-protocol.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import { checkedValues } from './parameters.ts';
import type { StateShapes } from '../engine/index.ts';

/**
 * A training's state at a step boundary, copied out: what learns (`param/…`), its optimizer slots (`slot/…`), moving
 * averages (`average/…`) and the best epoch's values (`best/…`). What is frozen is not in it: it comes from the weights
 * that the run's key names.
 */
export interface Snapshot {
  readonly state: ReadonlyMap<string, TensorData>;
  /** By name in the model, of the best epoch so far; null before the first one. */
  readonly best: ReadonlyMap<string, TensorData> | null;
  readonly counters: TrainCounters;
  readonly isBest: boolean;
}

/** Tensors by name, as they go from thread to thread. */
export type Tensors = readonly (readonly [string, TensorData])[];

/** What can be handed over without a copy: each buffer once. A shared one is copied. */
export function buffersOf(tensors: Tensors): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const [, { data }] of tensors) if (data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
  return [...buffers];
}

/**
 * Writes a snapshot to the local disk, whole or not at all. The worker uploads it beside the next steps; until then a
 * crash of the machine's processes finds it here.
 */
export async function stageCheckpoint(
  dir: string,
  { state, best, counters, isBest }: Snapshot,
): Promise<StagedCheckpoint> {
  const tensors = new Map<string, TensorData>([
    ...state,
    ...[...(best ?? [])].map(([name, data]): [string, TensorData] => [`best/${name}`, data]),
  ]);
  const metadata = { counters: JSON.stringify(counters), isBest: String(isBest) };
  const name = `${String(counters.step).padStart(12, '0')}-${String(counters.epoch).padStart(6, '0')}`;
  const unnamed = join(dir, `${name}.part`);
  // No fsync: S3 is the truth, and a copy that a power cut has torn does not verify against its name.
  const written = await writeSafetensorsFile(unnamed, tensors, metadata, { fsync: false });
  const path = join(dir, `${name}-${written.sha256}.safetensors`);
  await rename(unnamed, path);
  return { path, ...written, counters, isBest };
}

export interface Restored {
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly best: ReadonlyMap<string, TensorData> | null;
}

/**
 * The values of `wanted` and the best epoch's; MODEL_HASH, MODEL_FORMAT or MODEL_WEIGHTS where they are not what the
 * manifest says.
 */
export async function readCheckpoint(resume: NonNullable<TrainJob['resume']>, wanted: StateShapes): Promise<Restored> {
  const { tensors } = await readSafetensorsFile(resume.path, { sha256: resume.sha256 });
  const values = checkedValues(wanted, tensors, resume.path);
  const best = new Map<string, TensorData>();
  for (const [name, data] of tensors) {
    if (name.startsWith('best/')) best.set(name.slice('best/'.length), { ...data, data: data.data.slice() });
  }
  return {
    values: new Map([...values].map(([name, data]) => [name, asFloat32(data)])),
    best: best.size > 0 ? best : null,
  };
}
