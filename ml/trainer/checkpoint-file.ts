import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { StagedCheckpoint, TrainJob } from '../../contracts/ml-protocol.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import type { Model } from './model.ts';
import { loadParameters } from './parameters.ts';
import type { TensorStore } from './parameters.ts';

/**
 * The tensors of a checkpoint: what learns (`param/…`), its optimizer slots (`slot/…`) and the best epoch's values
 * (`best/…`). What is frozen is not in it: it comes from the weights that the run's key names.
 */
export interface TrainTensors {
  readonly parameters: TensorStore;
  readonly slots: TensorStore;
  /** By name, of the best epoch so far; null before the first one. */
  best: Map<string, TensorData> | null;
}

/** Names of everything a step changes besides the slots. */
export function movingNames(model: Model): string[] {
  return [...model.trainable, ...model.statistics].map((spec) => spec.name);
}

/** Copies out what the best epoch's weights are restored from at the end. */
export function snapshot(model: Model, parameters: TensorStore): Map<string, TensorData> {
  return parameters.read('', movingNames(model));
}

/**
 * Writes the state to the local disk at a step boundary, whole or not at all. The worker uploads it beside the next
 * steps; until then a crash of the machine's processes finds it here.
 */
export async function stageCheckpoint(
  dir: string,
  model: Model,
  state: TrainTensors,
  counters: TrainCounters,
  isBest: boolean,
): Promise<StagedCheckpoint> {
  const tensors = new Map<string, TensorData>([
    ...state.parameters.read('param/', movingNames(model)),
    ...state.slots.read('slot/'),
    ...[...(state.best ?? [])].map(([name, data]): [string, TensorData] => [`best/${name}`, data]),
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

/** Loads a checkpoint's tensors; MODEL_HASH, MODEL_FORMAT or MODEL_WEIGHTS where they are not what the manifest says. */
export async function restoreCheckpoint(
  resume: NonNullable<TrainJob['resume']>,
  model: Model,
  state: TrainTensors,
): Promise<void> {
  const { tensors } = await readSafetensorsFile(resume.path, { sha256: resume.sha256 });
  loadParameters(state.parameters, [...model.trainable, ...model.statistics], tensors, 'param/', resume.path);
  const best = new Map<string, TensorData>();
  for (const [name, data] of tensors) {
    if (name.startsWith('slot/')) state.slots.load(name.slice('slot/'.length), floats(data), data.shape);
    if (name.startsWith('best/')) best.set(name.slice('best/'.length), { ...data, data: data.data.slice() });
  }
  state.best = best.size > 0 ? best : null;
}

function floats(data: TensorData): Float32Array {
  const bytes = data.data.slice();
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
